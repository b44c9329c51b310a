//! Building the store anew while the old one serves, and letting it take its place at one moment.
//!
//! ```text
//! begin     files of insurers are kept from here on          engine, between two files
//! load      the insurers' full files, sorted, into the       `shikaku shadow load`, a process of
//!           shadow: store/generation-NN/                      its own with the lowest priority
//! catch up  tables of cards copied; kept files loaded;       engine, one thread
//!           changes of cards followed in the log
//! switch    the last of both; FORMAT names the shadow;       engine, between two files, while the
//!           questions and writes go there                    log's writer stands still
//! ```
//!
//! Invariants:
//! * Until `FORMAT` is replaced the serving store is complete without the shadow, and afterwards the
//!   shadow without it: a kill at any moment leaves one of the two.
//! * What was acknowledged since the beginning is in a kept file or in the tables of cards.
//! * A shadow holds nothing from before its beginning, which removes what lies in its place; a builder
//!   whose shadow serves by now, or was given up, is refused.
//! * Questions never wait for any of this.

mod catch_up;
mod command;
mod error;
mod received;

pub use command::{ShadowArgs, run};
pub use error::ShadowError;
pub use received::Received;

use crate::actors::intake::IntakeHandle;
use crate::actors::resident::resident_bytes;
use crate::metrics::Metrics;
use crate::serving::{Serving, Stores};
use catch_up::Prepared;
use serde::{Deserialize, Serialize};
use shikaku_store::{StoreOptions, remove_shadow, shadow_folder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Longest wait for answers that were begun with the former store: they have deadlines of seconds.
const FORMER_CLOSES_WITHIN: Duration = Duration::from_secs(120);

/// How shadows of this engine's store are worked with.
#[derive(Clone, Debug)]
pub struct ShadowOptions {
    /// How the shadow is opened; the path is the store's.
    pub store: StoreOptions,
    /// Memory for copies of entries, the serving store's and the shadow's together.
    pub resident_bytes_max: usize,
    /// As in [`crate::intake::LoadOptions`]; also how many fewer card faces a shadow may hold.
    pub removal_percent_max: u8,
}

/// How many people a shadow must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// About as many as the serving store, less what a full replacement may remove.
    Checked,
    /// Any number: somebody has looked.
    Any,
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// There is no shadow.
    None,
    /// Files are kept; the shadow is being built, or waits.
    Begun,
    /// The shadow is brought up to date and takes over.
    Switching,
}

/// How far a shadow is.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShadowReport {
    /// The generation that serves: the first store of a folder is 1, each shadow that took over one
    /// more.
    pub generation: u32,
    /// What is being done.
    pub stage: Stage,
    /// Card faces of the store that serves, about.
    pub card_faces: u64,
    /// Files kept since the beginning.
    pub files_kept: u64,
    /// Rows of cards carried over so far.
    pub card_rows: u64,
    /// Kept files loaded into the shadow so far.
    pub files_loaded: u64,
    /// Why the last attempt to take over failed, if it did.
    pub failure: Option<Failure>,
}

/// Why a shadow did not take over.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// For staff, in English.
    pub en: String,
    /// For staff, in Japanese.
    pub ja: String,
}

/// The one who works with shadows.
pub struct Shadows {
    options: ShadowOptions,
    stores: Arc<Stores>,
    received: Received,
    metrics: Arc<Metrics>,
    /// Taken by whoever switches.
    turn: Arc<Semaphore>,
    stop: AtomicBool,
    card_rows: AtomicU64,
    files_loaded: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

impl Shadows {
    /// For the store that serves.
    #[must_use]
    pub fn new(options: ShadowOptions, stores: Arc<Stores>, metrics: Arc<Metrics>) -> Self {
        Self {
            received: Received::new(options.store.path.clone()),
            options,
            stores,
            metrics,
            turn: Arc::new(Semaphore::new(1)),
            stop: AtomicBool::new(false),
            card_rows: AtomicU64::new(0),
            files_loaded: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Where received files are kept.
    #[must_use]
    pub const fn received(&self) -> &Received {
        &self.received
    }

    /// How far the shadow is.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn report(&self) -> Result<ShadowReport, ShadowError> {
        let serving = self.stores.current();
        let is_begun = self.received.is_begun()?;
        let files_kept = if is_begun { self.received.list()?.len() as u64 } else { 0 };
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(ShadowReport {
            generation: serving.generation,
            stage: match (is_begun, self.turn.available_permits()) {
                (_, 0) => Stage::Switching,
                (true, _) => Stage::Begun,
                (false, _) => Stage::None,
            },
            card_faces: catch_up::card_faces(&serving.reader),
            files_kept,
            card_rows: self.card_rows.load(Ordering::Relaxed),
            files_loaded: self.files_loaded.load(Ordering::Relaxed),
            failure,
        })
    }

    /// Tells the metrics how far the shadow is.
    pub fn observe(&self) {
        let stage = match (self.turn.available_permits(), self.received.is_begun()) {
            (0, _) => Stage::Switching,
            (_, Ok(true)) => Stage::Begun,
            // What cannot be looked at is told by whoever works with it.
            (_, Ok(false) | Err(_)) => Stage::None,
        };
        self.metrics.observe_shadow(self.stores.borrow().generation, stage);
    }

    /// Begins a shadow: files of insurers are kept from now on. Once more does no harm. What lies in
    /// its place and was not begun is removed: it was built of files that are older.
    ///
    /// # Errors
    /// [`shikaku_store::StoreError::InUse`] while somebody has such a one open, what the disk reports,
    /// or [`ShadowError::Stopping`].
    pub async fn begin(self: &Arc<Self>, intake: &IntakeHandle) -> Result<(), ShadowError> {
        let shadows = Arc::clone(self);
        let begin = move || {
            if !shadows.received.is_begun()? {
                remove_shadow(&shadows.options.store.path)?;
            }
            Ok(shadows.received.begin()?)
        };
        intake.between_files(begin).await.map_err(|_| ShadowError::Stopping)?
    }

    /// Gives a shadow up and removes it with the files kept for it.
    ///
    /// # Errors
    /// [`ShadowError::UnderWay`] while it takes over, [`shikaku_store::StoreError::InUse`] while it is
    /// being built, or what the disk reports.
    pub async fn abandon(self: &Arc<Self>, intake: &IntakeHandle) -> Result<(), ShadowError> {
        let turn = self.turn()?;
        let shadows = Arc::clone(self);
        let removed =
            intake.between_files(move || remove_shadow(&shadows.options.store.path)).await;
        removed.map_err(|_| ShadowError::Stopping)??;
        self.note(None);
        drop(turn);
        tracing::info!("Gave the shadow store up.");
        Ok(())
    }

    /// Begins to bring a shadow that was built up to date and to let it take over; how that goes is
    /// told by [`Shadows::report`]. Needs the actor system.
    ///
    /// # Errors
    /// [`ShadowError::NotBuilt`], [`ShadowError::UnderWay`].
    pub fn switch(self: &Arc<Self>, intake: IntakeHandle, size: Size) -> Result<(), ShadowError> {
        let turn = self.turn()?;
        let folder = shadow_folder(&self.options.store.path)?;
        if !self.received.is_begun()? || !folder.join("FORMAT").exists() {
            return Err(ShadowError::NotBuilt);
        }
        self.note(None);
        let shadows = Arc::clone(self);
        let (done, prepared) = oneshot::channel();
        let begin = move || {
            let work = AssertUnwindSafe(|| catch_up::prepare(&shadows, size));
            // A stop drops the receiver, and with it the shadow is closed.
            let _ = done.send(catch_unwind(work).unwrap_or(Err(ShadowError::Fault)));
        };
        thread::Builder::new().name("shadow".into()).spawn(begin)?;
        let shadows = Arc::clone(self);
        actix_rt::spawn(async move {
            let prepared = prepared.await.unwrap_or(Err(ShadowError::Stopping));
            let ended = match prepared {
                Ok(prepared) => shadows.take_over(prepared, &intake).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(former) => shadows.close(former, turn),
                Err(error) => shadows.failed(&error, turn),
            }
        });
        Ok(())
    }

    /// Ends the work under way and returns when it has ended or after `grace`. Says whether it ended
    /// in time.
    pub async fn stopped(&self, grace: Duration) -> bool {
        self.stop.store(true, Ordering::SeqCst);
        tokio::time::timeout(grace, self.turn.acquire()).await.is_ok()
    }

    fn turn(&self) -> Result<OwnedSemaphorePermit, ShadowError> {
        Arc::clone(&self.turn).try_acquire_owned().map_err(|_| ShadowError::UnderWay)
    }

    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn note(&self, failure: Option<Failure>) {
        self.card_rows.store(0, Ordering::Relaxed);
        self.files_loaded.store(0, Ordering::Relaxed);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn failed(&self, error: &ShadowError, turn: OwnedSemaphorePermit) {
        let code = error.code();
        tracing::error!(code, %error, "The shadow store did not take over.");
        let failure = Failure { code: code.to_owned(), en: error.to_string(), ja: error.ja() };
        self.note(Some(failure));
        drop(turn);
    }

    /// Lets a prepared shadow serve; gives the former store back.
    async fn take_over(
        self: &Arc<Self>,
        prepared: Prepared,
        intake: &IntakeHandle,
    ) -> Result<Former, ShadowError> {
        let closing = prepared.closing();
        let ready = prepared.start(&self.metrics);
        let shadows = Arc::clone(self);
        let switched = intake.between_files(move || catch_up::finish(&shadows, ready)).await;
        match switched.unwrap_or(Err(ShadowError::Stopping)) {
            Ok(former) => Ok(former),
            Err(error) => {
                // Its actors let go of it one after the other; the next attempt opens it again.
                let closed = move || closing.wait(FORMER_CLOSES_WITHIN);
                let _ = actix_web::web::block(closed).await;
                Err(error)
            }
        }
    }

    /// Waits, on a thread of its own, until the former store is closed, and removes it.
    fn close(self: &Arc<Self>, former: Former, turn: OwnedSemaphorePermit) {
        let work = move || {
            let Former { serving, successor, folder } = former;
            let closing = serving.closing.clone();
            drop(serving);
            if !closing.wait(FORMER_CLOSES_WITHIN) {
                tracing::warn!("The former store is still in use: the next start removes it.");
                return;
            }
            let removed = successor.remove_former().map_err(ShadowError::Store);
            match removed.and_then(|()| Ok(Received::remove_from(&folder)?)) {
                Ok(()) => tracing::info!("Removed the former store."),
                Err(error) => {
                    tracing::error!(code = error.code(), %error, "Did not remove the former store.");
                }
            }
            drop(turn);
        };
        if let Err(error) = thread::Builder::new().name("shadow".into()).spawn(work) {
            tracing::error!(%error, "The former store stays until the next start.");
        }
    }
}

/// The store that served until now.
struct Former {
    serving: Arc<Serving>,
    successor: shikaku_store::Successor,
    /// Where the one that serves now lies.
    folder: std::path::PathBuf,
}

/// Copies the shadow's entries to memory before it serves, where both copies have room.
fn warm(shadows: &Shadows, shadow: &shikaku_store::Reader) -> Result<(), ShadowError> {
    let taken = resident_bytes(&shadows.stores.borrow().reader);
    let left = usize::try_from(taken).ok();
    let left = left.and_then(|taken| shadows.options.resident_bytes_max.checked_sub(taken));
    let begin = Instant::now();
    if let Some(left) = left.filter(|left| *left > 0) {
        let residence = shadow.keep_resident(left, &|| shadows.go_on())?;
        let seconds = begin.elapsed().as_secs_f64();
        tracing::info!(?residence, seconds, "Looked whether the shadow's entries fit into memory.");
    }
    Ok(())
}
