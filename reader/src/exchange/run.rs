//! Threads and waiting: the one part of the exchange that knows how time passes.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Exchange;
use super::core::Core;
use crate::ReaderError;

/// Between two sweeps of `res`; retention counts in minutes.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Between two writes of the status file.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// Longest wait of an idle worker before it looks whether it shall stop.
const WORKER_WAIT_MAX: Duration = Duration::from_millis(500);

/// The wish to stop, shared by whoever may have it and whoever must obey.
#[derive(Debug, Default)]
pub struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks for a stop; there is no way back.
    pub fn ask(&self) {
        *self.asked() = true;
        self.changed.notify_all();
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.asked()
    }

    /// Waits for the wish, at most `max`.
    pub fn wait(&self, max: Duration) {
        let wait = self.changed.wait_timeout_while(self.asked(), max, |asked| !*asked);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    fn asked(&self) -> MutexGuard<'_, bool> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Works until a stop is asked for, then finishes what is due, at most `stop_within` long.
    /// What is not finished stays taken for the next start.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn run(mut self, stop: &Arc<Stop>) -> Result<(), ReaderError> {
        let (alive, ended) = mpsc::channel::<()>();
        for number in 0..self.core.settings.workers {
            let (core, told, alive) = (Arc::clone(&self.core), Arc::clone(stop), alive.clone());
            let started =
                thread::Builder::new().name(format!("exchange-{number}")).spawn(move || {
                    worker(&core, &told);
                    drop(alive);
                });
            if let Err(error) = started {
                stop_all(stop, &ended);
                return Err(ReaderError::Thread(error));
            }
        }
        drop(alive);
        tracing::info!(workers = self.core.settings.workers, "exchange started");

        let (mut sweep_at, mut status_at) = (Instant::now(), Instant::now());
        while !stop.is_asked() {
            self.poll();
            if is_due(&mut sweep_at, SWEEP_EVERY) {
                self.core.sweep();
            }
            if is_due(&mut status_at, STATUS_EVERY) {
                self.core.write_status();
            }
            stop.wait(self.core.settings.poll_interval);
        }
        tracing::info!(in_flight = self.core.queue.in_flight(), "exchange stopping");
        let in_time = ended.recv_timeout(self.core.settings.stop_within);
        if in_time == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("some workers still wait for the engine");
        }
        self.core.write_status();
        tracing::info!(left = self.core.queue.in_flight(), "exchange stopped");
        Ok(())
    }
}

/// The workers that did start hold the root's lock until they end.
fn stop_all(stop: &Stop, ended: &mpsc::Receiver<()>) {
    stop.ask();
    let _ = ended.recv_timeout(WORKER_WAIT_MAX * 2);
}

fn is_due(at: &mut Instant, every: Duration) -> bool {
    let now = Instant::now();
    let due = now >= *at;
    if due {
        *at = now + every;
    }
    due
}

/// Works while there is work; after a stop, until nothing is due or the time for it is over.
fn worker(core: &Core, stop: &Stop) {
    let mut last = None;
    loop {
        if stop.is_asked() {
            let end = *last.get_or_insert_with(|| Instant::now() + core.settings.stop_within);
            if Instant::now() >= end {
                return;
            }
        }
        let worked = core.work();
        if !worked && last.is_some() {
            return;
        }
        if !worked {
            core.queue.wait(core.clock.instant(), WORKER_WAIT_MAX);
        }
    }
}

impl Core {
    fn write_status(&self) {
        match self.status().write(&self.folders.work) {
            Ok(()) => self.files_succeeded(),
            Err(error) => self.files_failed(&error),
        }
    }
}
