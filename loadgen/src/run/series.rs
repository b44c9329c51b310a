//! What happened second by second, told while the run goes on.

use super::client::Event;
use super::result::Second;
use super::times::{PackedTimes, Times};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

/// One second of one thread.
#[derive(Debug, Default)]
pub(super) struct RawSecond {
    pub second: u32,
    pub due: u64,
    pub good: u64,
    pub failed: u64,
    pub wrong: u64,
    pub latency: Times,
    pub lag: Times,
}

impl RawSecond {
    fn merge(&mut self, other: &Self) {
        let Self { second: _, due, good, failed, wrong, latency, lag } = other;
        self.due += due;
        self.good += good;
        self.failed += failed;
        self.wrong += wrong;
        self.latency.merge(latency);
        self.lag.merge(lag);
    }

    /// The second as it is kept: packing takes a tenth of a millisecond, so the generator threads
    /// leave it to the main one.
    pub(super) fn pack(&self) -> Second {
        let lag_p99_ns = self.lag.quantile(0.99).as_nanos();
        Second {
            second: self.second,
            due: self.due,
            good: self.good,
            failed: self.failed,
            wrong: self.wrong,
            latency: PackedTimes::new(&self.latency),
            lag_p99_ns: u64::try_from(lag_p99_ns).unwrap_or(u64::MAX),
        }
    }
}

/// The present second, and those that nobody has taken yet.
pub(super) struct Series {
    /// The present second.
    pub now: RawSecond,
    events: mpsc::Sender<Event>,
    /// One a second at most, so its length is bounded by that of the run.
    untold: Vec<RawSecond>,
}

impl Series {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { now: RawSecond::default(), events, untold: Vec::new() }
    }

    /// Moves on to the second of a time since the start.
    pub(super) fn advance(&mut self, now: Duration) {
        let second = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        if second <= self.now.second {
            return;
        }
        let over = std::mem::take(&mut self.now);
        self.now.second = second;
        self.untold.push(over);
        while let Some(over) = self.untold.pop() {
            // A main thread that is behind gets it with the report.
            if let Err(mpsc::error::TrySendError::Full(Event::Second(over))) =
                self.events.try_send(Event::Second(Box::new(over)))
            {
                self.untold.push(*over);
                break;
            }
        }
    }

    /// What was not told, the present second with it.
    pub(super) fn finish(mut self) -> Vec<RawSecond> {
        self.untold.push(self.now);
        self.untold
    }
}

/// Puts the threads' seconds together.
#[derive(Default)]
pub(super) struct Gatherer {
    /// Seconds of which not every thread has told yet, with the number of those that have.
    pending: BTreeMap<u32, (RawSecond, u32)>,
    /// The others.
    pub complete: Vec<Second>,
}

impl Gatherer {
    /// Takes a thread's second; gives it when all threads have told of it.
    pub(super) fn add(&mut self, second: RawSecond, threads: u32) -> Option<&Second> {
        let number = second.second;
        let told = match self.pending.get_mut(&number) {
            Some((sum, told)) => {
                sum.merge(&second);
                *told += 1;
                *told
            }
            None => {
                self.pending.insert(number, (second, 1));
                1
            }
        };
        if told < threads {
            return None;
        }
        let (sum, _) = self.pending.remove(&number)?;
        self.complete.push(sum.pack());
        self.complete.last()
    }

    /// All seconds in their order, also those of which some threads had nothing to tell.
    pub(super) fn finish(self) -> Vec<Second> {
        let Self { pending, mut complete } = self;
        complete.extend(pending.into_values().map(|(second, _)| second.pack()));
        complete.sort_by_key(|second| second.second);
        complete
    }
}
