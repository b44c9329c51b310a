//! The contents of files, each once, under their SHA-256: what a new backup shares with earlier ones
//! is not copied again.

use super::error::BackupError;
use super::list::{BackupFile, Sha256Text};
use crate::private_file;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes that are copied at a time, and between two reports of progress.
const COPY_BYTES: usize = 1 << 20;
/// A file on its way in. Cut off, it is overwritten by the next one.
const INCOMING: &str = "incoming";

/// Called with the number of bytes that have just been done.
pub(super) type Progress<'p> = dyn Fn(u64) + 'p;

pub(super) struct Pool {
    folder: PathBuf,
}

impl Pool {
    /// The pool in a folder of backups, made if it is not there.
    pub(super) fn open(backups: &Path) -> Result<Self, BackupError> {
        let folder = backups.join("files");
        private_file::create_folder(&folder).map_err(BackupError::file(&folder))?;
        Ok(Self { folder })
    }

    fn path(&self, sha256: &Sha256Text) -> PathBuf {
        self.folder.join(sha256.as_str())
    }

    /// Whether the contents of a file are here, as far as their size tells.
    pub(super) fn holds(&self, file: &BackupFile) -> bool {
        fs::metadata(self.path(&file.sha256)).is_ok_and(|found| found.len() == file.bytes)
    }

    /// Takes a file in; returns its size and digest.
    pub(super) fn take(
        &self,
        from: &Path,
        progress: &Progress<'_>,
    ) -> Result<(u64, Sha256Text), BackupError> {
        let incoming = self.folder.join(INCOMING);
        let (bytes, sha256) = copy(from, &incoming, progress)?;
        let path = self.path(&sha256);
        fs::rename(&incoming, &path).map_err(BackupError::file(&path))?;
        Ok((bytes, sha256))
    }

    /// Makes what was taken in outlast a loss of power.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(BackupError::file(&self.folder))
    }

    /// Reads the contents of a file and checks every byte.
    pub(super) fn check(
        &self,
        file: &BackupFile,
        progress: &Progress<'_>,
    ) -> Result<(), BackupError> {
        let path = self.path(&file.sha256);
        let found = open(&path)?;
        let read = pass(found, &path, io::sink(), &path, progress)?;
        is_whole(file, &read, &path)
    }

    /// Writes a file to where it belongs in a store, checking every byte.
    pub(super) fn give(
        &self,
        file: &BackupFile,
        store: &Path,
        progress: &Progress<'_>,
    ) -> Result<(), BackupError> {
        let (from, to) = (self.path(&file.sha256), store.join(&file.path));
        if let Some(folder) = to.parent() {
            private_file::create_folder(folder).map_err(BackupError::file(folder))?;
        }
        open(&from)?;
        let read = copy(&from, &to, progress)?;
        is_whole(file, &read, &from)
    }

    /// Removes what no backup needs.
    pub(super) fn keep_only(&self, needed: &HashSet<Sha256Text>) -> Result<(), BackupError> {
        let failed = || BackupError::file(&self.folder);
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let Ok(sha256) = Sha256Text::try_from(name) else { continue };
            if !needed.contains(&sha256) {
                fs::remove_file(entry.path()).map_err(failed())?;
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<File, BackupError> {
    File::open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return BackupError::DamagedFile(path.to_owned());
        }
        BackupError::file(path)(error)
    })
}

fn is_whole(
    file: &BackupFile,
    (bytes, sha256): &(u64, Sha256Text),
    path: &Path,
) -> Result<(), BackupError> {
    if (*bytes, sha256) == (file.bytes, &file.sha256) {
        return Ok(());
    }
    Err(BackupError::DamagedFile(path.to_owned()))
}

fn copy(from: &Path, to: &Path, progress: &Progress<'_>) -> Result<(u64, Sha256Text), BackupError> {
    let source = File::open(from).map_err(BackupError::file(from))?;
    let target = private_file::writable(to).map_err(BackupError::file(to))?;
    let copied = pass(source, from, &target, to, progress)?;
    target.sync_all().map_err(BackupError::file(to))?;
    Ok(copied)
}

/// Passes all bytes on and digests them.
fn pass(
    mut source: impl Read,
    from: &Path,
    mut target: impl Write,
    to: &Path,
    progress: &Progress<'_>,
) -> Result<(u64, Sha256Text), BackupError> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let read = source.read(&mut buffer).map_err(BackupError::file(from))?;
        match buffer.get(..read) {
            Some(part) if !part.is_empty() => {
                digest.update(part);
                target.write_all(part).map_err(BackupError::file(to))?;
                bytes += part.len() as u64;
                progress(part.len() as u64);
            }
            _ => return Ok((bytes, Sha256Text::new(&digest.finalize()))),
        }
    }
}
