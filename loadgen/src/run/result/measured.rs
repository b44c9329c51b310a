//! Counts and times, and how those of several threads and workers become one.

use crate::run::times::{PackedTimes, Times};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most different error codes counted by name; others are counted as [`OTHER_CODE`].
pub const CODES_MAX: usize = 64;
/// Under this name answers are counted whose error code is one too many, or none.
pub const OTHER_CODE: &str = "other";

/// Counts and times of a part of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// How often what happened.
    pub counts: Counts,
    /// From the due time to the last byte of every answer that the plan expects, and as a lower
    /// bound for every request that timed out, stayed unanswered or was never sent. Other
    /// failures are left out, so that failing fast improves no percentile.
    pub latency: Times,
    /// From the actual send to the last byte, of answers that the plan expects; with cards, of a
    /// visit's questions together, without the card's time to sign.
    pub service: Times,
    /// From the due time to the send, of requests that found an idle connection: the generator's
    /// own fault.
    pub lag: Times,
    /// With cards: how long the server took for each step of a visit by its name, and the card for
    /// its `signature`, waiting for a free signing thread included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, Times>,
}

/// How often what happened, in the measured part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Requests that fell due.
    pub due: u64,
    /// Requests sent before the end.
    pub sent: u64,
    /// Answers with the expected status and, where audited, the right content.
    pub good: u64,
    /// Requests still waiting for a connection at the end: dropped sends.
    pub unsent: u64,
    /// Requests sent and neither answered nor failed when waiting for answers ended.
    pub unanswered: u64,
    /// Answers with another content than the population gives, also of the warm-up.
    pub wrong: u64,
    /// Answers by HTTP status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers with an unexpected status by the error code that they state.
    pub codes: BTreeMap<String, u64>,
    /// Visits that ended in a refusal, as they had to; they count as good.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<Refusal, u64>,
    /// Requests without a usable answer, by reason.
    pub faults: BTreeMap<Fault, u64>,
    /// Connections opened after the first ones, on purpose or because one was lost.
    pub connects: u64,
    /// Of these, how many resumed a TLS session.
    pub resumed: u64,
    /// Attempts to open a connection that failed.
    pub connects_failed: u64,
    /// Bytes of HTTP, without TLS.
    pub bytes_sent: u64,
    /// Bytes of HTTP, without TLS.
    pub bytes_received: u64,
}

/// A part of the load with connections and questions of its own, such as the clinics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Its name in the scenario.
    pub name: String,
    /// What it did.
    pub measured: Measured,
}

/// What happened in one second. Answers count in the second in which they arrive, requests in
/// the one in which they were due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// 0 is the first one of the plan.
    pub second: u32,
    /// Requests that fell due and were sent, or found unsent at the end.
    pub due: u64,
    /// Answers with the expected status and the right content.
    pub good: u64,
    /// Requests without a usable answer, or with an unexpected status.
    pub failed: u64,
    /// Wrong answers.
    pub wrong: u64,
    /// Latency from the due time, as in [`Measured::latency`].
    pub latency: PackedTimes,
    /// The generator's own lag, as in [`Measured::lag`]: its 99th percentile, in nanoseconds.
    pub lag_p99_ns: u64,
}

/// A wrong answer, without anything of the person but the index in the population.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WrongAnswer {
    /// Name of the stream.
    pub stream: String,
    /// Milliseconds since the start.
    pub at_ms: u64,
    /// Index of the person in the population.
    pub person: u64,
    /// What differs first: a path in the message such as `eligibility.insurerNumber`.
    pub field: String,
    /// What the population gives; the value itself only where it is nobody's secret.
    pub expected: String,
    /// What the answer said, masked in the same way.
    pub got: String,
}

/// Why a request got no usable answer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
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

/// Why the right answer to a patient's card is a refusal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its certificate ended more than three months ago: 403, `SHK-CRD-006`.
    ExpiredCard,
    /// Two people have the same insurance card, as twins without branch numbers do, so the card is
    /// registered as nobody's: 409, `SHK-CRD-015`.
    SharedCard,
}

impl Refusal {
    /// The reason in Japanese and English.
    #[must_use]
    pub const fn reason(self) -> (&'static str, &'static str) {
        match self {
            Self::ExpiredCard => (
                "期限切れのカード（403 SHK-CRD-006）",
                "card expired long ago, refused by 403 SHK-CRD-006",
            ),
            Self::SharedCard => (
                "二人が同じ被保険者証を持ち登録できないカード（409 SHK-CRD-015）",
                "card of somebody who shares an insurance card, registered as nobody's: 409 \
                 SHK-CRD-015",
            ),
        }
    }
}

impl Counts {
    /// Requests without a usable answer, or with an unexpected status.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.faults.values().chain(self.codes.values()).sum()
    }

    /// Counts the error code of an answer.
    pub fn count_code(&mut self, code: &str) {
        let is_known = self.codes.contains_key(code) || self.codes.len() < CODES_MAX;
        let code = if is_known { code } else { OTHER_CODE };
        match self.codes.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.codes.insert(code.to_owned(), 1)),
        }
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            due,
            sent,
            good,
            unsent,
            unanswered,
            wrong,
            statuses,
            codes,
            refusals,
            faults,
            connects,
            resumed,
            connects_failed,
            bytes_sent,
            bytes_received,
        } = other;
        self.due += due;
        self.sent += sent;
        self.good += good;
        self.unsent += unsent;
        self.unanswered += unanswered;
        self.wrong += wrong;
        add_all(&mut self.statuses, statuses);
        add_all(&mut self.codes, codes);
        add_all(&mut self.refusals, refusals);
        add_all(&mut self.faults, faults);
        self.connects += connects;
        self.resumed += resumed;
        self.connects_failed += connects_failed;
        self.bytes_sent += bytes_sent;
        self.bytes_received += bytes_received;
    }
}

fn add_all<K: Ord + Clone>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key.clone()).or_default() += count;
    }
}

impl Measured {
    /// Adds what another part measured.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
        for (name, times) in &other.steps {
            self.step(name).merge(times);
        }
    }

    /// The times of a step of visits with cards.
    pub fn step(&mut self, name: &str) -> &mut Times {
        self.steps.entry(name.to_owned()).or_default()
    }
}

impl Second {
    /// Adds what another thread or worker did in the same second.
    pub fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.good += other.good;
        self.failed += other.failed;
        self.wrong += other.wrong;
        // INVARIANT: texts that other workers sent were unpacked when they arrived.
        if let (Ok(mut own), Ok(theirs)) = (self.latency.unpack(), other.latency.unpack()) {
            own.merge(&theirs);
            self.latency = PackedTimes::new(&own);
        }
        // Percentiles cannot be merged: the worst of all threads is shown.
        self.lag_p99_ns = self.lag_p99_ns.max(other.lag_p99_ns);
    }
}

/// Adds the seconds of another thread or worker, second by second.
pub(in crate::run) fn merge_seconds(into: &mut Vec<Second>, from: &[Second]) {
    for second in from {
        match into.binary_search_by_key(&second.second, |s| s.second) {
            Ok(at) => into.iter_mut().skip(at).take(1).for_each(|own| own.merge(second)),
            Err(at) => into.insert(at, second.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn second(second: u32, good: u64, nanos: u64) -> Second {
        let mut latency = Times::new();
        (0..good).for_each(|_| latency.record(Duration::from_nanos(nanos)));
        Second {
            second,
            due: good,
            good,
            failed: 0,
            wrong: 0,
            latency: PackedTimes::new(&latency),
            lag_p99_ns: nanos,
        }
    }

    #[test]
    fn seconds_of_two_workers_are_added_and_percentiles_are_of_all_times() {
        let mut merged = vec![second(0, 1, 1_000), second(2, 99, 1_000)];
        merge_seconds(&mut merged, &[second(1, 5, 1), second(2, 1, 9_000_000)]);
        let numbers: Vec<_> = merged.iter().map(|s| (s.second, s.good, s.due)).collect();
        assert_eq!(numbers, [(0, 1, 1), (1, 5, 5), (2, 100, 100)]);
        let latency = merged[2].latency.unpack().unwrap();
        // An average of the two workers' maxima or medians would be about 4.5 ms.
        assert!(latency.quantile(0.99) < Duration::from_micros(2));
        assert!(latency.max() >= Duration::from_nanos(8_990_000));
        assert_eq!(merged[2].lag_p99_ns, 9_000_000);
    }

    #[test]
    fn a_server_that_makes_up_error_codes_cannot_fill_the_memory() {
        let mut counts = Counts::default();
        (0..1000).for_each(|n| counts.count_code(&format!("SHK-XXX-{n}")));
        assert_eq!(counts.codes.len(), CODES_MAX + 1);
        assert_eq!(counts.failed(), 1000);
        assert_eq!(counts.codes[OTHER_CODE], 1000 - CODES_MAX as u64);
    }
}
