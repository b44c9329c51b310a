//! What the engine tells systemd about itself: ready, alive, stopping. Without systemd nobody
//! listens, and nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// The engine serves.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// The engine finishes what is in it and ends.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Nothing in the engine hangs.
pub(crate) fn alive() {
    tell(NotifyState::Watchdog);
}

/// How often [`alive`] is to be called: twice in the time after which systemd restarts the engine.
/// `None` where nobody waits for it.
pub(crate) fn alive_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|within| within / 2)
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "Could not tell systemd.");
    }
}
