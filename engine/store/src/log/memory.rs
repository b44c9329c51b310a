//! The log's twin without a disk, for tests and for trying things out.

use super::{ChangeLog, check_next};
use crate::change::{LogRecord, OperationId, Position};
use crate::error::StoreError;
use std::collections::HashMap;

/// A log in memory. It forgets everything when dropped.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    records: Vec<LogRecord>,
    operations: HashMap<OperationId, Position>,
}

impl ChangeLog for MemoryLog {
    fn append(&mut self, record: &LogRecord) -> Result<Position, StoreError> {
        check_next(self.head(), record.position)?;
        self.operations.insert(record.operation, record.position);
        self.records.push(record.clone());
        Ok(record.position)
    }

    fn read_from(&self, position: Position, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        let from = |record: &&LogRecord| record.position >= position;
        Ok(self.records.iter().filter(from).take(limit).cloned().collect())
    }

    fn head(&self) -> Position {
        self.records.last().map_or(Position::START, |record| record.position)
    }

    fn find(&self, operation: &OperationId) -> Result<Option<Position>, StoreError> {
        Ok(self.operations.get(operation).copied())
    }
}
