//! A shard's entries in memory as a whole, where they fit.
//!
//! RocksDB finds a cached entry by two binary searches, in a dozen places of memory; the table here
//! needs two ([`ResidentTable`]). It is a copy: made from the shard in the background, kept up to
//! date by the shard's writer, never written to a disk. While there is none, RocksDB answers.

mod table;

use crate::change::{Change, Table};
use crate::error::StoreError;
use crate::shard::{Backend, Reach};
use arc_swap::ArcSwapOption;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::{Making, ResidentTable, Sought, bytes_beside_rows};

/// Rows between two looks at whether to go on.
const ROWS_PER_LOOK: usize = 4096;
/// Rows that may be written while a table is made; beyond it, it is made again later.
const WRITTEN_MEANWHILE_MAX: usize = 4 << 20;
/// The shortest row that there is: 10 bytes of key, 30 of value, its slot.
const ROW_BYTES_MIN: usize = 50;

/// What became of the wish to have all entries in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residence {
    /// They are.
    Resident,
    /// Not now: they changed faster than they could be copied. Worth another try.
    Changing,
    /// They take more memory than allowed.
    TooLarge,
    /// The asker did not want it any more.
    Stopped,
}

/// What was written while a table is made.
enum Meanwhile {
    /// None is made.
    NotMaking,
    /// The keys.
    Keys(Vec<Box<[u8]>>),
    /// Too much, or table files.
    TooMuch,
}

/// A shard's table of entries, if it has one now.
pub(crate) struct Resident {
    table: ArcSwapOption<ResidentTable>,
    meanwhile: Mutex<Meanwhile>,
}

impl Resident {
    pub(crate) fn new() -> Self {
        Self { table: ArcSwapOption::empty(), meanwhile: Mutex::new(Meanwhile::NotMaking) }
    }

    /// Passes the entry of a key on, if there is one. `false` when the shard must be asked.
    // HOT PATH: no lock.
    pub(crate) fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> bool {
        let table = self.table.load();
        match table.as_ref().map_or(Sought::Elsewhere, |table| table.find(key)) {
            Sought::Value(value) => found(value),
            Sought::Nothing => {}
            Sought::Elsewhere => return false,
        }
        true
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.table.load().as_ref().map_or(0, |table| table.bytes())
    }

    /// To be held by the shard's writer from before it writes these changes until it has told what
    /// came of it. Table files bring rows that nobody here sees: they end the table.
    pub(crate) fn writing(&self, changes: &[Change]) -> Writing<'_> {
        let mut meanwhile = self.lock();
        if changes.iter().any(|change| change.table == Table::File) {
            self.table.store(None);
            if matches!(*meanwhile, Meanwhile::Keys(_)) {
                *meanwhile = Meanwhile::TooMuch;
            }
        }
        Writing { resident: self, meanwhile }
    }

    /// Makes the table if there is none, from a shard whose writer tells of each write. Asks now
    /// and then whether to go on; takes no more than `bytes_max` of memory.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn make(
        &self,
        shard: &dyn Backend,
        bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Residence, StoreError> {
        if self.table.load().is_some() {
            return Ok(Residence::Resident);
        }
        let estimate = usize::try_from(shard.stats().entries_estimate).unwrap_or(usize::MAX);
        if estimate.saturating_mul(ROW_BYTES_MIN) > bytes_max || bytes_beside_rows(0) > bytes_max {
            return Ok(Residence::TooLarge);
        }
        match &mut *self.lock() {
            not_making @ Meanwhile::NotMaking => *not_making = Meanwhile::Keys(Vec::new()),
            Meanwhile::Keys(_) | Meanwhile::TooMuch => return Ok(Residence::Changing),
        }
        let made = collect(shard, bytes_max, go_on).map(|making| making.map(Making::finish));
        // From here to the end of this function the writer waits.
        let mut meanwhile = self.lock();
        let keys = match std::mem::replace(&mut *meanwhile, Meanwhile::NotMaking) {
            Meanwhile::Keys(keys) => keys,
            Meanwhile::NotMaking | Meanwhile::TooMuch => return Ok(Residence::Changing),
        };
        let table = match made? {
            Ok(Some(table)) => table,
            Ok(None) => return Ok(Residence::TooLarge),
            Err(residence) => return Ok(residence),
        };
        for key in keys {
            let mut value = None;
            shard
                .get(Reach::Disk, Table::Entry, &key, &mut |found| value = Some(found.to_vec()))?;
            if !table.take([(&*key, value.as_deref())].into_iter()) {
                return Ok(Residence::Changing);
            }
        }
        self.table.store(Some(Arc::new(table)));
        Ok(Residence::Resident)
    }

    fn lock(&self) -> MutexGuard<'_, Meanwhile> {
        self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All entries of a shard, or why not.
fn collect(
    shard: &dyn Backend,
    bytes_max: usize,
    go_on: &dyn Fn() -> bool,
) -> Result<Result<Making, Residence>, StoreError> {
    let mut making = Making::new();
    let mut refused = None;
    shard.scan(Table::Entry, &[], &mut |key, value| {
        let looks = making.rows().is_multiple_of(ROWS_PER_LOOK);
        if looks && !go_on() {
            refused = Some(Residence::Stopped);
        } else if !making.push(key, value) || looks && making.bytes() > bytes_max {
            refused = Some(Residence::TooLarge);
        }
        refused.map_or(ControlFlow::Continue(()), |_| ControlFlow::Break(()))
    })?;
    if making.bytes() > bytes_max {
        refused = refused.or(Some(Residence::TooLarge));
    }
    Ok(refused.map_or(Ok(making), Err))
}

/// The right to write to the shard.
pub(crate) struct Writing<'r> {
    resident: &'r Resident,
    meanwhile: MutexGuard<'r, Meanwhile>,
}

impl Writing<'_> {
    /// Takes in what the shard has written. A table that is worn is let go, to be made anew.
    pub(crate) fn wrote(mut self, changes: &[Change]) {
        let entries = || changes.iter().filter(|change| change.table == Table::Entry);
        if let Meanwhile::Keys(keys) = &mut *self.meanwhile {
            keys.extend(entries().map(|change| change.key.clone()));
            if keys.len() > WRITTEN_MEANWHILE_MAX {
                *self.meanwhile = Meanwhile::TooMuch;
            }
        }
        let table = self.resident.table.load();
        let rows = entries().map(|change| (&*change.key, change.value.as_deref()));
        if table.as_ref().is_some_and(|table| !table.take(rows)) {
            self.resident.table.store(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Position;
    use crate::shard::{ShardStats, Visit};
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Mutex;

    const ROOM: usize = 64 << 20;

    /// A shard that writes this while it is gone through for the first time.
    struct Busy {
        rows: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
        resident: Resident,
        meanwhile: Mutex<Vec<Change>>,
    }

    fn change(table: Table, key: &str, value: Option<&str>) -> Change {
        let bytes = |text: &str| text.as_bytes().into();
        Change { table, key: bytes(key), value: value.map(|text| text.as_bytes().to_vec()) }
    }

    fn busy(meanwhile: Vec<Change>) -> Busy {
        let rows = ["a", "b", "c"].map(|key| (key.as_bytes().to_vec(), b"first".to_vec()));
        Busy {
            rows: Mutex::new(rows.into_iter().collect()),
            resident: Resident::new(),
            meanwhile: Mutex::new(meanwhile),
        }
    }

    impl Backend for Busy {
        fn get(
            &self,
            _: Reach,
            _: Table,
            key: &[u8],
            found: &mut dyn FnMut(&[u8]),
        ) -> Result<(), StoreError> {
            if let Some(value) = self.rows.lock().unwrap().get(key) {
                found(value);
            }
            Ok(())
        }

        fn scan(&self, _: Table, _: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
            let snapshot = self.rows.lock().unwrap().clone();
            self.write(Position::START, &std::mem::take(&mut *self.meanwhile.lock().unwrap()))?;
            let _ = snapshot.iter().try_for_each(|(key, value)| visit(key, value));
            Ok(())
        }

        fn write(&self, _: Position, changes: &[Change]) -> Result<(), StoreError> {
            let writing = self.resident.writing(changes);
            for Change { key, value, .. } in changes {
                let mut rows = self.rows.lock().unwrap();
                match value {
                    Some(value) => rows.insert(key.to_vec(), value.clone()),
                    None => rows.remove(&**key),
                };
            }
            writing.wrote(changes);
            Ok(())
        }

        fn applied(&self) -> Position {
            Position::START
        }

        fn keep_resident(
            &self,
            max: usize,
            go_on: &dyn Fn() -> bool,
        ) -> Result<Residence, StoreError> {
            self.resident.make(self, max, go_on)
        }

        fn checkpoint(&self, _: &Path) -> Result<(), StoreError> {
            Ok(())
        }

        fn stats(&self) -> ShardStats {
            ShardStats::default()
        }

        fn cache_bytes(&self) -> (u64, u64) {
            (0, 0)
        }

        fn path(&self) -> &Path {
            Path::new("busy")
        }
    }

    fn found(shard: &Busy, key: &str) -> Option<String> {
        let mut value = None;
        let mut found = |bytes: &[u8]| value = Some(String::from_utf8(bytes.to_vec()).unwrap());
        assert!(shard.resident.get(key.as_bytes(), &mut found), "the table knows");
        value
    }

    #[test]
    fn what_is_written_while_the_table_is_made_is_in_it() {
        let meanwhile = vec![
            change(Table::Entry, "a", Some("second")),
            change(Table::Entry, "b", None),
            change(Table::Entry, "d", Some("new")),
        ];
        let shard = busy(meanwhile);
        assert_eq!(shard.keep_resident(ROOM, &|| true).unwrap(), Residence::Resident);
        let all = ["a", "b", "c", "d"].map(|key| found(&shard, key));
        assert_eq!(
            all,
            [Some("second"), None, Some("first"), Some("new")].map(|v| v.map(String::from))
        );
        shard.write(Position::START, &[change(Table::Entry, "c", None)]).unwrap();
        assert_eq!(found(&shard, "c"), None);
    }

    #[test]
    fn table_files_end_a_table_made_or_in_the_making() {
        let file = || vec![change(Table::File, "file", Some(""))];
        let shard = busy(file());
        assert_eq!(shard.keep_resident(ROOM, &|| true).unwrap(), Residence::Changing);
        assert_eq!(shard.keep_resident(ROOM, &|| true).unwrap(), Residence::Resident);
        shard.write(Position::START, &file()).unwrap();
        assert!(!shard.resident.get(b"a", &mut |_| {}), "the shard must be asked");
    }

    #[test]
    fn it_keeps_to_its_room_and_stops_when_told() {
        let shard = busy(vec![]);
        assert_eq!(shard.keep_resident(1 << 10, &|| true).unwrap(), Residence::TooLarge);
        assert_eq!(shard.keep_resident(ROOM, &|| false).unwrap(), Residence::Stopped);
        assert_eq!(shard.resident.bytes(), 0);
        assert_eq!(shard.keep_resident(ROOM, &|| true).unwrap(), Residence::Resident);
    }
}
