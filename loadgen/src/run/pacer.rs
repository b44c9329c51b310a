//! The clock of the open model, and the generator's own cost.
//!
//! The async runtime's timers tick in milliseconds, too coarse to send at an exact moment. A
//! thread that sleeps until each request is due and wakes one idle connection is exact to about
//! a tenth of that, at the price of one wake-up.

use super::schedule::Schedule;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A running clock for one generator thread.
pub(super) struct Pacer {
    thread: Option<JoinHandle<Option<Duration>>>,
    stop: Arc<AtomicBool>,
}

impl Pacer {
    /// Notifies `due` once for each request, when it is due, until `end` after `start`.
    pub(super) fn start(plan: Schedule, start: Instant, end: Duration, due: Arc<Notify>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pace = move || {
            for (_, at) in plan.take_while(|(_, at)| *at < end) {
                loop {
                    if stopped.load(Ordering::Relaxed) {
                        return thread_cpu();
                    }
                    let wait = (start + at).saturating_duration_since(Instant::now());
                    if wait.is_zero() {
                        break;
                    }
                    std::thread::park_timeout(wait);
                }
                due.notify_one();
            }
            thread_cpu()
        };
        // Without a pacer nothing is sent, and the report says INVALID with zero requests sent.
        let thread = std::thread::Builder::new().name("pacer".to_owned()).spawn(pace).ok();
        Self { thread, stop }
    }

    /// Ends it; gives the CPU time it took.
    pub(super) fn stop(self) -> Option<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread?;
        thread.thread().unpark();
        thread.join().ok().flatten()
    }
}

/// CPU time of the calling thread so far; `None` where the system does not tell.
pub(super) fn thread_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
