//! The store that serves, and its replacement by another at one moment.
//!
//! Invariants:
//! * Whoever answers works with one store from the beginning to the end of the answer.
//! * Whoever writes holds the lock of the store that serves: a store that was replaced is never
//!   written again.

use crate::actors::shard::ShardHandles;
use crate::metrics::Metrics;
use arc_swap::{ArcSwap, Guard};
use shikaku_store::{ApplyChanges, Closing, LocalLog, Reader, ShardWriter, Store, Writer};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// One open store.
pub struct Serving {
    /// Reads the index, to the disk if need be.
    pub reader: Reader,
    /// Reads what is in memory.
    pub memory: Reader,
    /// The log's writer. Its lock is fair; see [`crate::intake::Desk`].
    pub writer: Mutex<Writer<LocalLog>>,
    /// The shards' actors.
    pub shards: ShardHandles,
    /// Tells when the store has closed.
    pub closing: Closing,
    /// Which generation it is.
    pub generation: u32,
}

impl Serving {
    /// Starts the actors of a store. Needs the actor system.
    #[must_use]
    pub fn start(store: Store, metrics: &Arc<Metrics>) -> Self {
        let (closing, generation) = (store.closing(), store.generation());
        let (writer, writers, reader) = store.into_parts();
        Self::of_parts(writer, writers, reader, (closing, generation), metrics)
    }

    /// Starts the actors of a store that was worked on without them.
    #[must_use]
    pub fn of_parts(
        writer: Writer<LocalLog>,
        writers: Vec<ShardWriter>,
        reader: Reader,
        (closing, generation): (Closing, u32),
        metrics: &Arc<Metrics>,
    ) -> Self {
        let shards = ShardHandles::start(writers, metrics);
        let (memory, writer) = (reader.in_memory(), Mutex::new(writer));
        Self { reader, memory, writer, shards, closing, generation }
    }
}

/// The way to the store that serves.
pub struct Stores(ArcSwap<Serving>);

impl Stores {
    /// Begins with this one.
    #[must_use]
    pub fn new(serving: Serving) -> Self {
        Self(ArcSwap::from_pointee(serving))
    }

    /// The store that serves, for the time of one answer.
    // HOT PATH: no lock, and no count that workers share.
    #[must_use]
    pub fn borrow(&self) -> Guard<Arc<Serving>> {
        self.0.load()
    }

    /// The store that serves. It stays open for as long as this is held.
    #[must_use]
    pub fn current(&self) -> Arc<Serving> {
        self.0.load_full()
    }

    /// Does something with the log's writer of the store that serves.
    pub fn write<R>(&self, work: impl FnOnce(&mut Writer<LocalLog>, &dyn ApplyChanges) -> R) -> R {
        loop {
            let serving = self.current();
            let mut writer = serving.writer.blocking_lock();
            // It may have been replaced while this waited.
            if Arc::ptr_eq(&serving, &self.borrow()) {
                return work(&mut writer, &serving.shards);
            }
        }
    }

    /// Lets another store serve. Whoever holds the lock of the one that served is the only one who
    /// may: it has written nothing that the other one lacks.
    pub fn replace(&self, next: Serving, _stopped: &MutexGuard<'_, Writer<LocalLog>>) {
        self.0.store(Arc::new(next));
    }
}
