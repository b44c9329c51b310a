//! A pool of face actors: each runs the models on a thread of its own, all share their plans.
//!
//! The handle is the limit: whoever gets no permit hears so at once, and everything that waits has a
//! deadline. A panic costs one request and rebuilds the actor's state; a hang costs one request and
//! leaves its thread behind, which cannot be ended, for a fresh one.

mod actor;
#[cfg(test)]
mod tests;
mod workers;

use crate::FaceError;
use crate::attempt::{Attempt, Look, Step};
use crate::manifest::Manifest;
use crate::pipeline::{CardFace, Pipeline};
use crate::policy::{Policy, Rule};
use actix::{Handler, Message, System};
use actor::{FaceActor, LookAtFrame, ReadCard};
use serde::{Deserialize, Serialize};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, TryAcquireError, oneshot};
use workers::Workers;
use zeroize::Zeroizing;

/// The most actors of a pool.
pub const WORKERS_MAX: usize = 256;
/// The most requests that may wait for an actor.
pub const WAITING_MAX: usize = 4096;

/// The pool's size and patience.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolSettings {
    /// Actors, 1 to [`WORKERS_MAX`]: one for each core, because a model runs on one thread.
    pub workers: usize,
    /// Requests that may wait for an actor, 0 to [`WAITING_MAX`].
    pub waiting: usize,
    /// How long a request may wait for an actor, in milliseconds: a frame that is older shows a
    /// person who has moved.
    pub wait_ms: u64,
    /// How long an actor may work on one request, in milliseconds: a hundred times what a frame
    /// takes, so that who takes longer hangs.
    pub work_ms: u64,
    /// Threads that may hang beside the pool: each keeps a core and its memory.
    pub hung_max: usize,
    /// With fewer actors than this the pool is not ready.
    pub workers_min: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(WORKERS_MAX);
        Self {
            workers,
            waiting: 2 * workers,
            wait_ms: 2_000,
            work_ms: 5_000,
            hung_max: 4,
            workers_min: 1,
        }
    }
}

impl PoolSettings {
    fn check(&self) -> Result<(), FaceError> {
        let ranges = [
            ((1..=WORKERS_MAX).contains(&self.workers), "workers must lie from 1 to 256"),
            (self.waiting <= WAITING_MAX, "waiting must lie from 0 to 4096"),
            ((1..=60_000).contains(&self.wait_ms), "wait_ms must lie from 1 to 60000"),
            ((1..=60_000).contains(&self.work_ms), "work_ms must lie from 1 to 60000"),
            (self.hung_max <= WORKERS_MAX, "hung_max must lie from 0 to 256"),
            (
                (1..=self.workers).contains(&self.workers_min),
                "workers_min must lie from 1 to the number of workers",
            ),
        ];
        let wrong = ranges.iter().find(|(is_good, _)| !is_good);
        wrong.map_or(Ok(()), |(_, what)| Err(FaceError::PolicyRange { what }))
    }
}

/// What an actor does with pictures: the models, or in this module's tests something that fails.
pub(crate) trait Eyes: Send {
    fn card(&mut self, photograph: &[u8]) -> Result<CardFace, FaceError>;
    fn look(&mut self, card: &CardFace, frame: &[u8]) -> Result<Look, FaceError>;
}

impl Eyes for Pipeline {
    fn card(&mut self, photograph: &[u8]) -> Result<CardFace, FaceError> {
        Self::card(self, photograph)
    }

    fn look(&mut self, card: &CardFace, frame: &[u8]) -> Result<Look, FaceError> {
        Self::look(self, card, frame)
    }
}

/// Makes an actor's state, at its start and after each panic.
type Build = Arc<dyn Fn() -> Box<dyn Eyes> + Send + Sync>;

/// What happened in a pool since it started.
#[derive(Default)]
pub(crate) struct Counters {
    answered: AtomicU64,
    failed: AtomicU64,
    busy: AtomicU64,
    late: AtomicU64,
    panicked: AtomicU64,
    hung: AtomicU64,
    replaced: AtomicU64,
    work_us: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolMetrics {
    /// Requests that were answered, also by advice.
    pub answered: u64,
    /// Requests whose picture or model failed.
    pub failed: u64,
    /// Requests that were refused because too many waited.
    pub busy: u64,
    /// Requests that waited too long for an actor.
    pub late: u64,
    /// Panics, after each of which an actor's state was made anew.
    pub panicked: u64,
    /// Requests on which an actor worked too long.
    pub hung: u64,
    /// Actors that were started in place of others.
    pub replaced: u64,
    /// Time that actors worked, in microseconds.
    pub work_us: u64,
    /// Requests that wait or are worked on.
    pub in_flight: usize,
    /// Actors that can work.
    pub workers_alive: usize,
    /// Threads that hang and in whose place another works.
    pub hanging: usize,
}

struct Shared {
    rule: Rule,
    settings: PoolSettings,
    admission: Arc<Semaphore>,
    workers: Arc<Workers>,
    counters: Arc<Counters>,
    system: System,
}

/// A handle to the face actors; copies are cheap.
#[derive(Clone)]
pub struct FacePool(Arc<Shared>);

impl FacePool {
    /// Loads and tests the models, starts the actors and runs each model once on each of them.
    /// Blocks for seconds: to be called within an actix [`System`], before a port opens.
    ///
    /// # Errors
    /// As [`Policy::rule`] and [`Manifest::network`]; [`FaceError::PolicyRange`] for settings;
    /// [`FaceError::PoolStopped`] outside of a system.
    pub fn start(
        manifest: &Manifest,
        policy: Policy,
        settings: PoolSettings,
    ) -> Result<Self, FaceError> {
        let rule = policy.rule(manifest)?;
        let pipeline = Pipeline::load(manifest, &rule)?;
        let build = move || -> Box<dyn Eyes> {
            let pipeline = pipeline.clone();
            pipeline.warm_up();
            Box::new(pipeline)
        };
        Self::with(rule, settings, Arc::new(build))
    }

    fn with(rule: Rule, settings: PoolSettings, build: Build) -> Result<Self, FaceError> {
        settings.check()?;
        let system = System::try_current().ok_or(FaceError::PoolStopped)?;
        let counters = Arc::new(Counters::default());
        let workers = Workers::start(settings, build, Arc::clone(&counters))?;
        Ok(Self(Arc::new(Shared {
            rule,
            settings,
            admission: Arc::new(Semaphore::new(settings.workers + settings.waiting)),
            workers: Arc::new(workers),
            counters,
            system,
        })))
    }

    /// The rule by which tries are decided.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.0.rule
    }

    /// Actors that can work.
    #[must_use]
    pub fn workers_alive(&self) -> usize {
        self.0.workers.alive()
    }

    /// Whether enough actors can work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.workers_alive() >= self.0.settings.workers_min
    }

    /// What happened so far.
    #[must_use]
    pub fn metrics(&self) -> PoolMetrics {
        let shared = &self.0;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let limit = shared.settings.workers + shared.settings.waiting;
        PoolMetrics {
            answered: read(&shared.counters.answered),
            failed: read(&shared.counters.failed),
            busy: read(&shared.counters.busy),
            late: read(&shared.counters.late),
            panicked: read(&shared.counters.panicked),
            hung: read(&shared.counters.hung),
            replaced: read(&shared.counters.replaced),
            work_us: read(&shared.counters.work_us),
            in_flight: limit - shared.admission.available_permits(),
            workers_alive: self.workers_alive(),
            hanging: shared.workers.hanging(),
        }
    }

    /// The face of a card's photograph (JPEG 2000, JPEG or PNG), to compare frames with.
    ///
    /// # Errors
    /// As [`Pipeline::card`], and the `Pool…` variants of [`FaceError`].
    pub async fn card(&self, photograph: Zeroizing<Vec<u8>>) -> Result<CardFace, FaceError> {
        let (card, _) = self.ask(|deadline| ReadCard { photograph, deadline }).await?;
        Ok(card)
    }

    /// Looks at one frame of the camera and takes it into a try.
    ///
    /// After an error the try is as before the frame: keep a copy of it to go on.
    ///
    /// # Errors
    /// As [`Pipeline::look`], and the `Pool…` variants of [`FaceError`].
    pub async fn frame(
        &self,
        card: &CardFace,
        attempt: Attempt,
        frame: Zeroizing<Vec<u8>>,
    ) -> Result<(Attempt, Step), FaceError> {
        let card = card.clone();
        let (look, work) = self.ask(|deadline| LookAtFrame { card, frame, deadline }).await?;
        Ok(attempt.then(look, &self.0.rule, work, Instant::now()))
    }

    /// Has an actor do something. The work goes on when the asker leaves, so that no actor is lost.
    async fn ask<M, T>(
        &self,
        message: impl FnOnce(Instant) -> M,
    ) -> Result<(T, Duration), FaceError>
    where
        M: Message<Result = Result<(T, Duration), FaceError>> + Send + 'static,
        FaceActor: Handler<M>,
        T: Send + 'static,
    {
        let shared = &self.0;
        if shared.workers.alive() == 0 {
            return Err(FaceError::PoolStopped);
        }
        let permit =
            Arc::clone(&shared.admission).try_acquire_owned().map_err(|error| match error {
                TryAcquireError::NoPermits => {
                    shared.counters.busy.fetch_add(1, Ordering::Relaxed);
                    FaceError::PoolBusy { limit: shared.settings.workers + shared.settings.waiting }
                }
                TryAcquireError::Closed => FaceError::PoolStopped,
            })?;
        let deadline = Instant::now() + Duration::from_millis(shared.settings.wait_ms);
        let message = message(deadline);
        let (done, answer) = oneshot::channel();
        let workers = Arc::clone(&shared.workers);
        let work_max = Duration::from_millis(shared.settings.work_ms);
        let serve = async move {
            workers
                .serve(message, deadline, work_max, move |answer| {
                    // Who has left needs no answer.
                    let _ = done.send(answer);
                    drop(permit);
                })
                .await;
        };
        if !shared.system.arbiter().spawn(serve) {
            return Err(FaceError::PoolStopped);
        }
        answer.await.unwrap_or(Err(FaceError::PoolStopped))
    }
}
