//! Time as an argument.

use std::time::{Instant, SystemTime};

/// Where the time comes from. Tests own theirs.
pub trait Clock: Send + Sync {
    /// Wall time: compared with file times, written into the status file.
    fn now(&self) -> SystemTime;
    /// Monotonic time: for deadlines and delays.
    fn instant(&self) -> Instant;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}
