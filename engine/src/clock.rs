//! The time, as an argument. Nothing else in the engine asks the operating system for it.

use shikaku_domain::{Day, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from: the operating system in service, a test's own hand in tests.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> u64;

    /// The same moment in Japan standard time.
    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.unix_seconds())
    }

    /// The calendar day in Japan.
    fn today(&self) -> Day {
        self.timestamp().day()
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that asks the operating system for the time"
        )]
        let now = SystemTime::now();
        // A machine whose clock stands before 1970 sees certificates as not yet valid: safe.
        now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// A clock that stands still until it is moved, for tests and simulations.
#[derive(Debug)]
pub struct FixedClock(AtomicU64);

impl FixedClock {
    /// A clock that shows this many seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn new(unix_seconds: u64) -> Self {
        Self(AtomicU64::new(unix_seconds))
    }

    /// Moves the clock to another moment.
    pub fn set(&self, unix_seconds: u64) {
        self.0.store(unix_seconds, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_changes_at_midnight_in_japan() {
        let clock = FixedClock::new(1_792_940_399); // 2026-10-25T23:59:59+09:00
        assert_eq!(clock.today().to_string(), "20261025");
        clock.advance(1);
        assert_eq!(&clock.timestamp().to_digits(), b"20261026000000");
        clock.set(0);
        assert_eq!(clock.today().to_string(), "19700101");
    }

    #[test]
    fn the_system_clock_shows_a_present_time() {
        assert!(SystemClock.unix_seconds() > 1_700_000_000);
    }
}
