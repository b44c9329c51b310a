//! Files of insurers that came since a shadow was begun, kept to be loaded into it as well.
//!
//! ```text
//! generation-NN/received/00000003-delta-operator-1764500000.csv
//!                        number, mode, sender, when it was loaded; `-removed` where a full
//!                        replacement took away whom it does not list; `.loading` while the
//!                        serving store loads it
//! ```
//!
//! Invariant: while the folder is there, a file is in it, on disk, before the first of its lines
//! takes effect. So what was acknowledged and the insurers' full files lack is here.

use crate::intake::{LoadOptions, Mode, Removal};
use crate::problem::EngineError;
use shikaku_domain::InsurerNumber;
use shikaku_store::{FileId, Reader, shadow_folder};
use shikaku_wire::members::{FileKind, MemberFile};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

const FOLDER: &str = "received";
const OPERATOR: &str = "operator";
const REMOVED: &str = "-removed";
const ENDING: &str = ".csv";
const LOADING: &str = ".loading";

/// Where the files of the shadow of one store are kept.
#[derive(Clone, Debug)]
pub struct Received {
    store: PathBuf,
}

/// A file that was kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeptFile {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) mode: Mode,
    pub(super) insurer: Option<InsurerNumber>,
    pub(super) at: u64,
    /// Whether it took members away that it does not list.
    pub(super) removed: bool,
    /// Whether the serving store is loading it, or was cut off over it.
    pub(super) is_loading: bool,
}

/// A file that is being loaded into the store that serves.
pub(crate) struct Keeping(PathBuf);

impl Keeping {
    /// Notes what became of the members not listed, before the sender hears of it: the shadow does
    /// the same, though its numbers may be others. A file that was refused as a whole is let go.
    pub(crate) fn ended(
        self,
        reader: &Reader,
        id: FileId,
        outcome: Option<Removal>,
    ) -> Result<(), EngineError> {
        let failed = EngineError::Upload;
        match outcome {
            Some(Removal::Done { removed: 1.. }) => self.rename(REMOVED).map_err(failed),
            None if reader.progress(&id)?.is_none() => fs::remove_file(&self.0).map_err(failed),
            Some(_) | None => self.rename("").map_err(failed),
        }
    }

    fn rename(&self, mark: &str) -> io::Result<()> {
        let path = self.0.with_extension("").with_extension("");
        let path = format!("{}{mark}{ENDING}", path.display());
        fs::rename(&self.0, path)?;
        sync_folder_of(&self.0)
    }
}

impl Received {
    /// Of the store in this folder.
    #[must_use]
    pub const fn new(store: PathBuf) -> Self {
        Self { store }
    }

    /// Makes good for an engine that was killed over a file. While nothing is loaded.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn recover(&self) -> io::Result<()> {
        if !self.is_begun()? {
            return Ok(());
        }
        let cut_off = self.list()?.into_iter().filter(|file| file.is_loading);
        cut_off.map(|file| Keeping(file.path)).try_for_each(|file| file.rename(""))
    }

    /// What a shadow that serves now has no more use for.
    pub(crate) fn remove_from(generation: &Path) -> io::Result<()> {
        match fs::remove_dir_all(generation.join(FOLDER)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn folder(&self) -> io::Result<PathBuf> {
        Ok(shadow_folder(&self.store).map_err(io::Error::other)?.join(FOLDER))
    }

    /// Whether a shadow was begun, so that files are kept.
    pub(crate) fn is_begun(&self) -> io::Result<bool> {
        Ok(self.folder()?.is_dir())
    }

    /// Begins to keep files. Between two files, so that each is kept or was there before.
    pub(crate) fn begin(&self) -> io::Result<()> {
        let folder = self.folder()?;
        fs::create_dir_all(&folder)?;
        sync_folder_of(&folder)?;
        File::open(&self.store)?.sync_all()
    }

    /// Keeps an upload that is about to be loaded, if a shadow was begun and needs it: lists of cards
    /// are carried over by their effect, and a file that was loaded before the beginning has none.
    pub(crate) fn keep(
        &self,
        reader: &Reader,
        upload: &Path,
        id: FileId,
        options: LoadOptions,
    ) -> Result<Option<Keeping>, EngineError> {
        let failed = EngineError::Upload;
        if !self.is_begun().map_err(failed)? {
            return Ok(None);
        }
        let is_loaded = reader.progress(&id)?.is_some_and(|progress| progress.complete);
        if is_loaded || is_of_cards(upload).map_err(failed)? {
            return Ok(None);
        }
        self.keep_now(upload, options).map(Some).map_err(failed)
    }

    fn keep_now(&self, upload: &Path, options: LoadOptions) -> io::Result<Keeping> {
        let last = self.list()?.last().map_or(0, |file| file.number);
        let LoadOptions { mode, insurer, at, removal_percent_max: _ } = options;
        let sender = insurer.map_or_else(|| OPERATOR.to_owned(), |number| number.to_string());
        let name = format!("{:08}-{}-{sender}-{at}{ENDING}{LOADING}", last + 1, mode.name());
        let path = self.folder()?.join(name);
        File::open(upload)?.sync_all()?;
        fs::hard_link(upload, &path)?;
        sync_folder_of(&path)?;
        Ok(Keeping(path))
    }

    /// Every file kept, in the order in which they were loaded.
    pub(super) fn list(&self) -> io::Result<Vec<KeptFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.folder()?)? {
            let path = entry?.path();
            files.push(KeptFile::of(path).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "a file here has a name of another form")
            })?);
        }
        files.sort_by_key(|file| file.number);
        Ok(files)
    }
}

impl KeptFile {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let (name, is_loading) = match name.strip_suffix(LOADING) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.strip_suffix(ENDING)?;
        let (name, removed) = match name.strip_suffix(REMOVED) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let mut parts = name.split('-');
        let file = Self {
            number: parts.next()?.parse().ok()?,
            mode: Mode::from_name(parts.next()?)?,
            insurer: match parts.next()? {
                OPERATOR => None,
                number => Some(InsurerNumber::parse(number).ok()?),
            },
            at: parts.next()?.parse().ok()?,
            removed,
            is_loading,
            path: path.clone(),
        };
        parts.next().is_none().then_some(file)
    }
}

fn is_of_cards(upload: &Path) -> io::Result<bool> {
    let file = MemberFile::open(BufReader::new(File::open(upload)?));
    // What cannot be read at all is refused by both stores.
    Ok(file.is_ok_and(|file| file.kind() == FileKind::Cards))
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_everything_that_loading_needs() {
        let file = |name: &str| KeptFile::of(PathBuf::from("received").join(name));
        let kept = file("00000012-full-01238013-1764500000-removed.csv").unwrap();
        assert_eq!((kept.number, kept.mode, kept.at), (12, Mode::Full, 1_764_500_000));
        assert_eq!(kept.insurer.map(|number| number.to_string()).as_deref(), Some("01238013"));
        assert!(kept.removed && !kept.is_loading);
        let kept = file("00000001-delta-operator-5.csv").unwrap();
        assert_eq!((kept.insurer, kept.removed, kept.is_loading), (None, false, false));
        assert!(file("00000001-delta-operator-5.csv.loading").unwrap().is_loading);
        for other in
            ["1-delta-operator.csv", "x", "1-delta-operator-5-6.csv", "1-all-operator-5.csv"]
        {
            assert_eq!(file(other), None, "{other}");
        }
    }
}
