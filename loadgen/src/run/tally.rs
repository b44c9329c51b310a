//! What one generator thread counted. Tallies are merged, never averaged.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a request got no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// No complete answer within the request's time limit.
    Timeout,
    /// The server closed the connection before the answer was complete.
    Closed,
    /// The connection broke: reset, broken pipe, a TLS alert.
    Broken,
    /// Not an HTTP/1.1 status line with a final status.
    StatusLine,
    /// The head is longer than the generator reads.
    HeadTooLong,
    /// A header line that is none.
    HeaderLine,
    /// No usable Content-Length.
    LengthMissing,
    /// Transfer-Encoding, which no answer of the engine has.
    Chunked,
    /// The body is longer than the generator reads.
    BodyTooLong,
    /// Bytes after the end of the answer, which nobody asked for.
    Excess,
}

/// Most wrong answers kept as examples, by thread and in the report.
pub(super) const EXAMPLES_MAX: usize = 5;
/// Longest recorded time, one hour; longer ones count as this.
const TIME_NANOS_MAX: u64 = 3_600_000_000_000;

/// A wrong answer, without anything of the person but the index in the population.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct WrongAnswer {
    /// Index of the person in the population.
    pub person: u64,
    /// The code that the rules give.
    pub expected: char,
    /// The code in the answer; `None` when there was none.
    pub got: Option<char>,
}

/// Times in nanoseconds, to three digits.
#[derive(Clone, Debug)]
pub(super) struct Times(pub Histogram<u64>);

impl Times {
    #[expect(clippy::expect_used, reason = "the bounds are constants that every test passes by")]
    fn new() -> Self {
        Self(Histogram::new_with_bounds(1, TIME_NANOS_MAX, 3).expect("constant bounds are valid"))
    }

    pub(super) fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    fn merge(&mut self, other: &Self) {
        // INVARIANT: all have the same bounds, so nothing can be out of range.
        let merged = self.0.add(&other.0);
        debug_assert!(merged.is_ok());
    }
}

/// Counts of one thread, then of the run. Everything but `wrong` is of the measured part only.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// From the due time to the last byte of every answer with status 200, and as a lower bound
    /// for every request that timed out, stayed unanswered or was never sent. Other failures are
    /// left out, so that failing fast improves no percentile.
    pub latency: Times,
    /// From the actual send to the last byte, of answers with status 200.
    pub service: Times,
    /// From the due time to the send, of requests that found an idle connection: the generator's
    /// own fault.
    pub lag: Times,
    /// Requests that fell due.
    pub due: u64,
    /// Requests sent before the end.
    pub sent: u64,
    /// Answers with status 200 and, where audited, the right content.
    pub good: u64,
    /// Requests still waiting for a connection at the end.
    pub unsent: u64,
    /// Requests sent and neither answered nor failed when waiting for answers ended.
    pub unanswered: u64,
    /// Answers by HTTP status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without a usable answer, by reason.
    pub faults: BTreeMap<Fault, u64>,
    /// Answers with another validity than the rules give, also during warm-up.
    pub wrong: u64,
    /// The first few of them.
    pub wrong_examples: Vec<WrongAnswer>,
    /// Connections opened again after the first.
    pub reconnects: u64,
    /// Attempts at that which failed.
    pub reconnects_failed: u64,
    /// Bytes of HTTP, without TLS.
    pub bytes_sent: u64,
    /// Bytes of HTTP, without TLS.
    pub bytes_received: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            latency: Times::new(),
            service: Times::new(),
            lag: Times::new(),
            due: 0,
            sent: 0,
            good: 0,
            unsent: 0,
            unanswered: 0,
            statuses: BTreeMap::new(),
            faults: BTreeMap::new(),
            wrong: 0,
            wrong_examples: Vec::new(),
            reconnects: 0,
            reconnects_failed: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    pub(super) fn note_wrong(&mut self, example: WrongAnswer) {
        self.wrong += 1;
        if self.wrong_examples.len() < EXAMPLES_MAX {
            self.wrong_examples.push(example);
        }
    }

    /// Requests without a usable answer, or with a status other than 200.
    pub(super) fn failed(&self) -> u64 {
        let statuses = self.statuses.iter().filter(|(status, _)| **status != 200);
        self.faults.values().sum::<u64>() + statuses.map(|(_, count)| count).sum::<u64>()
    }

    pub(super) fn merge(&mut self, other: Self) {
        let Self {
            latency,
            service,
            lag,
            due,
            sent,
            good,
            unsent,
            unanswered,
            statuses,
            faults,
            wrong,
            wrong_examples,
            reconnects,
            reconnects_failed,
            bytes_sent,
            bytes_received,
        } = other;
        self.latency.merge(&latency);
        self.service.merge(&service);
        self.lag.merge(&lag);
        self.due += due;
        self.sent += sent;
        self.good += good;
        self.unsent += unsent;
        self.unanswered += unanswered;
        for (status, count) in statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (fault, count) in faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.wrong += wrong;
        self.wrong_examples.extend(wrong_examples);
        self.wrong_examples.truncate(EXAMPLES_MAX);
        self.reconnects += reconnects;
        self.reconnects_failed += reconnects_failed;
        self.bytes_sent += bytes_sent;
        self.bytes_received += bytes_received;
    }
}
