//! The intake: one actor, on its own thread, owns the change log's writer and loads insurers'
//! files one after the other.

use crate::intake::{self, Desk, IntakeError, LoadOptions, LoadSummary};
use crate::metrics::Metrics;
use crate::problem::EngineError;
use crate::serving::Stores;
use crate::shadow::Received;
use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use shikaku_store::{FileId, Position};
use shikaku_wire::members::RejectWriter;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What the actor owns and shares with its handle.
struct State {
    stores: Arc<Stores>,
    received: Received,
    metrics: Arc<Metrics>,
    stop: AtomicBool,
}

/// The actor. It shares the writer with the recorder of card events; see [`crate::intake::Desk`].
pub struct Intake {
    state: Arc<State>,
}

impl Actor for Intake {
    type Context = SyncContext<Self>;
}

/// An upload on disk, gone with this value: whether it was loaded, refused or its sender left,
/// the sender still has the file.
pub struct Upload(PathBuf);

impl Upload {
    /// Takes charge of a file that may not exist yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Load an upload.
struct LoadFile {
    upload: Upload,
    id: FileId,
    options: LoadOptions,
    rejects: PathBuf,
    _permit: OwnedSemaphorePermit,
}

impl Message for LoadFile {
    type Result = Result<LoadSummary, EngineError>;
}

impl Handler<LoadFile> for Intake {
    type Result = Result<LoadSummary, EngineError>;

    fn handle(&mut self, file: LoadFile, _: &mut Self::Context) -> Self::Result {
        let result =
            catch_unwind(AssertUnwindSafe(|| self.state.load(&file))).unwrap_or_else(|_| {
                self.state.metrics.panicked("intake");
                Err(EngineError::Fault)
            });
        self.state.metrics.intake_file(if result.is_ok() { "complete" } else { "failed" });
        result
    }
}

/// Something to be done while no file is loaded.
struct BetweenFiles(Box<dyn FnOnce() + Send>);

impl Message for BetweenFiles {
    type Result = ();
}

impl Handler<BetweenFiles> for Intake {
    type Result = ();

    fn handle(&mut self, work: BetweenFiles, _: &mut Self::Context) {
        if catch_unwind(AssertUnwindSafe(work.0)).is_err() {
            self.state.metrics.panicked("intake");
        }
    }
}

impl State {
    fn load(&self, file: &LoadFile) -> Result<LoadSummary, EngineError> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(EngineError::Stopping);
        }
        let source = BufReader::new(File::open(file.upload.path()).map_err(EngineError::Upload)?);
        let rejects = File::create(&file.rejects).map_err(IntakeError::Rejects)?;
        let rejects = RejectWriter::new(BufWriter::new(rejects)).map_err(IntakeError::Rejects)?;
        // No other store takes its place while a file is loaded: that happens between files.
        let serving = self.stores.current();
        let kept =
            self.received.keep(&serving.reader, file.upload.path(), file.id, file.options)?;
        let mut desk = Desk {
            writer: &serving.writer,
            shards: &serving.shards,
            reader: &serving.reader,
            stop: &self.stop,
        };
        let loaded = intake::load(source, file.id, file.options, &mut desk, rejects, &mut |_| {});
        if let Some(kept) = kept {
            let outcome = loaded.as_ref().ok().map(|loaded| loaded.removal);
            kept.ended(&serving.reader, file.id, outcome)?;
        }
        let loaded = loaded?;
        self.count(&loaded);
        Ok(loaded)
    }

    fn count(&self, summary: &LoadSummary) {
        if summary.repeated {
            return;
        }
        let progress = &summary.progress;
        for (result, lines) in [
            ("added", progress.added),
            ("changed", progress.changed),
            ("unchanged", progress.unchanged),
            ("withdrawn", progress.withdrawn),
            ("not_found", progress.not_found),
            ("rejected", progress.rejected),
        ] {
            self.metrics.intake_lines(result, lines);
        }
    }
}

/// How the HTTP handlers reach the intake.
#[derive(Clone)]
pub struct IntakeHandle {
    actor: Addr<Intake>,
    state: Arc<State>,
    permits: Arc<Semaphore>,
    limit: usize,
}

impl IntakeHandle {
    /// Starts the intake. At most `limit` files wait or are loaded at a time.
    #[must_use]
    pub fn start(
        stores: Arc<Stores>,
        received: Received,
        metrics: Arc<Metrics>,
        limit: usize,
    ) -> Self {
        let state = Arc::new(State { stores, received, metrics, stop: AtomicBool::new(false) });
        let owned = Arc::clone(&state);
        let actor = SyncArbiter::start(1, move || Intake { state: Arc::clone(&owned) });
        Self { actor, state, permits: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A place in the queue; taken before an upload is received.
    ///
    /// # Errors
    /// [`EngineError::UploadsBusy`] when every place is taken.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        let busy = |_| EngineError::UploadsBusy { limit: self.limit };
        Arc::clone(&self.permits).try_acquire_owned().map_err(busy)
    }

    /// Loads an upload; its rejected lines go to `rejects`. Loading goes on if the asker leaves.
    ///
    /// # Errors
    /// What [`intake::load`] gives, [`EngineError::Stopping`] during a stop.
    pub async fn load(
        &self,
        upload: Upload,
        id: FileId,
        options: LoadOptions,
        rejects: PathBuf,
        place: OwnedSemaphorePermit,
    ) -> Result<LoadSummary, EngineError> {
        let file = LoadFile { upload, id, options, rejects, _permit: place };
        self.actor.send(file).await.unwrap_or(Err(EngineError::Stopping))
    }

    /// Does something, on the intake's thread, when the files that came before are loaded and before
    /// the next one is.
    ///
    /// # Errors
    /// [`EngineError::Stopping`] during a stop, [`EngineError::Fault`] when it panicked.
    pub async fn between_files<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, EngineError> {
        let (done, result) = oneshot::channel();
        let work = Box::new(move || {
            // Whoever asked may have left.
            let _ = done.send(work());
        });
        self.actor.send(BetweenFiles(work)).await.map_err(|_| EngineError::Stopping)?;
        result.await.map_err(|_| EngineError::Fault)
    }

    /// The last position in the log, unless a load is under way: then `None`.
    #[must_use]
    pub fn head(&self) -> Option<Position> {
        let serving = self.state.stores.current();
        serving.writer.try_lock().ok().map(|writer| writer.head())
    }

    /// Whether the actor's thread is alive.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.actor.connected()
    }

    /// Ends the load under way after its current batch, and returns when it has ended or after
    /// `grace`. Says whether it ended in time.
    pub async fn stopped(&self, grace: Duration) -> bool {
        self.state.stop.store(true, Ordering::SeqCst);
        let all = u32::try_from(self.limit).unwrap_or(u32::MAX);
        tokio::time::timeout(grace, self.permits.acquire_many(all)).await.is_ok()
    }
}
