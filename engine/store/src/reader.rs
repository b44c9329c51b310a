//! Reading the index, from any number of threads at once.

use crate::change::{Change, Position, Table, shard_of_key};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::keys::{CardKey, CardParts, insurer_prefix};
use crate::masters::Masters;
use crate::progress::{FileId, FileProgress};
use crate::record::{decode_progress, with_registrations};
use crate::resident::Residence;
use crate::shard::{Backend, Reach, ShardStats};
use crate::towns::TownTable;
use shikaku_domain::{CardQuery, Insurer, InsurerNumber, Registration};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Reads the index. Cloning costs two reference counts; a clone belongs in every worker.
///
/// A batch becomes visible shard by shard: for a moment one card may show a change and another not
/// yet. Within one card nothing is ever half changed.
#[derive(Clone)]
pub struct Reader {
    shards: Arc<[Arc<dyn Backend>]>,
    masters: Arc<Masters>,
    reach: Reach,
}

/// Numbers of the store, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Each shard, by index.
    pub shards: Vec<ShardStats>,
    /// Bytes in the block cache.
    pub cache_used_bytes: u64,
    /// Bytes that the block cache may hold.
    pub cache_capacity_bytes: u64,
}

impl Reader {
    pub(crate) const fn new(shards: Arc<[Arc<dyn Backend>]>, masters: Arc<Masters>) -> Self {
        Self { shards, masters, reach: Reach::Disk }
    }

    /// A reader that never waits for the disk: point reads of what is not in memory end with
    /// [`StoreError::NotInMemory`], and should be tried again with the reader that this one was
    /// made of, on a thread that may wait.
    #[must_use]
    pub fn in_memory(&self) -> Self {
        Self { reach: Reach::Memory, ..self.clone() }
    }

    /// Passes on the registrations under the queried card: one point read, its texts decoded into one
    /// string. The slice is empty when there are none. A registration may have another branch than the
    /// query; [`shikaku_domain::decide`] sees to that.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], [`StoreError::NotInMemory`] for a reader of memory only, or
    /// what the disk reports.
    // HOT PATH: one allocation for a card with one registration, no lock.
    pub fn with_card<R>(
        &self,
        query: &CardQuery,
        f: impl FnOnce(&[Registration<'_>]) -> R,
    ) -> Result<R, StoreError> {
        let card = CardParts::of_query(query);
        let key = card.key();
        let shard = self.shard(Table::Entry, key.as_bytes())?;
        let mut f = Some(f);
        let mut result = None;
        shard.get(self.reach, Table::Entry, key.as_bytes(), &mut |entry| {
            if let Some(f) = f.take() {
                result = Some(with_registrations(entry, &card, &self.masters.towns, f));
            }
        })?;
        match (result, f) {
            (Some(result), _) => result.map_err(|damage| shard.corrupt(Table::Entry, damage)),
            (None, Some(f)) => Ok(f(&[])),
            (None, None) => Err(shard.corrupt(Table::Entry, "not passed on")),
        }
    }

    /// The insurer with this number, from memory.
    #[must_use]
    pub fn insurer(&self, number: InsurerNumber) -> Option<Arc<Insurer>> {
        self.masters.insurers.find(number)
    }

    /// How many insurers there are.
    #[must_use]
    pub fn insurer_count(&self) -> usize {
        self.masters.insurers.len()
    }

    /// Passes on every registration with an insurer, shard by shard in the order of the cards'
    /// keys, until `f` breaks. Changes made meanwhile may or may not be seen.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn scan_insurer(
        &self,
        insurer: InsurerNumber,
        mut f: impl FnMut(&Registration<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let prefix = insurer_prefix(insurer);
        for shard in self.shards.iter() {
            let mut outcome = Ok(ControlFlow::Continue(()));
            shard.scan(Table::Entry, &prefix, &mut |key, entry| {
                outcome = self.visit_entry(key, entry, &mut f);
                match outcome {
                    Ok(flow) => flow,
                    Err(_) => ControlFlow::Break(()),
                }
            })?;
            if outcome.map_err(|damage| shard.corrupt(Table::Entry, damage))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// How far a file was loaded; `None` when nothing of it was.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn progress(&self, file: &FileId) -> Result<Option<FileProgress>, StoreError> {
        self.read(Table::Progress, file.as_bytes(), decode_progress)
    }

    /// The position that each shard has applied, by index.
    #[must_use]
    pub fn applied(&self) -> Vec<Position> {
        self.shards.iter().map(|shard| shard.applied()).collect()
    }

    /// Numbers for metrics. Takes some microseconds for each shard.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let (used, capacity) = self.shards.first().map_or((0, 0), |shard| shard.cache_bytes());
        StoreStats {
            shards: self.shards.iter().map(|shard| shard.stats()).collect(),
            cache_used_bytes: used,
            cache_capacity_bytes: capacity,
        }
    }

    /// Copies all entries to memory, shard by shard, where they take no more than `bytes_max` in all,
    /// and has them kept up to date; those that are there already stay. Meanwhile and otherwise
    /// questions are answered from the cache and the disk. Asks now and then whether to go on.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn keep_resident(
        &self,
        bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Residence, StoreError> {
        let mut left = bytes_max;
        for shard in self.shards.iter() {
            let residence = shard.keep_resident(left, go_on)?;
            if residence != Residence::Resident {
                return Ok(residence);
            }
            let taken = usize::try_from(shard.stats().resident_bytes).unwrap_or(usize::MAX);
            left = left.saturating_sub(taken);
        }
        Ok(Residence::Resident)
    }

    /// How many shards there are.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// The lowest position that a shard has applied.
    pub(crate) fn lowest_applied(&self) -> Position {
        let applied = self.shards.iter().map(|shard| shard.applied());
        applied.min().unwrap_or(Position::START)
    }

    /// The decoded value of a key.
    pub(crate) fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        decode: impl Fn(&[u8]) -> Result<T, Damage>,
    ) -> Result<Option<T>, StoreError> {
        let shard = self.shard(table, key)?;
        let mut value = None;
        shard.get(self.reach, table, key, &mut |record| value = Some(decode(record)))?;
        value.transpose().map_err(|damage| shard.corrupt(table, damage))
    }

    /// Refuses a reader that must not wait for the disk: no scan can promise that.
    pub(crate) const fn may_scan(&self) -> Result<(), StoreError> {
        match self.reach {
            Reach::Disk => Ok(()),
            Reach::Memory => Err(StoreError::NotInMemory),
        }
    }

    /// The shard that holds a key.
    pub(crate) fn shard(&self, table: Table, key: &[u8]) -> Result<&dyn Backend, StoreError> {
        let index = shard_of_key(table, key, self.shards.len());
        let shard = self.shards.get(index).map(AsRef::as_ref);
        shard.ok_or(StoreError::WrongShards { expected: self.shards.len(), given: index })
    }

    pub(crate) fn shards(&self) -> &[Arc<dyn Backend>] {
        &self.shards
    }

    /// The tables in memory.
    pub(crate) fn masters(&self) -> Arc<Masters> {
        Arc::clone(&self.masters)
    }

    /// Whether these tables have no row.
    pub(crate) fn is_empty(&self, tables: &[Table]) -> Result<bool, StoreError> {
        let mut is_empty = true;
        for shard in self.shards.iter() {
            for table in tables {
                shard.scan(*table, &[], &mut |_, _| {
                    is_empty = false;
                    ControlFlow::Break(())
                })?;
            }
        }
        Ok(is_empty)
    }

    /// The towns that entries name.
    pub(crate) fn towns(&self) -> &TownTable {
        &self.masters.towns
    }

    /// Takes in the towns that logged changes define: a shard may be ahead of the one with the
    /// table, but no entry can be read anywhere before the towns that it names are known.
    pub(crate) fn take_towns(&self, changes: &[Change]) -> Result<(), StoreError> {
        for change in changes.iter().filter(|change| change.table == Table::Town) {
            let shard = self.shard(Table::Town, &change.key)?;
            self.masters.follow(change).map_err(|damage| shard.corrupt(Table::Town, damage))?;
        }
        Ok(())
    }

    fn visit_entry(
        &self,
        key: &[u8],
        entry: &[u8],
        f: &mut impl FnMut(&Registration<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Damage> {
        let card =
            CardKey::from_bytes(key).and_then(|key| key.parts()).ok_or("no such card key")?;
        with_registrations(entry, &card, &self.masters.towns, |all| all.iter().try_for_each(f))
    }
}
