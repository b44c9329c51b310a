//! The change log: the truth. Shards can be lost and made again from it.

mod local;
mod memory;

use crate::change::{LogRecord, OperationId, Position};
use crate::error::StoreError;
pub use local::LocalLog;
pub use memory::MemoryLog;

/// Most records read from a log at once: bounds the memory of a replay.
pub const REPLAY_RECORDS_MAX: usize = 16;

/// An ordered, durable list of operations.
///
/// The log gives positions: the record appended next must be at `head().next()`.
pub trait ChangeLog {
    /// Appends one record. When this returns, the record survives the loss of power.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] for another position than the next,
    /// [`StoreError::BatchTooLarge`], or what the disk reports; then whether the record was kept is
    /// known only after opening the log again.
    fn append(&mut self, record: &LogRecord) -> Result<Position, StoreError>;

    /// The records from this position on, at most `limit` of them, in order.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`] or what the disk reports.
    fn read_from(&self, position: Position, limit: usize) -> Result<Vec<LogRecord>, StoreError>;

    /// The last position, [`Position::START`] when the log is empty.
    fn head(&self) -> Position;

    /// Where the operation is, if the log has it.
    ///
    /// # Errors
    /// What the disk reports.
    fn find(&self, operation: &OperationId) -> Result<Option<Position>, StoreError>;
}

fn check_next(head: Position, given: Position) -> Result<(), StoreError> {
    if given == head.next() {
        return Ok(());
    }
    Err(StoreError::OutOfOrder { applied: head.number(), given: given.number() })
}
