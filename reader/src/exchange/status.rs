//! What the exchange tells about itself: counts, conditions that are logged once, `status.json`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use super::disk::{Disk, LocalDisk};

/// A number that only grows, and its reading.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests taken from `req`, and those that an earlier run had taken.
    pub picked_up: Count,
    /// Answers moved to `res`.
    pub answered: Count,
    /// Requests returned with an `.err`.
    pub rejected: Count,
    /// Attempts that got no answer.
    pub engine_failures: Count,
    /// Old files removed from `res`.
    pub removed_after_retention: Count,
    /// Files in `req` that are none of ours.
    pub left_alone: Count,
    /// Requests in `req` at the last look; goes down too.
    pub waiting: AtomicU64,
}

/// Something that is fine or not, so that the change is logged and not each event.
#[derive(Debug)]
pub struct Condition {
    state: Mutex<Failing>,
    patience: u32,
}

#[derive(Debug, Default)]
struct Failing {
    in_a_row: u32,
    since: Option<SystemTime>,
}

impl Condition {
    /// Fine until it failed `patience` times in a row.
    #[must_use]
    pub fn new(patience: u32) -> Self {
        Self { state: Mutex::default(), patience }
    }

    /// Notes a failure; true when the condition just turned bad.
    pub fn failed(&self, now: SystemTime) -> bool {
        let mut state = self.state();
        state.in_a_row = state.in_a_row.saturating_add(1);
        let turned = state.since.is_none() && state.in_a_row >= self.patience;
        if turned {
            state.since = Some(now);
        }
        turned
    }

    /// Notes a success; since when it was bad, when it just turned good.
    pub fn succeeded(&self) -> Option<SystemTime> {
        let mut state = self.state();
        state.in_a_row = 0;
        state.since.take()
    }

    /// Since when it is bad.
    #[must_use]
    pub fn bad_since(&self) -> Option<SystemTime> {
        self.state().since
    }

    fn state(&self) -> MutexGuard<'_, Failing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time for people and programs: RFC 3339 in UTC. Empty for a time before 9999 BC or after 9999.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|t| format!("{t:.0}")).unwrap_or_default()
}

/// The content of `work/status.json`. Fields are added, never changed.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Version of this shape.
    pub schema: u32,
    /// When this was written.
    pub written_at: String,
    /// When the exchange started.
    pub started_at: String,
    /// See [`Counts::picked_up`].
    pub picked_up: u64,
    /// See [`Counts::answered`].
    pub answered: u64,
    /// See [`Counts::rejected`].
    pub rejected: u64,
    /// Requests in `req` at the last look.
    pub waiting: u64,
    /// Requests taken and not yet answered.
    pub in_flight: usize,
    /// See [`Counts::engine_failures`].
    pub engine_failures: u64,
    /// See [`Counts::removed_after_retention`].
    pub removed_after_retention: u64,
    /// See [`Counts::left_alone`].
    pub left_alone: u64,
    /// Whether the engine answers.
    pub engine_reachable: bool,
    /// Since when it does not.
    pub engine_unreachable_since: Option<String>,
    /// Whether files can be written and moved.
    pub folders_usable: bool,
}

impl Status {
    /// Replaces the file; a reader sees the old one or the new one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let temporary = folder.join("status.json.tmp");
        LocalDisk.write(&temporary, &text)?;
        fs::rename(temporary, folder.join("status.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_reports_each_change_once() {
        let now = SystemTime::UNIX_EPOCH;
        let condition = Condition::new(2);
        assert_eq!(condition.succeeded(), None);
        assert!(!condition.failed(now));
        assert!(condition.failed(now));
        assert!(!condition.failed(now));
        assert_eq!(condition.bad_since(), Some(now));
        assert_eq!(condition.succeeded(), Some(now));
        assert_eq!(condition.succeeded(), None);
    }

    #[test]
    fn times_are_written_for_people_and_programs() {
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }
}
