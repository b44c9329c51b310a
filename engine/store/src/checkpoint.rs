//! A copy of an open store, of one moment, as hard links: it takes no room and as long as flushing
//! what is in memory. It is a store of its own, so whoever copies it elsewhere has a backup.

use crate::change::Position;
use crate::error::StoreError;
use crate::format::{self, Format};
use crate::log::LocalLog;
use crate::rocks::Db;
use crate::store::shard_path;
use crate::writer::Writer;
use rocksdb::checkpoint::Checkpoint;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where in the store's folder the copy is.
const FOLDER: &str = "checkpoint";
/// Where it is being made.
const UNFINISHED: &str = "checkpoint.new";
/// Table files of bulk loads, which shards are rebuilt from.
const BULK: &str = "bulk";

/// The folder of a store's checkpoint, whether there is one or not.
#[must_use]
pub fn checkpoint_folder(store: &Path) -> PathBuf {
    store.join(FOLDER)
}

/// Takes a checkpoint away, and one that was never finished. The store may be open.
///
/// # Errors
/// What the disk reports.
pub fn remove_checkpoint(store: &Path) -> Result<(), StoreError> {
    for name in [FOLDER, UNFINISHED] {
        let path = store.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::from_io(&path, &error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

impl Writer<LocalLog> {
    /// Makes a checkpoint of the store in this folder, in place of an earlier one, and returns the
    /// last position in it. Questions go on; nothing is written meanwhile, because the writer is
    /// here. Holds every acknowledged change.
    ///
    /// # Errors
    /// What the disk reports; then there is no checkpoint.
    pub fn checkpoint(&mut self, store: &Path) -> Result<Position, StoreError> {
        remove_checkpoint(store)?;
        let unfinished = store.join(UNFINISHED);
        let failed = |path: &Path, error: &io::Error| StoreError::from_io(path, error);
        fs::create_dir(&unfinished).map_err(|error| failed(&unfinished, &error))?;
        let shards = self.reader.shards();
        for (index, shard) in (0..).zip(shards) {
            shard.checkpoint(&shard_path(&unfinished, index))?;
        }
        self.log().checkpoint(&unfinished.join("log"))?;
        link_all(&self.log().store().join(BULK), &unfinished.join(BULK))?;
        let shards = u16::try_from(shards.len()).unwrap_or(u16::MAX);
        format::write(&unfinished, Format::Here(shards))?;
        let finished = store.join(FOLDER);
        fs::rename(&unfinished, &finished).map_err(|error| failed(&finished, &error))?;
        Ok(self.head())
    }
}

/// A checkpoint of one database; `path` is where it lies, for messages.
pub(crate) fn of_database(db: &Db, path: &Path, to: &Path) -> Result<(), StoreError> {
    Checkpoint::new(db)
        .and_then(|checkpoint| checkpoint.create_checkpoint(to))
        .map_err(|error| StoreError::from_rocks(path, &error))
}

/// Hard links to all files below a folder, which may not be there.
fn link_all(from: &Path, to: &Path) -> Result<(), StoreError> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| StoreError::from_io(from, &error))?,
    };
    let link = |entry: io::Result<fs::DirEntry>| -> io::Result<Option<PathBuf>> {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            return Ok(Some(entry.file_name().into()));
        }
        fs::hard_link(entry.path(), to.join(entry.file_name()))?;
        Ok(None)
    };
    fs::create_dir(to).map_err(|error| StoreError::from_io(to, &error))?;
    for entry in entries {
        let folder = link(entry).map_err(|error| StoreError::from_io(from, &error))?;
        if let Some(name) = folder {
            link_all(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}
