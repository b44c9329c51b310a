//! Which actors are idle, and the watch over those that work.

use super::actor::FaceActor;
use super::{Build, Counters, PoolSettings};
use crate::FaceError;
use actix::{Addr, Handler, MailboxError, Message, SyncArbiter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::{timeout, timeout_at};

/// How long an actor's first state may take: each model runs once.
const WARM_UP_MAX: Duration = Duration::from_secs(60);

/// All actors of a pool. Each has one request at a time, so none waits behind one that hangs.
pub(super) struct Workers {
    settings: PoolSettings,
    build: Build,
    counters: Arc<Counters>,
    /// One permit for each of `idle`.
    free: Semaphore,
    idle: Mutex<Vec<Addr<FaceActor>>>,
    alive: AtomicUsize,
    /// Threads that hang and in whose place another works.
    abandoned: AtomicUsize,
}

impl Workers {
    /// Starts all actors and waits until each has its state.
    pub(super) fn start(
        settings: PoolSettings,
        build: Build,
        counters: Arc<Counters>,
    ) -> Result<Self, FaceError> {
        let (warm, warmed) = mpsc::channel();
        let told: Build = Arc::new(move || {
            let eyes = build();
            // Only the start listens; a rebuilt state tells nobody.
            let _ = warm.send(());
            eyes
        });
        let workers = Self {
            settings,
            build: told,
            counters,
            free: Semaphore::new(settings.workers),
            idle: Mutex::new(Vec::new()),
            alive: AtomicUsize::new(settings.workers),
            abandoned: AtomicUsize::new(0),
        };
        for _ in 0..settings.workers {
            let worker = workers.worker();
            workers.put(worker);
        }
        for _ in 0..settings.workers {
            warmed.recv_timeout(WARM_UP_MAX).map_err(|_| FaceError::PoolStopped)?;
        }
        Ok(workers)
    }

    pub(super) fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    /// Threads that hang and in whose place another works.
    pub(super) fn hanging(&self) -> usize {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Finds an actor for a message, watches over it and says what came of it, once.
    pub(super) async fn serve<M, T>(
        &self,
        message: M,
        deadline: Instant,
        work_max: Duration,
        done: impl FnOnce(Result<T, FaceError>),
    ) where
        M: Message<Result = Result<T, FaceError>> + Send + 'static,
        FaceActor: Handler<M>,
        T: Send + 'static,
    {
        let Ok(Ok(free)) = timeout_at(deadline.into(), self.free.acquire()).await else {
            self.counters.late.fetch_add(1, Ordering::Relaxed);
            return done(Err(FaceError::PoolLate));
        };
        let Some(worker) = self.take() else { return done(Err(FaceError::PoolStopped)) };
        free.forget();
        let mut working = Box::pin(worker.send(message));
        match timeout(work_max, &mut working).await {
            Ok(Ok(answer)) => {
                self.give_back(worker);
                let counter =
                    if answer.is_ok() { &self.counters.answered } else { &self.counters.failed };
                counter.fetch_add(1, Ordering::Relaxed);
                done(answer);
            }
            // Its thread has ended, which a panic while its state was made does.
            Ok(Err(MailboxError::Closed | MailboxError::Timeout)) => {
                self.replace();
                done(Err(FaceError::PoolFault));
            }
            Err(_) => {
                self.counters.hung.fetch_add(1, Ordering::Relaxed);
                let is_replaced = self.abandon();
                done(Err(FaceError::PoolHung));
                // For as long as it takes: a thread cannot be ended from outside.
                let _ = working.await;
                self.returned(worker, is_replaced);
            }
        }
    }

    /// Starts another actor in place of one that hangs, unless too many hang already. Says whether.
    fn abandon(&self) -> bool {
        let has_room = |hanging: usize| (hanging < self.settings.hung_max).then_some(hanging + 1);
        let counted = self.abandoned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, has_room);
        if counted.is_ok() {
            self.replace();
        } else {
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
        counted.is_ok()
    }

    /// An actor that hung has come back: it ends, or takes its place again when nobody has it.
    fn returned(&self, worker: Addr<FaceActor>, is_replaced: bool) {
        if is_replaced {
            self.abandoned.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.alive.fetch_add(1, Ordering::Relaxed);
            self.give_back(worker);
        }
    }

    fn replace(&self) {
        self.counters.replaced.fetch_add(1, Ordering::Relaxed);
        let worker = self.worker();
        self.give_back(worker);
    }

    fn worker(&self) -> Addr<FaceActor> {
        let (build, counters) = (Arc::clone(&self.build), Arc::clone(&self.counters));
        let named = || thread::Builder::new().name("face".to_owned());
        SyncArbiter::start_with_thread_builder(1, named, move || FaceActor::new(&build, &counters))
    }

    fn give_back(&self, worker: Addr<FaceActor>) {
        self.put(worker);
        self.free.add_permits(1);
    }

    fn put(&self, worker: Addr<FaceActor>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }

    fn take(&self) -> Option<Addr<FaceActor>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
