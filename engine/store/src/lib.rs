//! The insured-number index: which registrations stand under which insurance card.
//!
//! A store is a durable change log and an index made from it, cut into shards of one RocksDB each.
//! [`Store::open`] gives three parts:
//!
//! * the [`Writer`], the sequencer: it decides what a [`Batch`] does and appends it to the log;
//! * one [`ShardWriter`] for each shard, applying log records; the engine gives each to an actor,
//!   tools put them all into [`InPlace`];
//! * the [`Reader`], which answers "what is registered under this card?" with one point read.
//!
//! Invariants:
//! * What was acknowledged is in the log, on disk. Shards are a view that [`rebuild`] makes again.
//! * The change of a shard and its position in the log are one write.
//! * A registration's `elsewhere` is true as of the last batch, so that one read decides a query.
//! * No error text, `Debug` output or file name holds personal data.
//!
//! Entries are answered from RocksDB's cache, or, where [`Reader::keep_resident`] found room for all,
//! from a table in memory that its shard's writer keeps up to date.
//!
//! Everything blocks; nothing is async. RocksDB is linked only here.

mod bulk;
mod cards;
mod carry;
mod change;
mod checkpoint;
mod closing;
mod codec;
mod draft;
mod error;
mod format;
mod generation;
mod hex;
mod insurers;
mod keys;
mod log;
mod masters;
mod memory;
#[cfg(test)]
mod old_data;
mod progress;
mod reader;
mod record;
mod replay;
mod resident;
mod rocks;
mod shard;
mod store;
#[cfg(test)]
mod testing;
mod towns;
mod verify;
mod writer;

pub use bulk::{
    BUFFER_BYTES, BulkCursor, BulkKind, BulkLoad, BulkProgress, BulkSummary, Collected, Collector,
};
pub use cards::{CardAction, CardBinding, CardEvent};
pub use carry::{CardCarrier, CardChanges};
pub use change::{Change, LOG_RECORD_BYTES_MAX, LogRecord, OperationId, Position, per_shard};
pub use checkpoint::{checkpoint_folder, remove_checkpoint};
pub use closing::Closing;
pub use error::StoreError;
pub use generation::{remove_shadow, shadow_folder};
pub use keys::{CARD_KEY_BYTES_MAX, CardKey};
pub use log::{ChangeLog, LocalLog, MemoryLog, REPLAY_RECORDS_MAX};
pub use memory::open_memory;
pub use progress::{FileId, FileProgress};
pub use reader::{Reader, StoreStats};
pub use record::REGISTRATIONS_MAX;
pub use replay::RebuildProgress;
pub use resident::Residence;
pub use shard::{ApplyChanges, InPlace, ShardStats, ShardWriter};
pub use store::{SHARDS_MAX, Store, StoreOptions, Successor, rebuild};
pub use verify::{PROBLEMS_LISTED_MAX, VerifyReport, verify};
pub use writer::{BATCH_CHANGES_MAX, Batch, BatchSummary, Writer};
