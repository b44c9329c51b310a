//! Requests that were taken and are not yet answered, by the time at which each is due.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Answer;
use super::name::RequestName;

/// One taken request.
pub struct Job {
    /// Its name.
    pub name: RequestName,
    /// When it is rejected if no answer came.
    pub deadline: Instant,
    /// How often the engine was asked.
    pub attempts: u32,
    /// How often its files could not be moved or written.
    pub disk_failures: u32,
    /// Its answer while that is not yet on the disk.
    pub answer: Option<Answer>,
}

/// The taken requests; at most `limit`, and those that an earlier run had taken.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    in_flight: HashSet<String>,
    waiting: BTreeMap<(Instant, u64), Job>,
    pushed: u64,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), limit }
    }

    /// How many more requests may be taken.
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.state().in_flight.len())
    }

    /// How many requests are taken and not yet answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// Whether nothing of this name is in flight.
    #[must_use]
    pub fn is_free(&self, name: &RequestName) -> bool {
        !self.state().in_flight.contains(&name.key())
    }

    /// Marks a name as in flight; false when it already is.
    #[must_use]
    pub fn reserve(&self, name: &RequestName) -> bool {
        self.state().in_flight.insert(name.key())
    }

    /// Ends the flight of a name.
    pub fn release(&self, name: &RequestName) {
        self.state().in_flight.remove(&name.key());
    }

    /// Queues a job whose name is reserved.
    pub fn push(&self, job: Job, due: Instant) {
        let mut state = self.state();
        state.pushed += 1;
        let key = (due, state.pushed);
        state.waiting.insert(key, job);
        drop(state);
        self.changed.notify_one();
    }

    /// The job that is due for longest.
    #[must_use]
    pub fn take_due(&self, now: Instant) -> Option<Job> {
        let mut state = self.state();
        let first = state.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// Waits until a job may be due, at most `max`.
    pub fn wait(&self, now: Instant, max: Duration) {
        let state = self.state();
        let due = state.waiting.first_key_value().map(|((due, _), _)| *due);
        let until = due.map_or(max, |due| due.saturating_duration_since(now).min(max));
        drop(self.changed.wait_timeout(state, until).unwrap_or_else(PoisonError::into_inner));
    }

    /// The state stays whole whatever panics elsewhere: each change is one call.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
