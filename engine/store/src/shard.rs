//! A shard: one part of the index, with one writer and any number of readers.

use crate::change::{Change, Position, Table};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::masters::Masters;
use crate::resident::Residence;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Sees one key and its value; may stop the scan.
pub(crate) type Visit<'f> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'f;

/// How far a read may go for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Memory only; [`StoreError::NotInMemory`] where that cannot tell.
    Memory,
    /// To the disk if need be.
    Disk,
}

/// What the two kinds of shard, RocksDB and memory, have in common. Keys and values are bytes.
pub(crate) trait Backend: Send + Sync {
    /// Passes the value of a key on, if there is one.
    fn get(
        &self,
        reach: Reach,
        table: Table,
        key: &[u8],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<(), StoreError>;

    /// Passes on keys with this prefix and their values, in order, until told to stop.
    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Writes the changes and the position, both or neither.
    fn write(&self, position: Position, changes: &[Change]) -> Result<(), StoreError>;

    /// The position last written.
    fn applied(&self) -> Position;

    /// Copies all entries to memory, if that takes no more than `bytes_max`, and keeps them up to
    /// date from then on. Asks now and then whether to go on.
    fn keep_resident(
        &self,
        bytes_max: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Residence, StoreError>;

    /// Copies the shard, as it is now, to a folder that is not there yet.
    fn checkpoint(&self, to: &Path) -> Result<(), StoreError>;

    /// Numbers for metrics.
    fn stats(&self) -> ShardStats;

    /// Usage and capacity in bytes of the cache that the shards share.
    fn cache_bytes(&self) -> (u64, u64);

    /// Where the shard is, for messages.
    fn path(&self) -> &Path;
}

impl dyn Backend + '_ {
    pub(crate) fn corrupt(&self, table: Table, reason: Damage) -> StoreError {
        StoreError::of_record(self.path(), table.name(), reason)
    }
}

/// Numbers of one shard, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Cards with registrations; RocksDB's estimate.
    pub entries_estimate: u64,
    /// Bytes of all table files.
    pub sst_bytes: u64,
    /// Bytes of writes still in memory.
    pub memtable_bytes: u64,
    /// Bytes of entries kept in memory as a whole; 0 while they are not.
    pub resident_bytes: u64,
    /// Whether writes wait for flushes or compactions now.
    pub writes_stalled: bool,
    /// Failed flushes and compactions since the shard was opened. Above 0, someone must act.
    pub background_errors: u64,
}

/// The only writer of one shard. Not `Clone`: whoever has it decides the order of writes.
pub struct ShardWriter {
    backend: Arc<dyn Backend>,
    masters: Arc<Masters>,
    index: usize,
}

impl ShardWriter {
    pub(crate) fn new(backend: Arc<dyn Backend>, masters: Arc<Masters>, index: usize) -> Self {
        Self { backend, masters, index }
    }

    /// The shard's number, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The position last applied.
    #[must_use]
    pub fn applied(&self) -> Position {
        self.backend.applied()
    }

    /// Applies the changes of one log record that belong to this shard, and notes the position, in
    /// one write. A record that was applied before is skipped. Every record must come to every
    /// shard, even without changes for it.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] when a record was left out, [`StoreError::CorruptRecord`], or
    /// what the disk reports; then nothing was applied and the same record may be tried again.
    pub fn apply(&mut self, position: Position, changes: &[Change]) -> Result<(), StoreError> {
        let applied = self.applied();
        if position <= applied {
            return Ok(());
        }
        if position != applied.next() {
            return Err(StoreError::OutOfOrder {
                applied: applied.number(),
                given: position.number(),
            });
        }
        for change in changes {
            let corrupt = |damage| self.backend.corrupt(change.table, damage);
            Masters::check(change).map_err(corrupt)?;
        }
        self.backend.write(position, changes)?;
        for change in changes {
            let corrupt = |damage| self.backend.corrupt(change.table, damage);
            self.masters.follow(change).map_err(corrupt)?;
        }
        Ok(())
    }
}

/// Brings the changes of one log record to the shards.
pub trait ApplyChanges {
    /// Applies a record to all shards: `per_shard` has the changes for each, by index. Returns when
    /// all shards have applied it.
    ///
    /// # Errors
    /// The first error of a shard; the other shards may have applied the record.
    fn apply(&self, position: Position, per_shard: Vec<Vec<Change>>) -> Result<(), StoreError>;
}

/// Applies changes on threads of its own, one for each shard that has any. For offline tools and
/// tests; the engine has an actor for each shard instead.
pub struct InPlace(Mutex<Vec<ShardWriter>>);

impl InPlace {
    /// Takes the writers of all shards, in order of their index.
    #[must_use]
    pub const fn new(shards: Vec<ShardWriter>) -> Self {
        Self(Mutex::new(shards))
    }

    /// Gives the writers back.
    #[must_use]
    pub fn into_shards(self) -> Vec<ShardWriter> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes of one shard that are applied on the calling thread: a thread costs more than these.
const CHANGES_IN_PLACE_MAX: usize = 64;

impl ApplyChanges for InPlace {
    fn apply(&self, position: Position, per_shard: Vec<Vec<Change>>) -> Result<(), StoreError> {
        // A panic while applying leaves no half-made state: RocksDB has the batch or has it not.
        let mut shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shards.len() != per_shard.len() {
            return Err(StoreError::WrongShards { expected: shards.len(), given: per_shard.len() });
        }
        thread::scope(|scope| {
            let mut work: Vec<_> = shards.iter_mut().zip(&per_shard).collect();
            let here = work.split_off(work.len().saturating_sub(1));
            let mut threads = Vec::new();
            let mut result = Ok(());
            for (shard, changes) in work {
                if changes.len() > CHANGES_IN_PLACE_MAX {
                    threads.push(scope.spawn(move || shard.apply(position, changes)));
                } else {
                    result = result.and(shard.apply(position, changes));
                }
            }
            for (shard, changes) in here {
                result = result.and(shard.apply(position, changes));
            }
            for thread in threads {
                let applied = thread.join().unwrap_or_else(|_| Err(panicked()));
                result = result.and(applied);
            }
            result
        })
    }
}

fn panicked() -> StoreError {
    StoreError::Failed { path: PathBuf::new(), detail: "a shard's thread panicked".to_owned() }
}
