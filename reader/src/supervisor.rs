//! What the program tells systemd about itself. Where there is no systemd nobody listens, and
//! nothing happens.

/// What is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// The pages can be opened.
    Ready,
    /// Nothing hangs. Told more often than systemd waits for it.
    Alive,
    /// The program finishes what is in it and ends.
    Stopping,
}

#[cfg(unix)]
pub(crate) fn tell(state: State) {
    use sd_notify::NotifyState;
    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Alive if sd_notify::watchdog_enabled().is_none() => return,
        State::Alive => NotifyState::Watchdog,
        State::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "could not tell systemd");
    }
}

#[cfg(not(unix))]
pub(crate) fn tell(_: State) {}
