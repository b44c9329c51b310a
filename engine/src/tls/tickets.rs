//! Keys of session tickets with a hard end.

use rustls::crypto::ring::Ticketer;
use rustls::server::ProducesTickets;
use std::sync::{Arc, PoisonError, RwLock};

/// Life of a ticket key in seconds: the longest time that resumption can put off a full check of a
/// client's certificate. Four hours cost each client at most six full handshakes a day, 0.2 ms of
/// server CPU each.
pub const TICKET_EPOCH_SECONDS: u64 = 4 * 3600;

/// The keys of one epoch after the other. Unlike the library's own rotation, the end of an epoch
/// keeps no older key: each resumption gives a new ticket, so with overlapping keys a client could
/// resume for ever.
#[derive(Debug)]
pub(super) struct Tickets(RwLock<Epoch>);

#[derive(Debug)]
struct Epoch {
    keys: Arc<dyn ProducesTickets>,
    /// Unix seconds.
    start: u64,
}

impl Epoch {
    fn new(now: u64) -> Result<Self, rustls::Error> {
        Ok(Self { keys: Ticketer::new()?, start: now })
    }

    /// None are left before the start: a clock that was set back would keep the keys for as long.
    fn seconds_left(&self, now: u64) -> u64 {
        let age = now.checked_sub(self.start);
        age.map_or(0, |age| TICKET_EPOCH_SECONDS.saturating_sub(age))
    }
}

impl Tickets {
    pub(super) fn new(now: u64) -> Result<Self, rustls::Error> {
        Epoch::new(now).map(|epoch| Self(RwLock::new(epoch)))
    }

    /// The keys for this moment and the seconds they have left; `None` when the operating system
    /// gives no random numbers for new ones, and then sessions are not resumed.
    pub(super) fn at(&self, now: u64) -> Option<(Arc<dyn ProducesTickets>, u64)> {
        {
            let epoch = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let seconds_left = epoch.seconds_left(now);
            if seconds_left > 0 {
                return Some((Arc::clone(&epoch.keys), seconds_left));
            }
        }
        let mut epoch = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if epoch.seconds_left(now) == 0 {
            *epoch = Epoch::new(now).ok()?;
        }
        Some((Arc::clone(&epoch.keys), epoch.seconds_left(now)))
    }
}
