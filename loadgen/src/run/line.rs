//! The waiting line of one generator thread.
//!
//! It needs no memory: those who wait are the part of the schedule that is past and not taken.

use super::client::{Mode, Setup};
use super::schedule::{Arrivals, Schedule};
use super::tally::Tally;
use std::iter::Peekable;
use std::time::{Duration, Instant};

/// A request that a connection has taken.
#[derive(Clone, Copy)]
pub(super) struct Ticket {
    /// Its number in the run.
    pub k: u64,
    /// When it was due.
    pub due: Duration,
    /// Whether it counts.
    pub is_measured: bool,
}

/// What a free connection is to do next.
pub(super) enum Next {
    /// Send this.
    Send(Ticket),
    /// Nothing is due yet.
    Wait,
    /// Nothing will be.
    Over,
}

/// The waiting line of one thread and what became of those who stood in it. Times are since the
/// start.
pub(super) struct Line {
    schedule: Peekable<Schedule>,
    mode: Mode,
    pub start: Instant,
    warmup: Duration,
    pub end: Duration,
    pub is_closed: bool,
    /// Connections that wait for a request.
    pub idle: u32,
    /// What each connection is waiting for.
    pub in_flight: Vec<Option<Ticket>>,
    pub tally: Tally,
}

impl Line {
    pub(super) fn new(setup: &Setup, thread: u32, start: Instant, connections: usize) -> Self {
        let arrivals = match setup.mode {
            Mode::Open(arrivals) => arrivals,
            Mode::Closed => Arrivals::Constant,
        };
        let schedule = Schedule::new(arrivals, setup.rate, setup.threads, thread, setup.seed);
        Self {
            schedule: schedule.peekable(),
            mode: setup.mode,
            start,
            warmup: setup.warmup,
            end: setup.warmup + setup.duration,
            is_closed: false,
            idle: 0,
            in_flight: vec![None; connections],
            tally: Tally::new(),
        }
    }

    fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// The next request for a free connection; `waited` if it was idle just before.
    pub(super) fn take(&mut self, slot: usize, waited: bool) -> Next {
        let now = self.now();
        if self.is_closed || now >= self.end {
            return Next::Over;
        }
        if Instant::now() < self.start {
            return Next::Wait;
        }
        let Some(&(k, due)) = self.schedule.peek() else { return Next::Over };
        let due = match self.mode {
            Mode::Open(_) if due > now || due >= self.end => return Next::Wait,
            Mode::Open(_) => due,
            Mode::Closed => now,
        };
        self.schedule.next();
        let ticket = Ticket { k, due, is_measured: due >= self.warmup };
        if let Some(place) = self.in_flight.get_mut(slot) {
            *place = Some(ticket);
        }
        if ticket.is_measured {
            self.tally.due += 1;
            self.tally.sent += 1;
            if waited || self.idle > 0 {
                self.tally.lag.record(now.saturating_sub(due));
            }
        }
        Next::Send(ticket)
    }

    /// Ends sending now. Requests that are due and still wait are counted with the time they have
    /// waited.
    pub(super) fn close(&mut self) -> Duration {
        let ended = self.now().min(self.end);
        self.is_closed = true;
        if self.mode == Mode::Closed {
            return ended;
        }
        while let Some((_, due)) = self.schedule.next_if(|(_, due)| *due < ended) {
            if due >= self.warmup {
                self.tally.due += 1;
                self.tally.unsent += 1;
                self.tally.latency.record(ended.saturating_sub(due));
            }
        }
        ended
    }

    /// Counts what is still unanswered, and ends.
    pub(super) fn give_up(&mut self) -> Tally {
        let now = self.now();
        for ticket in self.in_flight.iter_mut().filter_map(Option::take) {
            if ticket.is_measured {
                self.tally.unanswered += 1;
                self.tally.latency.record(now.saturating_sub(ticket.due));
            }
        }
        std::mem::replace(&mut self.tally, Tally::new())
    }
}
