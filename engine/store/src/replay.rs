//! Bringing shards up to the log.

use crate::change::{Change, Position, per_shard};
use crate::error::StoreError;
use crate::log::{ChangeLog, REPLAY_RECORDS_MAX};
use crate::shard::{ApplyChanges, InPlace, ShardWriter};

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The last record applied.
    pub applied: Position,
    /// The last record of the log.
    pub head: Position,
}

/// Applies the log up to `until` to the shards that have not seen it.
pub(crate) fn replay(
    log: &impl ChangeLog,
    writers: &mut Vec<ShardWriter>,
    until: Position,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(), StoreError> {
    let lowest = writers.iter().map(ShardWriter::applied).min();
    let from = lowest.unwrap_or(until);
    let shards = writers.len();
    let in_place = InPlace::new(std::mem::take(writers));
    let result = feed(log, from, until, shards, &in_place, progress);
    *writers = in_place.into_shards();
    result
}

/// Reads the log after `from` up to `until` and passes it to the shards.
pub(crate) fn feed(
    log: &impl ChangeLog,
    from: Position,
    until: Position,
    shards: usize,
    to: &dyn ApplyChanges,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(), StoreError> {
    let mut applied = from;
    while applied < until {
        let records = log.read_from(applied.next(), REPLAY_RECORDS_MAX)?;
        if records.is_empty() {
            return Err(StoreError::OutOfOrder {
                applied: applied.number(),
                given: until.number(),
            });
        }
        for record in records {
            let changes: Vec<Vec<Change>> = per_shard(record.changes, shards);
            to.apply(record.position, changes)?;
            applied = record.position;
        }
        progress(RebuildProgress { applied, head: until });
    }
    Ok(())
}
