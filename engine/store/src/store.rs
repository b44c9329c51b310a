//! Opening a store: its folders, their checks and catching up with the log.
//!
//! ```text
//! FORMAT        layout version and number of shards
//! log/          the change log: the truth
//! shard-00/ …   the index: made from the log
//! ```

use crate::change::Position;
use crate::checkpoint::remove_checkpoint;
use crate::closing::{Closing, Open};
use crate::error::StoreError;
use crate::format;
use crate::log::{ChangeLog, LocalLog};
use crate::masters::Masters;
use crate::reader::Reader;
use crate::replay::{RebuildProgress, replay};
use crate::rocks::{RocksShard, Shared};
use crate::shard::{Backend, ShardWriter};
use crate::writer::Writer;
use rocksdb::Cache;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most shards of a store. Each is a RocksDB of its own with buffers and threads.
pub const SHARDS_MAX: u16 = 64;

/// How to open a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// The store's folder.
    pub path: PathBuf,
    /// Number of shards, 1 to [`SHARDS_MAX`]. Counts at creation only; later the store knows.
    pub shards: u16,
    /// Bytes of the block cache that all shards share.
    pub cache_bytes: usize,
    /// Whether to make a store where there is none.
    pub create: bool,
}

/// An open store. While it is open, no other process can open it.
pub struct Store {
    log: LocalLog,
    writers: Vec<ShardWriter>,
    reader: Reader,
    closing: Closing,
}

impl Store {
    /// Opens a store: checks its layout, opens the log and the shards and applies what shards have
    /// not yet seen of the log. After a crash everything that was acknowledged is there.
    ///
    /// # Errors
    /// [`StoreError::NoStore`], [`StoreError::InUse`], [`StoreError::NewerFormat`],
    /// [`StoreError::LogIncomplete`], damage, or what the disk reports.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let (open, closing) = Open::new();
        let (log, mut writers, reader) = open_parts(options, open)?;
        // Whoever was copying it has to begin anew anyway; its links only keep old files.
        remove_checkpoint(&options.path)?;
        let head = log.head();
        replay(&log, &mut writers, head, &mut |_| {})?;
        Ok(Self { log, writers, reader, closing })
    }

    /// Tells when the store has closed: when all its parts are dropped. A process that handed them
    /// to other threads waits for it before it ends.
    #[must_use]
    pub fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// The parts: the sequencer, the writer of each shard by index, and the reader.
    #[must_use]
    pub fn into_parts(self) -> (Writer<LocalLog>, Vec<ShardWriter>, Reader) {
        let writer = Writer::new(self.log, self.reader.clone());
        (writer, self.writers, self.reader)
    }
}

fn open_parts(
    options: &StoreOptions,
    open: Open,
) -> Result<(LocalLog, Vec<ShardWriter>, Reader), StoreError> {
    let path = &options.path;
    let shards = match format::read(path)? {
        Some(shards) => shards,
        // By another number of shards than it was made with, a store would find nobody.
        None if path.join("log").exists() => {
            return Err(StoreError::DamagedFormat { path: path.join("FORMAT") });
        }
        None if options.create => {
            check_shard_count(options.shards)?;
            fs::create_dir_all(path).map_err(|error| StoreError::from_io(path, &error))?;
            format::write(path, options.shards)?;
            options.shards
        }
        None => return Err(StoreError::NoStore { path: path.clone() }),
    };
    check_shard_count(shards)?;
    // The log comes first: its lock guards the whole store.
    let log = open_log(path, open.clone())?;
    format::raise(path)?;
    let shared = Shared {
        cache: Cache::new_hyper_clock_cache(options.cache_bytes, 0),
        shards: usize::from(shards),
        open,
    };
    let backends = (0..shards)
        .map(|index| -> Result<Arc<dyn Backend>, StoreError> {
            let shard = shard_path(path, index);
            Ok(Arc::new(RocksShard::open(&shard, &shared, options.cache_bytes)?))
        })
        .collect::<Result<_, StoreError>>()?;
    let (writers, reader) = assemble(backends)?;
    let furthest = reader.applied().into_iter().max().unwrap_or(Position::START);
    if furthest > log.head() {
        return Err(StoreError::LogIncomplete {
            path: path.clone(),
            head: log.head().number(),
            applied: furthest.number(),
        });
    }
    Ok((log, writers, reader))
}

fn open_log(store: &Path, open: Open) -> Result<LocalLog, StoreError> {
    match LocalLog::open_with(&store.join("log"), open) {
        Err(StoreError::InUse { .. }) => Err(StoreError::InUse { path: store.to_owned() }),
        opened => opened,
    }
}

pub(crate) fn shard_path(store: &Path, index: u16) -> PathBuf {
    store.join(format!("shard-{index:02}"))
}

pub(crate) fn check_shard_count(given: u16) -> Result<(), StoreError> {
    if (1..=SHARDS_MAX).contains(&given) {
        return Ok(());
    }
    Err(StoreError::ShardCount { given, max: SHARDS_MAX })
}

/// Makes writers and a reader of shards, given in the order of their index.
pub(crate) fn assemble(
    backends: Vec<Arc<dyn Backend>>,
) -> Result<(Vec<ShardWriter>, Reader), StoreError> {
    let masters = match backends.first() {
        Some(shard) => Arc::new(Masters::load(shard.as_ref())?),
        None => Arc::default(),
    };
    let writers = backends
        .iter()
        .enumerate()
        .map(|(index, shard)| ShardWriter::new(Arc::clone(shard), Arc::clone(&masters), index))
        .collect();
    Ok((writers, Reader::new(backends.into(), masters)))
}

/// Drops one shard, or all of them, and makes them again from the log. `progress` is called after
/// every few records. When it is cut off, the next opening goes on.
///
/// # Errors
/// As [`Store::open`]; [`StoreError::ShardCount`] for a shard that the store does not have.
pub fn rebuild(
    path: &Path,
    shard: Option<u16>,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(), StoreError> {
    let Some(shards) = format::read(path)? else {
        return Err(StoreError::NoStore { path: path.to_owned() });
    };
    let dropped = match shard {
        None => 0..shards,
        Some(shard) if shard < shards => shard..shard + 1,
        Some(given) => return Err(StoreError::ShardCount { given, max: shards - 1 }),
    };
    let lock = open_log(path, Open::new().0)?;
    for index in dropped {
        let shard = shard_path(path, index);
        match fs::remove_dir_all(&shard) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::from_io(&shard, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    drop(lock);
    let (log, mut writers, _reader) = open_parts(&offline(path), Open::new().0)?;
    let head = log.head();
    replay(&log, &mut writers, head, progress)
}

/// Options for work without queries.
pub(crate) fn offline(path: &Path) -> StoreOptions {
    const CACHE_BYTES: usize = 64 << 20;
    StoreOptions { path: path.to_owned(), shards: 1, cache_bytes: CACHE_BYTES, create: false }
}
