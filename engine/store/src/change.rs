//! What the log holds: changes as whole values, so that applying one twice does no harm.

use crate::bulk::TableFile;
use crate::cards::record::{HOLDER_BYTES, HolderKey};
use crate::codec::{self, Damage};
use crate::keys::{CardKey, shard_of};
use crate::progress::{FileId, FileProgress};
use crate::record;
use bincode::{BorrowDecode, Encode};
use sha2::{Digest, Sha256};
use shikaku_domain::{Insurer, PersonId};
use std::fmt;

/// A place in the log: the first record has 1, the next 2, without gaps. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The position with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Names one operation, so that a repeated request takes effect once. The caller chooses it: a
/// UUID, or [`OperationId::of`] what makes the operation this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId([u8; 16]);

impl OperationId {
    /// The operation with these bytes, such as a UUID's.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The operation that these parts describe, such as a file's digest and a line number: the
    /// first half of a SHA-256 over each part and its length.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(first_bytes(&digest.finalize()))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A table of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Entry,
    Person,
    Insurer,
    Progress,
    Town,
    /// Not a table of its own: names a file with rows of another one.
    File,
    Certificate,
    Consent,
    Event,
    Holder,
}

impl Table {
    const ALL: [Self; 10] = [
        Self::Entry,
        Self::Person,
        Self::Insurer,
        Self::Progress,
        Self::Town,
        Self::File,
        Self::Certificate,
        Self::Consent,
        Self::Event,
        Self::Holder,
    ];
    /// Those that shards keep.
    pub(crate) const STORED: [Self; 9] = [
        Self::Entry,
        Self::Person,
        Self::Insurer,
        Self::Progress,
        Self::Town,
        Self::Certificate,
        Self::Consent,
        Self::Event,
        Self::Holder,
    ];

    /// The table's name on disk and in messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Person => "person",
            Self::Insurer => "insurer",
            Self::Progress => "progress",
            Self::Town => "town",
            Self::File => "file",
            Self::Certificate => "certificate",
            Self::Consent => "consent",
            Self::Event => "event",
            Self::Holder => "holder",
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Entry => 1,
            Self::Person => 2,
            Self::Insurer => 3,
            Self::Progress => 4,
            Self::Town => 5,
            Self::File => 6,
            Self::Certificate => 7,
            Self::Consent => 8,
            Self::Event => 9,
            Self::Holder => 10,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self, Damage> {
        // What names tables is under a checksum, so an unknown one is a later version's.
        Self::ALL.into_iter().find(|table| table.byte() == byte).ok_or(codec::NEWER)
    }
}

/// One value put or deleted. Opaque outside this crate: it is made by the [`crate::Writer`],
/// kept by the log and applied by the shard it belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    pub(crate) table: Table,
    pub(crate) key: Box<[u8]>,
    /// The encoded record; `None` deletes.
    pub(crate) value: Option<Vec<u8>>,
}

impl Change {
    pub(crate) fn entry(key: &CardKey, value: Option<Vec<u8>>) -> Self {
        Self { table: Table::Entry, key: key.as_bytes().into(), value }
    }

    pub(crate) fn person(person: PersonId, value: Option<Vec<u8>>) -> Self {
        Self { table: Table::Person, key: Box::new(person.number().to_be_bytes()), value }
    }

    pub(crate) fn insurer(insurer: &Insurer) -> Self {
        Self {
            table: Table::Insurer,
            key: Box::new(insurer.number.number().to_be_bytes()),
            value: Some(record::encode_insurer(insurer)),
        }
    }

    pub(crate) fn progress(file: &FileId, progress: &FileProgress) -> Self {
        Self {
            table: Table::Progress,
            key: Box::new(*file.as_bytes()),
            value: Some(record::encode_progress(progress)),
        }
    }

    /// Finds a person by birth date, sex and name; see [`crate::cards`].
    pub(crate) fn holder(key: HolderKey) -> Self {
        Self { table: Table::Holder, key: Box::new(key), value: Some(Vec::new()) }
    }

    /// `code` is the key and `value` the record of a new town.
    pub(crate) fn town((code, value): ([u8; 4], Vec<u8>)) -> Self {
        Self { table: Table::Town, key: Box::new(code), value: Some(value) }
    }

    /// The rows of a file, for one shard.
    pub(crate) fn file(shard: usize, file: &TableFile) -> Self {
        // INVARIANT: a store has at most `SHARDS_MAX` shards.
        let shard = u16::try_from(shard).unwrap_or(u16::MAX).to_be_bytes();
        let key = [&shard, file.name.as_bytes()].concat();
        Self { table: Table::File, key: key.into(), value: Some(file.encode()) }
    }

    /// The shard, from 0, that this change belongs to in a store of `shards` shards.
    #[must_use]
    pub fn shard(&self, shards: usize) -> usize {
        shard_of_key(self.table, &self.key, shards)
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.value.is_some() { "put" } else { "delete" };
        write!(f, "Change({verb} {})", self.table.name()) // keys and values are personal
    }
}

/// Bytes at the beginning of a key of a table that name the person.
const PERSON_BYTES: usize = 8;

/// The shard that holds a key: entries, persons and certificates are spread, what belongs to a
/// person is where the person is, the small tables are in shard 0.
pub(crate) fn shard_of_key(table: Table, key: &[u8], shards: usize) -> usize {
    match table {
        Table::Entry | Table::Person | Table::Certificate => shard_of(key, shards),
        Table::Consent | Table::Event => shard_of(key.get(..PERSON_BYTES).unwrap_or(key), shards),
        Table::Holder => shard_of(key.get(..HOLDER_BYTES).unwrap_or(key), shards),
        Table::Insurer | Table::Progress | Table::Town => 0,
        // The log names the shard; one that the store does not have is no shard's.
        Table::File => key.first_chunk().map_or(shards, |shard| u16::from_be_bytes(*shard).into()),
    }
}

/// Sorts changes by the shard they belong to; the order within a shard is kept.
#[must_use]
pub fn per_shard(changes: Vec<Change>, shards: usize) -> Vec<Vec<Change>> {
    let mut sorted: Vec<Vec<Change>> = vec![Vec::new(); shards];
    for change in changes {
        if let Some(shard) = sorted.get_mut(change.shard(shards)) {
            shard.push(change);
        }
    }
    sorted
}

/// One operation in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its place.
    pub position: Position,
    /// What caused it.
    pub operation: OperationId,
    /// What it changes, in the order of application.
    pub changes: Vec<Change>,
}

/// Most bytes of one encoded log record: 4,096 changes of 16 KiB.
pub const LOG_RECORD_BYTES_MAX: usize = 64 << 20;
const CHECKSUM_BYTES: usize = 8;

#[derive(Encode, BorrowDecode)]
struct LogHead {
    position: u64,
    operation: [u8; 16],
    changes: u64,
}

#[derive(Encode, BorrowDecode)]
struct ChangeRecord<'a> {
    table: u8,
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl LogRecord {
    /// version 1 | first 8 bytes of the SHA-256 of the rest | head | changes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { position, operation, changes } = self;
        let size = |change: &Change| change.key.len() + change.value.as_ref().map_or(0, Vec::len);
        let bytes: usize = changes.iter().map(|change| size(change) + 8).sum();
        let mut out = codec::start(bytes + 64);
        out.extend_from_slice(&[0; CHECKSUM_BYTES]);
        let head = LogHead {
            position: position.number(),
            operation: operation.0,
            changes: changes.len() as u64,
        };
        codec::add(&mut out, &head);
        for Change { table, key, value } in changes {
            let change = ChangeRecord { table: table.byte(), key, value: value.as_deref() };
            codec::add(&mut out, &change);
        }
        if let Some((head, rest)) = out.split_at_mut_checked(1 + CHECKSUM_BYTES)
            && let Some(slot) = head.get_mut(1..)
        {
            slot.copy_from_slice(&checksum(rest));
        }
        out
    }

    pub(crate) fn decode(record: &[u8]) -> Result<Self, Damage> {
        let rest = codec::open(record)?;
        let (sum, mut rest) = rest.split_first_chunk::<CHECKSUM_BYTES>().ok_or("truncated")?;
        if checksum(rest) != *sum {
            return Err("checksum mismatch");
        }
        let head: LogHead = codec::take(&mut rest)?;
        let mut changes = Vec::new();
        for _ in 0..head.changes {
            let ChangeRecord { table, key, value } = codec::take(&mut rest)?;
            changes.push(Change {
                table: Table::from_byte(table)?,
                key: key.into(),
                value: value.map(Into::into),
            });
        }
        codec::end(rest)?;
        Ok(Self {
            position: Position(head.position),
            operation: OperationId(head.operation),
            changes,
        })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    first_bytes(&Sha256::digest(bytes))
}

fn first_bytes<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> LogRecord {
        LogRecord {
            position: Position(3),
            operation: OperationId([7; 16]),
            changes: vec![
                Change::person(PersonId::from_number(5).unwrap(), Some(vec![1, 2])),
                Change::person(PersonId::from_number(6).unwrap(), None),
            ],
        }
    }

    #[test]
    fn the_bytes_of_version_1_are_frozen() {
        let mut frozen = vec![1, 0x2f, 0, 0, 0, 0, 0, 0, 0];
        frozen.push(3);
        frozen.extend([7; 16]);
        frozen.push(2);
        frozen.extend([2, 8, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 1, 2]);
        frozen.extend([2, 8, 0, 0, 0, 0, 0, 0, 0, 6, 0]);
        let sum = checksum(&frozen[9..]);
        frozen[1..9].copy_from_slice(&sum);
        assert_eq!(record().encode(), frozen);
        assert_eq!(sum, [246, 141, 142, 139, 43, 203, 78, 39]);
    }

    #[test]
    fn an_operation_id_depends_on_where_the_parts_end() {
        assert_ne!(OperationId::of(&[b"ab", b"c"]), OperationId::of(&[b"a", b"bc"]));
        assert_eq!(OperationId::of(&[b"ab"]), OperationId::of(&[b"ab"]));
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_noticed(byte in 0usize..64, bit in 0u8..8) {
            let mut bytes = record().encode();
            let at = byte % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(LogRecord::decode(&bytes).is_err());
        }

        #[test]
        fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut sealed = vec![1];
            sealed.extend(checksum(&bytes));
            sealed.extend(&bytes);
            let _ = LogRecord::decode(&bytes);
            let _ = LogRecord::decode(&sealed);
        }
    }
}
