//! Backups of the store: made while the engine serves, incremental, checked, and tried out.
//!
//! ```text
//! BACKUPS/20261123090000.toml    a backup: its files, their digests, its position in the change log
//! BACKUPS/files/SHA-256          contents, shared by all backups
//! ```
//!
//! The engine makes a checkpoint (hard links, a moment); this program copies from it what earlier
//! backups do not hold. A backup is complete when its list is there, which is written last.

mod command;
mod error;
mod list;
mod pool;
#[cfg(test)]
mod tests;

pub use command::{BackupArgs, run};
pub use error::BackupError;

use crate::clock::Clock;
use crate::private_file;
use list::{BackupFile, BackupList, FORM, ids, is_id, list_path};
use pool::{Pool, Progress};
use shikaku_store::{Position, Store, VerifyReport, verify};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;
/// Memory for the cache of a store that is only opened to be looked at.
const CACHE_BYTES: usize = 64 << 20;

/// A folder of backups. While it is open, no other process can work on it.
struct Backups {
    folder: PathBuf,
    pool: Pool,
    _lock: File,
}

/// What a new backup came to.
struct Made {
    id: String,
    list: BackupList,
    /// Bytes that no earlier backup had.
    copied: u64,
}

/// A file of a checkpoint.
struct Found {
    path: PathBuf,
    bytes: u64,
    modified_ns: i64,
}

impl Backups {
    /// Opens a folder of backups, making it if it is not there.
    fn open(folder: &Path) -> Result<Self, BackupError> {
        private_file::create_folder(folder).map_err(BackupError::file(folder))?;
        let path = folder.join("lock");
        let lock = private_file::writable(&path).map_err(BackupError::file(&path))?;
        let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::flock(&lock, exclusive).map_err(|_| BackupError::InUse(folder.to_owned()))?;
        Ok(Self { folder: folder.to_owned(), pool: Pool::open(folder)?, _lock: lock })
    }

    /// The backup of this id, or the newest.
    fn find(&self, id: Option<&str>) -> Result<(String, BackupList), BackupError> {
        let none = || BackupError::NoSuchBackup(self.folder.join(id.unwrap_or_default()));
        let id = match id {
            Some(id) if is_id(id) => id.to_owned(),
            Some(_) => return Err(none()),
            None => ids(&self.folder)?.pop().ok_or_else(none)?,
        };
        let list = BackupList::read(&list_path(&self.folder, &id))?;
        Ok((id, list))
    }

    /// Every backup, the oldest first.
    fn all(&self) -> Result<Vec<(String, BackupList)>, BackupError> {
        let ids = ids(&self.folder)?;
        ids.into_iter().map(|id| self.find(Some(&id))).collect()
    }

    /// Makes a backup of a checkpoint. `begin` is told how many bytes it has.
    fn create(
        &self,
        checkpoint: &Path,
        position: Position,
        clock: &dyn Clock,
        begin: &dyn Fn(u64),
        progress: &Progress<'_>,
    ) -> Result<Made, BackupError> {
        let newest = ids(&self.folder)?.pop();
        let id = id_after(newest.as_deref(), clock);
        let before = match newest {
            Some(newest) => BackupList::read(&list_path(&self.folder, &newest))?.files,
            None => Vec::new(),
        };
        let before: HashMap<_, _> = before.iter().map(|file| (&*file.path, file)).collect();
        let mut found = Vec::new();
        look(checkpoint, Path::new(""), &mut found)?;
        begin(found.iter().map(|file| file.bytes).sum());
        let (mut files, mut copied) = (Vec::with_capacity(found.len()), 0);
        for Found { path, bytes, modified_ns } in found {
            let same = before.get(&*path).filter(|file| {
                (file.bytes, file.modified_ns) == (bytes, modified_ns) && self.pool.holds(file)
            });
            if let Some(file) = same {
                progress(bytes);
                files.push((*file).clone());
                continue;
            }
            let (bytes, sha256) = self.pool.take(&checkpoint.join(&path), progress)?;
            copied += bytes;
            files.push(BackupFile { path, bytes, modified_ns, sha256 });
        }
        self.pool.sync()?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let list = BackupList { form: FORM, version, position: position.number(), files };
        list.write(&list_path(&self.folder, &id))?;
        Ok(Made { id, list, copied })
    }

    /// Removes all but the newest backups, and the contents that only they had.
    fn keep(&self, count: usize) -> Result<usize, BackupError> {
        let mut all = self.all()?;
        let kept = all.split_off(all.len().saturating_sub(count));
        for (id, _) in &all {
            let path = list_path(&self.folder, id);
            fs::remove_file(&path).map_err(BackupError::file(&path))?;
        }
        let files = kept.into_iter().flat_map(|(_, list)| list.files);
        let needed: HashSet<_> = files.map(|file| file.sha256).collect();
        self.pool.keep_only(&needed)?;
        Ok(all.len())
    }

    /// Reads every byte of a backup.
    fn verify(&self, list: &BackupList, progress: &Progress<'_>) -> Result<(), BackupError> {
        list.files.iter().try_for_each(|file| self.pool.check(file, progress))
    }

    /// Puts a backup where no store is, and opens it: it is there in full or not at all.
    fn restore(
        &self,
        list: &BackupList,
        store: &Path,
        progress: &Progress<'_>,
    ) -> Result<(), BackupError> {
        if fs::read_dir(store).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(BackupError::NotEmpty(store.to_owned()));
        }
        let mut unfinished = store.as_os_str().to_owned();
        unfinished.push(".restoring");
        let unfinished = PathBuf::from(unfinished);
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(BackupError::file(&unfinished))?;
        }
        private_file::create_folder(&unfinished).map_err(BackupError::file(&unfinished))?;
        for file in &list.files {
            self.pool.give(file, &unfinished, progress)?;
        }
        check_position(&unfinished, list)?;
        fs::rename(&unfinished, store).map_err(BackupError::file(store))
    }

    /// Restores a backup to a folder that is removed afterwards, and reads all of it.
    fn drill(
        &self,
        list: &BackupList,
        scratch: &Path,
        progress: &Progress<'_>,
    ) -> Result<VerifyReport, BackupError> {
        private_file::create_folder(scratch).map_err(BackupError::file(scratch))?;
        let folder = Scratch(scratch.join(format!("drill-{}", std::process::id())));
        self.restore(list, &folder.0, progress)?;
        let report = verify(&folder.0)?;
        if report.is_sound() {
            return Ok(report);
        }
        Err(BackupError::Unsound { problems: report.problem_count })
    }
}

/// The time as an id, or the number after the newest id while the clock has not passed that: the newest
/// backup is the last whatever the clock does.
fn id_after(newest: Option<&str>, clock: &dyn Clock) -> String {
    let now = String::from_utf8_lossy(&clock.timestamp().to_digits()).into_owned();
    match newest {
        Some(newest) if *newest >= *now => {
            let number = newest.parse::<u64>().map_or(0, |number| number + 1);
            format!("{number:014}")
        }
        _ => now,
    }
}

/// A folder that goes away with this value, and its unfinished form.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is named by the folder's name: somebody will see it.
        let _ = fs::remove_dir_all(&self.0);
        let _ = fs::remove_dir_all(self.0.with_extension("restoring"));
    }
}

/// Opens a restored store, which applies its log, and looks how far it is.
fn check_position(store: &Path, list: &BackupList) -> Result<(), BackupError> {
    let options = shikaku_store::StoreOptions {
        path: store.to_owned(),
        shards: 1,
        cache_bytes: CACHE_BYTES,
        create: false,
    };
    let (writer, _, _) = Store::open(&options)?.into_parts();
    let (found, expected) = (writer.head().number(), list.position);
    if found == expected { Ok(()) } else { Err(BackupError::Incomplete { found, expected }) }
}

/// All files below a folder, in order of their names.
fn look(root: &Path, folder: &Path, found: &mut Vec<Found>) -> Result<(), BackupError> {
    let path = root.join(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(BackupError::file(&path))? {
        names.push(entry.map_err(BackupError::file(&path))?.file_name());
    }
    names.sort();
    for name in names {
        let name = folder.join(name);
        let path = root.join(&name);
        let about = fs::symlink_metadata(&path).map_err(BackupError::file(&path))?;
        if about.is_dir() {
            look(root, &name, found)?;
        } else {
            let modified_ns =
                about.mtime().saturating_mul(NANOS).saturating_add(about.mtime_nsec());
            found.push(Found { path: name, bytes: about.len(), modified_ns });
        }
    }
    Ok(())
}
