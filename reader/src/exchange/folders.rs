//! The folders of one root, and the steps of [`plan`](super::plan) as file operations.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::Answer;
use super::disk::{Disk, Kind, LocalDisk};
use super::name::RequestName;
use super::plan::{Step, Traces};
use crate::ReaderError;

const READY: &str = ".ready";
const BACK: &str = ".back";
const TEMPORARY: &str = ".tmp";
/// Begins with a dot, so that clients take it for what it is if they ever see it.
const PROBE: &str = ".shikaku-probe.tmp";
const LOCK: &str = "lock";

/// Most steps one call takes; the longest way through the table has five.
const STEPS_MAX: usize = 8;

/// The folders of one root, held by this process alone.
pub struct Folders {
    disk: Arc<dyn Disk>,
    /// Where clients put requests.
    pub req: PathBuf,
    /// Where clients find answers.
    pub res: PathBuf,
    /// Ours; see the table in [`plan`](super::plan).
    pub work: PathBuf,
    /// Holds the advisory lock as long as it is open.
    _lock: File,
}

/// How far [`Folders::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request waits for an answer.
    NeedsAnswer,
    /// The answer is in `res`.
    Answered,
    /// The request is back in `res` with its text.
    Rejected,
    /// Nothing is left of the request: someone removed it.
    Gone,
}

impl Folders {
    /// Makes missing folders, takes the lock and proves that files can move between the folders.
    ///
    /// # Errors
    /// When another exchange holds the lock, or a folder cannot be used.
    pub fn open(root: &Path, disk: Arc<dyn Disk>) -> Result<Self, ReaderError> {
        let make = |folder: &'static str| {
            let path = root.join(folder);
            make_folder(&path).map_err(|source| ReaderError::Folder { folder, source })?;
            Ok(path)
        };
        let (req, res, work) = (make("req")?, make("res")?, make("work")?);
        let lock = lock(&work.join(LOCK))?;
        let folders = Self { disk, req, res, work, _lock: lock };
        folders.prove_moves()?;
        Ok(folders)
    }

    /// A rename that works is the one proof of a common file system that holds everywhere.
    fn prove_moves(&self) -> Result<(), ReaderError> {
        let failed = |folder| {
            move |source: io::Error| {
                if source.kind() == io::ErrorKind::CrossesDevices {
                    ReaderError::NotOneFileSystem
                } else {
                    ReaderError::Folder { folder, source }
                }
            }
        };
        let [work, req, res] = [&self.work, &self.req, &self.res].map(|f| f.join(PROBE));
        LocalDisk.write(&work, b"").map_err(failed("work"))?;
        fs::rename(&work, &req).map_err(failed("req"))?;
        fs::rename(&req, &res).map_err(failed("res"))?;
        fs::rename(&res, &work).map_err(failed("res"))?;
        fs::remove_file(&work).map_err(failed("work"))
    }

    /// The requests that an earlier run left in `work`; removes its half-written files.
    ///
    /// # Errors
    /// When `work` cannot be read.
    pub fn left_over(&self) -> io::Result<Vec<RequestName>> {
        let all = self.disk.list(&self.work, &mut |_| true, usize::MAX)?;
        let mut names = Vec::new();
        for found in all {
            let Some(name) = found.name.to_str() else { continue };
            if let Some(request) = request_of(name) {
                names.push(request);
            } else if name.strip_suffix(TEMPORARY).is_some_and(|n| request_of(n).is_some()) {
                self.disk.remove(&self.work.join(name))?;
            }
        }
        // Two spellings of one extension (`.XML` of the request, `.xml` derived from its answer)
        // are one request: the first in order is the client's.
        names.sort_unstable();
        names.dedup_by_key(|name| name.key());
        Ok(names)
    }

    /// Where a taken request lies.
    #[must_use]
    pub fn claimed(&self, name: &RequestName) -> PathBuf {
        self.work.join(name.file())
    }

    /// Takes a request out of `req`.
    ///
    /// # Errors
    /// When it is gone, locked or the folder cannot be written.
    pub fn claim(&self, name: &RequestName) -> io::Result<()> {
        self.disk.rename(&self.req.join(name.file()), &self.claimed(name))
    }

    /// Makes all claims so far survive a power cut. Must precede the publication of their answers:
    /// a request that comes back to `req` after its answer was read would be answered twice.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn settle_claims(&self) -> io::Result<()> {
        self.disk.sync(&self.work)?;
        self.disk.sync(&self.req)
    }

    /// Writes an answer durably; the next step follows from the table.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write_answer(&self, name: &RequestName, answer: &Answer) -> io::Result<()> {
        let (target, content) = match answer {
            Answer::Response(content) => (name.response(), content),
            Answer::Refusal(content) => (name.refusal(), content),
        };
        let temporary = self.work.join(format!("{target}{READY}{TEMPORARY}"));
        self.disk.write(&temporary, content)?;
        self.disk.rename(&temporary, &self.ready(&target))?;
        self.disk.sync(&self.work)
    }

    /// Takes every step that is due until the request needs an answer or is done. Repeats nothing
    /// that was done, so it may be called again after any failure or crash.
    ///
    /// # Errors
    /// When a file is locked or the disk fails.
    pub fn advance(&self, name: &RequestName, now: SystemTime) -> io::Result<Progress> {
        let mut progress = Progress::Gone;
        for _ in 0..STEPS_MAX {
            let step = self.traces(name)?.next();
            match step {
                Step::Ask => return Ok(Progress::NeedsAnswer),
                Step::Done => return Ok(progress),
                Step::PublishResponse => progress = Progress::Answered,
                Step::ReturnRequest => progress = Progress::Rejected,
                Step::RemoveRequest | Step::SetAside | Step::PublishRefusal => {}
            }
            self.take(step, name, now)?;
        }
        Err(io::Error::other("files of a taken request keep coming back"))
    }

    fn take(&self, step: Step, name: &RequestName, now: SystemTime) -> io::Result<()> {
        let disk = &self.disk;
        let (response, refusal) = (name.response(), name.refusal());
        let res = |file: &str| self.res.join(file);
        match step {
            Step::Ask | Step::Done => Ok(()),
            Step::RemoveRequest => {
                disk.remove(&self.claimed(name))?;
                disk.sync(&self.work)
            }
            Step::PublishResponse => {
                // A rejection of an earlier request of the same name must not contradict it.
                disk.remove(&res(&refusal))?;
                disk.remove(&res(name.file()))?;
                disk.rename(&self.ready(&response), &res(&response))
            }
            Step::SetAside => {
                // Its retention counts from now, whatever time the client gave it. A file that
                // only its owner may change keeps its time.
                let _ = disk.touch(&self.claimed(name), now);
                disk.rename(&self.claimed(name), &self.back(name))?;
                disk.sync(&self.work)
            }
            Step::PublishRefusal => {
                // An answer to an earlier request of the same name must not pass for this one's.
                disk.remove(&res(&response))?;
                disk.rename(&self.ready(&refusal), &res(&refusal))
            }
            Step::ReturnRequest => disk.rename(&self.back(name), &res(name.file())),
        }
    }

    fn traces(&self, name: &RequestName) -> io::Result<Traces> {
        let exists = |path: PathBuf| self.disk.kind(&path).map(|kind| kind.is_some());
        Ok(Traces {
            request: self.claimed_file(name)?,
            response: exists(self.ready(&name.response()))?,
            refusal: exists(self.ready(&name.refusal()))?,
            returned: exists(self.back(name))?,
        })
    }

    /// Whether the request lies in `work`. Something that is not a plain file was swapped in
    /// between listing and claim; it is dropped, never opened.
    fn claimed_file(&self, name: &RequestName) -> io::Result<bool> {
        let path = self.claimed(name);
        match self.disk.kind(&path)? {
            Some(Kind::File) => Ok(true),
            Some(Kind::Other) => {
                tracing::warn!(request = name.tag(), "dropped: it was not a plain file");
                self.disk.remove(&path).map(|()| false)
            }
            None => Ok(false),
        }
    }

    fn ready(&self, target: &str) -> PathBuf {
        self.work.join(format!("{target}{READY}"))
    }

    fn back(&self, name: &RequestName) -> PathBuf {
        self.work.join(format!("{}{BACK}", name.file()))
    }
}

/// The request to which a file in `work` belongs.
fn request_of(name: &str) -> Option<RequestName> {
    if let Some(ready) = name.strip_suffix(READY) {
        let request = match ready.strip_suffix(".err") {
            Some(stem) => format!("{stem}.xml"),
            None => ready.replacen("res_", "req_", 1),
        };
        return RequestName::parse(&request);
    }
    RequestName::parse(name.strip_suffix(BACK).unwrap_or(name))
}

/// A folder that is a link could lead out of the root.
fn make_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    if fs::symlink_metadata(path)?.is_dir() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "it must be a folder and not a link"))
    }
}

fn lock(path: &Path) -> Result<File, ReaderError> {
    let failed = |source| ReaderError::Folder { folder: "work", source };
    let file =
        File::options().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ReaderError::AlreadyRunning),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
