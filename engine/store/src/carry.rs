//! Carrying over what insurers' files do not hold: whose card it is, what was agreed to, what was
//! done. These tables name persons and certificates only, not where somebody is registered, so their
//! rows are the same in every store.
//!
//! First the tables are copied while they change, then the changes since the copy began are
//! followed in the log. Rows are whole values, so a change may be seen twice.

use crate::change::{Change, OperationId, Position, Table};
use crate::error::StoreError;
use crate::log::{ChangeLog, REPLAY_RECORDS_MAX};
use crate::reader::Reader;
use crate::shard::ApplyChanges;
use crate::writer::{BATCH_CHANGES_MAX, Writer};
use std::ops::ControlFlow;

const CARRIED: [Table; 3] = [Table::Certificate, Table::Consent, Table::Event];

/// Carries the tables of cards from a store that serves to its shadow.
pub struct CardCarrier {
    attempt: [u8; 16],
    steps: u64,
    through: Position,
    rows: u64,
}

/// Changes of cards that a log holds.
pub struct CardChanges {
    changes: Vec<Change>,
    through: Position,
    is_all: bool,
}

impl CardChanges {
    /// Whether the log held no more when it was read.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.is_all
    }
}

impl CardCarrier {
    /// A carrier from the store of this reader. `attempt` is random: what an earlier attempt carried
    /// may be older, and is carried again.
    #[must_use]
    pub fn new(attempt: [u8; 16], from: &Reader) -> Self {
        Self { attempt, steps: 0, through: from.lowest_applied(), rows: 0 }
    }

    /// Rows carried so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Copies the tables as they are. Asks before each batch whether to go on, and says whether
    /// everything was copied.
    ///
    /// # Errors
    /// What either store's disk reports.
    pub fn copy<L: ChangeLog>(
        &mut self,
        from: &Reader,
        to: &mut Writer<L>,
        shards: &dyn ApplyChanges,
        go_on: &dyn Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let mut batch = Vec::new();
        for shard in from.shards() {
            for table in CARRIED {
                let mut put = Ok(true);
                shard.scan(table, &[], &mut |key, value| {
                    batch.push(Change { table, key: key.into(), value: Some(value.to_vec()) });
                    if batch.len() == BATCH_CHANGES_MAX {
                        put = self.put(std::mem::take(&mut batch), to, shards).map(|()| go_on());
                    }
                    match put {
                        Ok(true) => ControlFlow::Continue(()),
                        Ok(false) | Err(_) => ControlFlow::Break(()),
                    }
                })?;
                if !put? {
                    return Ok(false);
                }
            }
        }
        self.put(batch, to, shards)?;
        Ok(true)
    }

    /// Reads the next changes of cards in the log: those of a few records.
    ///
    /// # Errors
    /// What the log's disk reports.
    pub fn read<L: ChangeLog>(&self, from: &Writer<L>) -> Result<CardChanges, StoreError> {
        let records = from.log().read_from(self.through.next(), REPLAY_RECORDS_MAX)?;
        let through = records.last().map_or(self.through, |record| record.position);
        let all = records.into_iter().flat_map(|record| record.changes);
        let changes = all.filter(|change| CARRIED.contains(&change.table)).collect();
        Ok(CardChanges { changes, through, is_all: through >= from.head() })
    }

    /// Makes changes that were read durable in the shadow.
    ///
    /// # Errors
    /// What the shadow's disk reports; the same changes are read again then.
    pub fn follow<L: ChangeLog>(
        &mut self,
        read: CardChanges,
        to: &mut Writer<L>,
        shards: &dyn ApplyChanges,
    ) -> Result<(), StoreError> {
        self.put(read.changes, to, shards)?;
        self.through = read.through;
        Ok(())
    }

    fn put<L: ChangeLog>(
        &mut self,
        changes: Vec<Change>,
        to: &mut Writer<L>,
        shards: &dyn ApplyChanges,
    ) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let rows = changes.len() as u64;
        let step = [&b"carried"[..], &self.attempt, &self.steps.to_be_bytes()];
        to.put_changes(OperationId::of(&step), changes, shards)?;
        self.steps += 1;
        self.rows += rows;
        Ok(())
    }
}
