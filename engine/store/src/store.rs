//! Opening a store: its folders, their checks and catching up with the log.
//!
//! ```text
//! FORMAT        layout version and number of shards
//! log/          the change log: the truth
//! shard-00/ …   the index: made from the log
//! ```
//!
//! A store that was built anew has these in a folder of its own; see [`crate::generation`].

use crate::change::Position;
use crate::checkpoint::remove_checkpoint;
use crate::closing::{Closing, Open};
use crate::error::StoreError;
use crate::format::{self, Format};
use crate::generation::{Generation, remove_former, switch};
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
    generation: Generation,
}

impl Store {
    /// Opens a store: checks its layout, opens the log and the shards and applies what shards have
    /// not yet seen of the log. After a crash everything that was acknowledged is there.
    ///
    /// # Errors
    /// [`StoreError::NoStore`], [`StoreError::InUse`], [`StoreError::NewerFormat`],
    /// [`StoreError::LogIncomplete`], damage, or what the disk reports.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let generation = Generation::current(&options.path)?;
        let create = options.create && generation.folder == options.path;
        let opened = Self::open_generation(generation, create, options)?;
        // Before this one had the lock, another process may have let a shadow take its place.
        if Generation::current(&options.path)? != opened.generation {
            return Err(StoreError::InUse { path: options.path.clone() });
        }
        // Whoever was copying it has to begin anew anyway; its links only keep old files.
        remove_checkpoint(&options.path)?;
        remove_former(&options.path, &opened.generation)?;
        opened.caught_up()
    }

    /// Opens the shadow of the store in the options' folder, making it if it is not there, beside
    /// the store itself, which may be open.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_shadow(options: &StoreOptions) -> Result<Self, StoreError> {
        Self::open_generation(Generation::shadow(&options.path)?, true, options)?.caught_up()
    }

    fn open_generation(
        generation: Generation,
        create: bool,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let (open, closing) = Open::new();
        let options = StoreOptions { create, ..options.clone() };
        let (log, writers, reader) = open_parts(&generation, &options, open)?;
        Ok(Self { log, writers, reader, closing, generation })
    }

    /// Applies what shards have not seen of the log.
    fn caught_up(mut self) -> Result<Self, StoreError> {
        let head = self.log.head();
        replay(&self.log, &mut self.writers, head, &mut |_| {})?;
        Ok(self)
    }

    /// Where its contents lie: the folder that it was opened by, or one in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.generation.folder
    }

    /// Which generation of the store it is, from 1.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation.number
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

/// What makes a shadow the store. It is on disk in full whenever this is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    store: PathBuf,
    shadow: Generation,
}

impl Successor {
    /// Of the store in this folder, by its shadow.
    ///
    /// # Errors
    /// As [`Store::open`] for a `FORMAT` file that cannot be read.
    pub fn new(store: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: store.to_owned(), shadow: Generation::shadow(store)? })
    }

    /// Makes the shadow the store, from now on and after every crash. The former generation's
    /// contents stay until [`Successor::remove_former`], or the next opening.
    ///
    /// # Errors
    /// What the disk reports; then the store is what it was.
    pub fn succeed(&self) -> Result<(), StoreError> {
        match switch(&self.store, &self.shadow) {
            // The file may have been replaced before its folder could not be synchronised.
            Err(_) if Generation::current(&self.store)? == self.shadow => Ok(()),
            switched => switched,
        }
    }

    /// Removes the former generation, which must be closed.
    ///
    /// # Errors
    /// What the disk reports; the next opening of the store tries again.
    pub fn remove_former(&self) -> Result<(), StoreError> {
        remove_former(&self.store, &self.shadow)
    }
}

fn open_parts(
    generation: &Generation,
    options: &StoreOptions,
    open: Open,
) -> Result<(LocalLog, Vec<ShardWriter>, Reader), StoreError> {
    let path = &generation.folder;
    let shards = match generation.shards()? {
        Some(shards) => shards,
        // By another number of shards than it was made with, a store would find nobody.
        None if path.join("log").exists() => {
            return Err(StoreError::DamagedFormat { path: path.join("FORMAT") });
        }
        None if options.create => {
            check_shard_count(options.shards)?;
            fs::create_dir_all(path).map_err(|error| StoreError::from_io(path, &error))?;
            format::write(path, Format::Here(options.shards))?;
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
    let generation = Generation::current(path)?;
    let Some(shards) = generation.shards()? else {
        return Err(StoreError::NoStore { path: path.to_owned() });
    };
    let path = &generation.folder;
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
    let (log, mut writers, _reader) = open_parts(&generation, &offline(path), Open::new().0)?;
    let head = log.head();
    replay(&log, &mut writers, head, progress)
}

/// Options for work without queries.
pub(crate) fn offline(path: &Path) -> StoreOptions {
    const CACHE_BYTES: usize = 64 << 20;
    StoreOptions { path: path.to_owned(), shards: 1, cache_bytes: CACHE_BYTES, create: false }
}
