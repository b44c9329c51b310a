//! Rows in memory, found by the hash of their key.
//!
//! ```text
//! slot   hash tag (18 bits), piece (20 bits), offset in it (26 bits); 0: no row
//! row    length of the key (1 byte), of the value (2, little-endian), key, value
//! piece  one byte, so that no row has offset 0, and rows
//! ```
//!
//! Rows are never changed: a new value is a new row, and its slot is turned to it in one step. So
//! any number of threads read while one writes, and nobody waits.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const OFFSET_BITS: u32 = 26;
const PIECE_BITS: u32 = 20;
const TAG_SHIFT: u32 = OFFSET_BITS + PIECE_BITS;
/// Bytes of a piece that an offset reaches.
pub(super) const PIECE_BYTES_MAX: usize = 1 << OFFSET_BITS;
/// Writes after which the table is worn: each is a piece of its own.
const WRITES_MAX: usize = 1 << 16;
/// Bytes of rows written since the table was made, after which it is worn. Half of them may be the
/// rows that they replace, whose memory only a new table gives back.
const ADDED_BYTES_MAX: usize = 512 << 20;
/// Slots for each four rows; beyond nine tenths of them a search would take too many steps.
const SLOTS_PER_FOUR_ROWS: usize = 5;
/// Room for new rows in a small table.
const SLOTS_SPARE: usize = 4096;
const EMPTY: u64 = 0;
const ROW_HEAD_BYTES: usize = 3;
/// In place of the length of a value: there is no row any more.
const GONE: u16 = u16::MAX;
/// In place of the length of a value: it is too large for this table, but the shard has it.
const LARGE: u16 = u16::MAX - 1;

/// What the table knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sought<'t> {
    /// Its value.
    Value(&'t [u8]),
    /// That there is no row.
    Nothing,
    /// Nothing: the shard must be asked.
    Elsewhere,
}

/// The rows of a table, and how to find them.
///
/// Invariants: a key has one slot at most and keeps it; a slot's row lies in a piece that is there
/// before the slot points to it.
pub(super) struct ResidentTable {
    slots: Box<[AtomicU64]>,
    /// Rows as they were when the table was made.
    made: Vec<Box<[u8]>>,
    /// Rows written since, a piece for each write.
    added: Box<[OnceLock<Box<[u8]>>]>,
    writes: AtomicUsize,
    slots_taken: AtomicUsize,
    added_bytes: AtomicUsize,
    made_bytes: usize,
    hasher: FixedState,
}

impl ResidentTable {
    /// Looks a key up.
    // HOT PATH: two places in memory, the slot and the row.
    pub(super) fn find(&self, key: &[u8]) -> Sought<'_> {
        let hash = self.hasher.hash_one(key);
        for slot in self.probe(hash) {
            let slot = slot.load(Ordering::Acquire);
            if slot == EMPTY {
                return Sought::Nothing;
            }
            if slot >> TAG_SHIFT == tag(hash) {
                match self.row(slot) {
                    Some((found, value)) if found == key => return value,
                    Some(_) => {}
                    None => return Sought::Elsewhere,
                }
            }
        }
        Sought::Nothing
    }

    /// Takes in what one write did, in its order; only one thread may write. `false` when the table
    /// is worn and must not be used any more.
    pub(super) fn take<'c>(
        &self,
        changes: impl Iterator<Item = (&'c [u8], Option<&'c [u8]>)>,
    ) -> bool {
        let mut piece = new_piece(0);
        if !changes.into_iter().all(|(key, value)| push_row(&mut piece, key, value)) {
            return false;
        }
        if piece.len() == 1 {
            return true;
        }
        let added_bytes = self.added_bytes.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let Some(place) = self.added.get(write).filter(|_| added_bytes <= ADDED_BYTES_MAX) else {
            return false;
        };
        let piece = place.get_or_init(|| piece.into_boxed_slice());
        self.place_rows(self.made.len() + write, piece)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.made_bytes
            + self.added_bytes.load(Ordering::Relaxed)
            + size_of_val(&*self.slots)
            + size_of_val(&*self.added)
    }

    /// Turns slots to all rows of a piece. `false` when the slots do not suffice.
    fn place_rows(&self, number: usize, piece: &[u8]) -> bool {
        let mut offset = 1;
        while let Some((key, _, bytes)) = row_at(piece, offset) {
            if !self.place(key, number, offset) {
                return false;
            }
            offset += bytes;
        }
        true
    }

    fn place(&self, key: &[u8], piece: usize, offset: usize) -> bool {
        let hash = self.hasher.hash_one(key);
        let new = tag(hash) << TAG_SHIFT | (piece as u64) << OFFSET_BITS | offset as u64;
        if piece >> PIECE_BITS != 0 {
            return false;
        }
        for slot in self.probe(hash) {
            let old = slot.load(Ordering::Relaxed);
            if old == EMPTY {
                let taken = self.slots_taken.fetch_add(1, Ordering::Relaxed) + 1;
                if taken > self.slots.len() / 10 * 9 {
                    return false;
                }
            } else if old >> TAG_SHIFT != tag(hash)
                || self.row(old).is_none_or(|(other, _)| other != key)
            {
                continue;
            }
            slot.store(new, Ordering::Release);
            return true;
        }
        false
    }

    /// The slots in which a key of this hash may be, the likeliest first.
    fn probe(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        let first = (u128::from(hash) * self.slots.len() as u128) >> 64;
        let (before, from) = self.slots.split_at(usize::try_from(first).unwrap_or(0));
        from.iter().chain(before)
    }

    fn row(&self, slot: u64) -> Option<(&[u8], Sought<'_>)> {
        let offset = usize::try_from(slot & ((1 << OFFSET_BITS) - 1)).ok()?;
        let number = usize::try_from(slot >> OFFSET_BITS & ((1 << PIECE_BITS) - 1)).ok()?;
        let piece = match self.made.get(number) {
            Some(piece) => piece,
            None => self.added.get(number - self.made.len())?.get()?,
        };
        let (key, value, _) = row_at(piece, offset)?;
        Some((key, value))
    }
}

/// The low bits of a hash; the high ones choose the slot.
const fn tag(hash: u64) -> u64 {
    hash & ((1 << (u64::BITS - TAG_SHIFT)) - 1)
}

fn new_piece(capacity: usize) -> Vec<u8> {
    let mut piece = Vec::with_capacity(capacity);
    piece.push(0);
    piece
}

/// Key, value and length of the row at this offset.
fn row_at(piece: &[u8], offset: usize) -> Option<(&[u8], Sought<'_>, usize)> {
    let (&[key_len, low, high], rest) = piece.get(offset..)?.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(key_len.into())?;
    let (value, value_len) = match u16::from_le_bytes([low, high]) {
        GONE => (Sought::Nothing, 0),
        LARGE => (Sought::Elsewhere, 0),
        len => (Sought::Value(rest.get(..len.into())?), usize::from(len)),
    };
    Some((key, value, ROW_HEAD_BYTES + key.len() + value_len))
}

/// `false` when the row does not fit: the key is too long, or the piece is full.
fn push_row(piece: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) -> bool {
    let Ok(key_len) = u8::try_from(key.len()) else { return false };
    let (len, value) = match value.map(|value| (u16::try_from(value.len()), value)) {
        None => (GONE, &[][..]),
        Some((Ok(len), value)) if len < LARGE => (len, value),
        Some(_) => (LARGE, &[][..]),
    };
    if piece.len() + ROW_HEAD_BYTES + key.len() + value.len() > PIECE_BYTES_MAX {
        return false;
    }
    let [low, high] = len.to_le_bytes();
    piece.extend_from_slice(&[key_len, low, high]);
    piece.extend_from_slice(key);
    piece.extend_from_slice(value);
    true
}

/// Collects rows for a table.
pub(super) struct Making {
    pieces: Vec<Vec<u8>>,
    rows: usize,
    piece_bytes: usize,
}

impl Making {
    pub(super) const fn new() -> Self {
        Self { pieces: Vec::new(), rows: 0, piece_bytes: PIECE_BYTES_MAX }
    }

    /// Adds a row whose key is not there yet. `false` when its key is too long for the table.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.rows += 1;
        if let Some(piece) = self.pieces.last_mut()
            && push_row(piece, key, Some(value))
        {
            return true;
        }
        let mut piece = new_piece(self.piece_bytes);
        let fits = push_row(&mut piece, key, Some(value));
        self.pieces.push(piece);
        fits
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that the finished table will have.
    pub(super) fn bytes(&self) -> usize {
        let full = self.pieces.len().saturating_sub(1) * self.piece_bytes;
        full + self.pieces.last().map_or(0, Vec::len) + bytes_beside_rows(self.rows)
    }

    /// `None` when there are more rows than a table can have.
    pub(super) fn finish(self) -> Option<ResidentTable> {
        let made: Vec<_> = self.pieces.into_iter().map(Vec::into_boxed_slice).collect();
        let table = ResidentTable {
            slots: (0..slots_for(self.rows)).map(|_| AtomicU64::new(EMPTY)).collect(),
            made_bytes: made.iter().map(|piece| piece.len()).sum(),
            made,
            added: (0..WRITES_MAX).map(|_| OnceLock::new()).collect(),
            writes: AtomicUsize::new(0),
            slots_taken: AtomicUsize::new(0),
            added_bytes: AtomicUsize::new(0),
            hasher: FixedState::default(),
        };
        let placed = table.made.iter().enumerate().all(|(at, piece)| table.place_rows(at, piece));
        placed.then_some(table)
    }
}

const fn slots_for(rows: usize) -> usize {
    rows / 4 * SLOTS_PER_FOUR_ROWS + SLOTS_SPARE
}

/// Slots and the list of later pieces.
pub(super) const fn bytes_beside_rows(rows: usize) -> usize {
    slots_for(rows) * size_of::<AtomicU64>() + WRITES_MAX * size_of::<OnceLock<Box<[u8]>>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

    fn making(rows: &Rows, piece_bytes: usize) -> Making {
        let mut making = Making { piece_bytes, ..Making::new() };
        assert!(rows.iter().all(|(key, value)| making.push(key, value)));
        making
    }

    fn value(found: Sought<'_>) -> Option<Vec<u8>> {
        match found {
            Sought::Value(value) => Some(value.to_vec()),
            Sought::Nothing => None,
            Sought::Elsewhere => panic!("the table should know"),
        }
    }

    #[test]
    fn values_too_large_for_a_row_are_left_to_the_shard() {
        let table = Making::new().finish().unwrap();
        let large = vec![7; usize::from(LARGE)];
        assert!(table.take([(&b"large"[..], Some(&large[..]))].into_iter()));
        assert_eq!(table.find(b"large"), Sought::Elsewhere);
        assert!(table.take([(&b"large"[..], Some(&large[1..]))].into_iter()));
        assert_eq!(table.find(b"large"), Sought::Value(&large[1..]));
        let long_key = [1; 256];
        assert!(!table.take([(&long_key[..], None)].into_iter()), "worn rather than wrong");
        assert!(!Making::new().push(&long_key, b""));
    }

    #[test]
    fn a_table_without_room_says_so() {
        let table = Making::new().finish().unwrap();
        let keys: Vec<[u8; 8]> = (0..SLOTS_SPARE as u64).map(u64::to_be_bytes).collect();
        let (most, rest) = keys.split_at(SLOTS_SPARE / 10 * 9);
        assert!(table.take(most.iter().map(|key| (&key[..], Some(&key[..])))));
        assert!(!table.take(rest.iter().map(|key| (&key[..], Some(&key[..])))));
    }

    #[test]
    fn what_it_says_of_its_memory_is_what_was_foretold() {
        let rows = (0..1_000_u32).map(|n| (n.to_be_bytes().to_vec(), vec![1; 60])).collect();
        let making = making(&rows, PIECE_BYTES_MAX);
        let foretold = making.bytes();
        assert_eq!(making.finish().unwrap().bytes(), foretold);
    }

    fn row() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
        let key = proptest::collection::vec(0_u8..3, 0..5);
        (key, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)))
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map(
            first in proptest::collection::vec(row(), 0..60),
            writes in proptest::collection::vec(proptest::collection::vec(row(), 0..20), 0..8),
            piece_bytes in 64_usize..512,
        ) {
            let mut rows: Rows =
                first.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let table = making(&rows, piece_bytes).finish().unwrap();
            for write in writes {
                let changes = write.iter().map(|(key, value)| (&key[..], value.as_deref()));
                prop_assert!(table.take(changes));
                for (key, value) in write {
                    match value {
                        Some(value) => rows.insert(key, value),
                        None => rows.remove(&key),
                    };
                }
                for length in 0..5_u32 {
                    for number in 0..3_u32.pow(length) {
                        let digit = |place| u8::try_from(number / 3_u32.pow(place) % 3).unwrap();
                        let key: Vec<u8> = (0..length).map(digit).collect();
                        prop_assert_eq!(value(table.find(&key)), rows.get(&key).cloned());
                    }
                }
            }
        }
    }
}
