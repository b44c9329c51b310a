//! One thread's part of a stream: what is due, who is free, what came of it.
//!
//! The waiting line needs no memory: those who wait are the part of the schedule that is past
//! and not taken.

use super::plan::Schedule;
use super::query::Prepared;
use super::result::{EXAMPLES_MAX, Measured, Model, WrongAnswer};
use super::times::Times;
use super::visits::Visits;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;
use std::time::Duration;

/// A request that a connection has taken. Times are since the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// Its number in the stream.
    pub k: u64,
    /// When it was due.
    pub due: Duration,
    /// Whether it counts.
    pub is_measured: bool,
}

/// What a free connection is to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this.
    Send(Ticket),
    /// Nothing is due before this time.
    Wait(Duration),
    /// Nothing will be.
    Over,
}

/// One thread's part of a stream.
pub(super) struct Lane {
    /// Name of the stream.
    pub name: String,
    /// What is asked.
    pub prepared: Arc<Prepared>,
    /// With cards: what follows the first question.
    pub visits: Option<Arc<Visits>>,
    schedule: Peekable<Schedule>,
    model: Model,
    warmup: Duration,
    end: Duration,
    is_closed: bool,
    /// Connections that wait for a request, the longest waiting first: requests go round all
    /// facilities, as patients do. May hold some that were lost meanwhile.
    pub idle: VecDeque<usize>,
    /// What came of it.
    pub measured: Measured,
    /// The first wrong answers.
    pub examples: Vec<WrongAnswer>,
}

impl Lane {
    /// `end` is when sending ends, warm-up included.
    pub(super) fn new(
        name: String,
        (prepared, visits): (Arc<Prepared>, Option<Arc<Visits>>),
        schedule: Schedule,
        model: Model,
        warmup: Duration,
        end: Duration,
    ) -> Self {
        Self {
            name,
            prepared,
            visits,
            schedule: schedule.peekable(),
            model,
            warmup,
            end,
            is_closed: false,
            idle: VecDeque::new(),
            measured: Measured::default(),
            examples: Vec::new(),
        }
    }

    /// The next request for a free connection at a time since the start.
    // HOT PATH: no allocation, no system call.
    pub(super) fn take(&mut self, now: Duration) -> Next {
        if self.is_closed || now >= self.end {
            return Next::Over;
        }
        let (k, due) = match (self.model, self.schedule.peek()) {
            (Model::Open, Some(&(_, due))) if due >= self.end => return Next::Over,
            (Model::Open, Some(&(_, due))) if due > now => return Next::Wait(due),
            (Model::Open, Some(&(k, due))) => (k, due),
            (Model::Closed, Some(&(k, _))) => (k, now),
            (Model::Open | Model::Closed, None) => return Next::Over,
        };
        self.schedule.next();
        let is_measured = due >= self.warmup;
        if is_measured {
            self.measured.counts.due += 1;
            self.measured.counts.sent += 1;
        }
        Next::Send(Ticket { k, due, is_measured })
    }

    /// Ends sending. Requests that are due and still wait are counted with the time they have
    /// waited; gives how many of all that fell due in this way, and adds their times.
    pub(super) fn close(&mut self, now: Duration, latency: &mut Times) -> u64 {
        let ended = now.min(self.end);
        let mut unsent = 0;
        if self.is_closed || self.model == Model::Closed {
            self.is_closed = true;
            return unsent;
        }
        self.is_closed = true;
        while let Some((_, due)) = self.schedule.next_if(|(_, due)| *due < ended) {
            if due >= self.warmup {
                let waited = ended.saturating_sub(due);
                self.measured.counts.due += 1;
                self.measured.counts.unsent += 1;
                self.measured.latency.record(waited);
                latency.record(waited);
                unsent += 1;
            }
        }
        unsent
    }

    /// Keeps a wrong answer, if it is one of the first.
    pub(super) fn note_wrong(&mut self, wrong: WrongAnswer) {
        self.measured.counts.wrong += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(wrong);
        }
    }
}
