//! The log on this machine's disk, in a RocksDB of its own.

use super::{ChangeLog, check_next};
use crate::change::{LOG_RECORD_BYTES_MAX, LogRecord, OperationId, Position};
use crate::checkpoint;
use crate::closing::Open;
use crate::codec::Damage;
use crate::error::StoreError;
use crate::rocks::{Db, TableUse, open_db};
use rocksdb::{ColumnFamily, Direction, IteratorMode, WriteBatch, WriteOptions};
use std::path::{Path, PathBuf};

/// Records by position are in the default column family; this one finds an operation.
const OPERATIONS: &str = "operation";

/// A log in one folder, written through to the disk before an append returns.
///
/// Invariant: `head` is the position of the last record in the database.
pub struct LocalLog {
    db: Db,
    path: PathBuf,
    head: Position,
    /// Dropped after the database.
    _open: Open,
}

impl LocalLog {
    /// Opens the log in this folder, making it if it is not there.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when it is open elsewhere, [`StoreError::CorruptRecord`], or what the
    /// disk reports.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Open::new().0)
    }

    /// As [`LocalLog::open`], as one of the databases that `open` stands for.
    pub(crate) fn open_with(path: &Path, open: Open) -> Result<Self, StoreError> {
        let db = open_db(path, &[(OPERATIONS, TableUse::Log)], TableUse::Log, None)?;
        let mut log = Self { db, path: path.to_owned(), head: Position::START, _open: open };
        if let Some(last) = log.db.iterator(IteratorMode::End).next() {
            let (key, _) = last.map_err(|error| log.failed(&error))?;
            log.head = position(&key).map_err(|damage| log.corrupt(damage))?;
        }
        Ok(log)
    }

    /// The folder of the store, or of the generation of it, whose log this is.
    pub(crate) fn store(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Copies the log, as it is now, to a folder that is not there yet.
    pub(crate) fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        checkpoint::of_database(&self.db, &self.path, to)
    }

    fn operations(&self) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(OPERATIONS).ok_or_else(|| StoreError::CorruptFiles {
            path: self.path.clone(),
            detail: "the table of operations is missing".to_owned(),
        })
    }

    fn failed(&self, error: &rocksdb::Error) -> StoreError {
        StoreError::from_rocks(&self.path, error)
    }

    fn corrupt(&self, reason: Damage) -> StoreError {
        StoreError::of_record(&self.path, "log", reason)
    }
}

impl ChangeLog for LocalLog {
    fn append(&mut self, record: &LogRecord) -> Result<Position, StoreError> {
        check_next(self.head, record.position)?;
        let bytes = record.encode();
        if bytes.len() > LOG_RECORD_BYTES_MAX {
            return Err(StoreError::BatchTooLarge {
                given: bytes.len(),
                max: LOG_RECORD_BYTES_MAX,
                unit: "bytes",
            });
        }
        let key = record.position.number().to_be_bytes();
        let mut batch = WriteBatch::default();
        batch.put(key, bytes);
        batch.put_cf(self.operations()?, record.operation.as_bytes(), key);
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(|error| self.failed(&error))?;
        self.head = record.position;
        Ok(record.position)
    }

    fn read_from(&self, from: Position, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        let start = from.number().to_be_bytes();
        self.db
            .iterator(IteratorMode::From(&start, Direction::Forward))
            .take(limit)
            .zip(from.number()..)
            .map(|(item, expected)| {
                let (key, value) = item.map_err(|error| self.failed(&error))?;
                let record = LogRecord::decode(&value).map_err(|damage| self.corrupt(damage))?;
                let at = position(&key).map_err(|damage| self.corrupt(damage))?;
                if at != record.position || at.number() != expected.max(1) {
                    return Err(self.corrupt("a record is missing"));
                }
                Ok(record)
            })
            .collect()
    }

    fn head(&self) -> Position {
        self.head
    }

    fn find(&self, operation: &OperationId) -> Result<Option<Position>, StoreError> {
        self.db
            .get_pinned_cf(self.operations()?, operation.as_bytes())
            .map_err(|error| self.failed(&error))?
            .map(|value| position(&value).map_err(|damage| self.corrupt(damage)))
            .transpose()
    }
}

#[cfg(test)]
impl LocalLog {
    /// Puts a record of any version, as the program of that version would.
    pub(crate) fn put_bytes(&self, position: Position, record: &[u8]) {
        let key = position.number().to_be_bytes();
        self.db.put(key, record).unwrap();
        if let Ok(record) = LogRecord::decode(record) {
            let operations = self.operations().unwrap();
            self.db.put_cf(operations, record.operation.as_bytes(), key).unwrap();
        }
    }
}

fn position(bytes: &[u8]) -> Result<Position, Damage> {
    let bytes = bytes.try_into().map_err(|_| "not a position")?;
    Ok(Position::from_number(u64::from_be_bytes(bytes)))
}
