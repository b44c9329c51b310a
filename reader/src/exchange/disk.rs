//! The few file operations the exchange is built from, each atomic or harmless when repeated.
//!
//! They are a trait so that tests can fill the disk, lock a file or kill the process between any
//! two of them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

/// What a path is, without following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A plain file.
    File,
    /// A link, a folder or a device: never opened.
    Other,
}

/// One plain file in a listing.
#[derive(Clone, Debug)]
pub struct Found {
    /// The name as the system gave it; need not be text.
    pub name: OsString,
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last change.
    pub modified: SystemTime,
}

/// File operations. Every path is below the exchange's root.
pub trait Disk: Send + Sync {
    /// Plain files in a folder whose names are `wanted`, at most `max` of them, in no order.
    /// Entries that vanish meanwhile are left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(
        &self,
        folder: &Path,
        wanted: &mut dyn FnMut(&OsStr) -> bool,
        max: usize,
    ) -> io::Result<Vec<Found>>;

    /// What is at the path; `None` for nothing.
    ///
    /// # Errors
    /// When the system cannot tell.
    fn kind(&self, path: &Path) -> io::Result<Option<Kind>>;

    /// At most the first `max` bytes of a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn head(&self, path: &Path, max: u64) -> io::Result<Vec<u8>>;

    /// At most the last `max` bytes of a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn tail(&self, path: &Path, max: u64) -> io::Result<Vec<u8>>;

    /// Writes a file and waits until its content is on the disk. Replaces what was there; never
    /// writes through a link.
    ///
    /// # Errors
    /// When it cannot be written; a part of it may be left.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Moves a file atomically, over what is at the target.
    ///
    /// # Errors
    /// When either end is locked or missing.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; a missing one counts as removed.
    ///
    /// # Errors
    /// When the file is locked.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Sets the time of the last change.
    ///
    /// # Errors
    /// When the file cannot be opened.
    fn touch(&self, path: &Path, modified: SystemTime) -> io::Result<()>;

    /// Waits until the folder's entries are on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    fn sync(&self, folder: &Path) -> io::Result<()>;
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn list(
        &self,
        folder: &Path,
        wanted: &mut dyn FnMut(&OsStr) -> bool,
        max: usize,
    ) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if found.len() == max {
                break;
            }
            let name = entry.file_name();
            if !wanted(&name) {
                continue;
            }
            // Does not follow links.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                let modified = metadata.modified()?;
                found.push(Found { name, bytes: metadata.len(), modified });
            }
        }
        Ok(found)
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Kind::File)),
            Ok(_) => Ok(Some(Kind::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn head(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(path)?.take(max).read_to_end(&mut content)?;
        Ok(content)
    }

    fn tail(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(max)))?;
        let mut content = Vec::new();
        file.take(max).read_to_end(&mut content)?;
        Ok(content)
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.remove(path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn touch(&self, path: &Path, modified: SystemTime) -> io::Result<()> {
        File::options().write(true).open(path)?.set_times(FileTimes::new().set_modified(modified))
    }

    #[cfg(unix)]
    fn sync(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Other systems keep their own journal of folders and offer no handle to wait on.
    #[cfg(not(unix))]
    fn sync(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
}
