//! What a run leaves behind: one value that is the JSON file, the message of a worker to its
//! coordinator, and what reports are made of.
//!
//! Results of workers that ran at the same time merge into one ([`RunResult::merge`]); percentiles
//! are never averaged, histograms are added.

use super::times::{PackedTimes, Times};
use super::verdict::{Verdict, judge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Version of the layout; grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 2;
/// Most wrong answers kept, by thread, by worker and in the result.
pub const EXAMPLES_MAX: usize = 20;
/// Most different error codes counted by name; others are counted as [`OTHER_CODE`].
pub const CODES_MAX: usize = 64;
/// Under this name answers are counted whose error code is one too many, or none.
pub const OTHER_CODE: &str = "other";

/// A finished run. Times of the series are counted from the start of the plan, warm-up included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was planned.
    pub description: Description,
    /// Where the generators ran, one entry a worker.
    pub workers: Vec<Worker>,
    /// Length of the measured part that took place, in seconds.
    pub measured_seconds: f64,
    /// The run was ended early by its user or by a loss (see the verdict).
    pub partial: bool,
    /// Everything of the measured part together.
    pub total: Measured,
    /// The same by stream, in the order of the plan. Sums to `total`.
    pub streams: Vec<Stream>,
    /// Second by second from the start, warm-up included.
    pub seconds: Vec<Second>,
    /// The first [`EXAMPLES_MAX`] wrong answers, also of the warm-up.
    pub wrong_examples: Vec<WrongAnswer>,
    /// Events worth telling, such as a step of the machine's clock.
    pub notes: Vec<String>,
    /// Whether the numbers may be used.
    pub verdict: Verdict,
}

/// What was to be done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// Name of the scenario; `lookups` for a run that the command line describes.
    pub scenario: String,
    /// One sentence about it.
    pub title: String,
    /// Whether requests wait for the clock or for answers.
    pub model: Model,
    /// How requests are spread within a moment.
    pub spacing: Spacing,
    /// `host:port`.
    pub target: String,
    /// Whether the connections are TLS with a client certificate.
    pub tls: bool,
    /// What is asked: an interface's name, or `constant PATH`.
    pub questions: String,
    /// Facilities with a certificate of their own.
    pub facilities: u32,
    /// Connections of all workers together.
    pub connections: u32,
    /// Different questions prepared, of all streams.
    pub prepared_questions: u64,
    /// Memory they take, in bytes.
    pub prepared_bytes: u64,
    /// Time before measuring begins, in seconds.
    pub warmup_seconds: f64,
    /// The measured part, in seconds.
    pub planned_seconds: f64,
    /// Mean planned rate of the measured part, of all workers; `None` in the closed model.
    pub target_per_second: Option<f64>,
    /// Planned rate over time: points (seconds since the start, requests a second) to be joined
    /// by straight lines; two points at one time are a step. Empty in the closed model.
    pub plan: Vec<(f64, f64)>,
    /// Longest wait for one answer, in seconds.
    pub timeout_seconds: f64,
    /// Seed of everything random.
    pub seed: u64,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// What the run has to meet, such as `p99 < 5ms`, as the scenario says it.
    pub thresholds: Vec<String>,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    #[default]
    /// By a plan that never waits for the server: queueing shows as latency.
    Open,
    /// As soon as a connection has its answer: hides queueing.
    Closed,
}

/// How requests are spread over time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Equal gaps.
    #[default]
    Even,
    /// Exponential gaps, as callers who know nothing of each other arrive.
    Poisson,
    /// As recorded in a file.
    #[value(skip)]
    Recorded,
}

/// A process that generated load, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// `local`, or the address under which the coordinator knows it.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Processor's name.
    pub processor: String,
    /// Cores of the machine.
    pub cores: u32,
    /// Cores that the generator may use, such as `1` or `0-3`; empty where unknown.
    pub generator_cores: String,
    /// Cores that the server may use, where its process is known; empty otherwise.
    pub server_cores: String,
    /// Memory of the machine, in bytes; zero where unknown.
    pub memory_bytes: u64,
    /// Kernel's name and version.
    pub system: String,
    /// Generator threads.
    pub threads: u32,
    /// CPU time of the whole run, warm-up included, in seconds; `None` where unknown.
    pub cpu_seconds: Option<f64>,
    /// The busiest thread's share of one core, 0 to 1; `None` where unknown.
    pub busiest_thread: Option<f64>,
    /// CPU time for one request of the whole run, in microseconds; `None` where unknown.
    pub cpu_us_per_request: Option<f64>,
}

/// Counts and times of a part of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// How often what happened.
    pub counts: Counts,
    /// From the due time to the last byte of every answer that the plan expects, and as a lower
    /// bound for every request that timed out, stayed unanswered or was never sent. Other
    /// failures are left out, so that failing fast improves no percentile.
    pub latency: Times,
    /// From the actual send to the last byte, of answers that the plan expects.
    pub service: Times,
    /// From the due time to the send, of requests that found an idle connection: the generator's
    /// own fault.
    pub lag: Times,
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
pub(super) fn merge_seconds(into: &mut Vec<Second>, from: &[Second]) {
    for second in from {
        match into.binary_search_by_key(&second.second, |s| s.second) {
            Ok(at) => into.iter_mut().skip(at).take(1).for_each(|own| own.merge(second)),
            Err(at) => into.insert(at, second.clone()),
        }
    }
}

impl RunResult {
    /// Answers with the expected status a second, over the measured part.
    #[must_use]
    pub fn achieved_per_second(&self) -> f64 {
        self.total.service.count() as f64 / self.measured_seconds.max(1e-9)
    }

    /// Adds the result of a worker that ran at the same time as a part of the same plan, and
    /// judges anew.
    pub fn merge(&mut self, other: Self) {
        let Self { description, workers, total, streams, seconds, wrong_examples, notes, .. } =
            other;
        let own = &mut self.description;
        own.connections += description.connections;
        own.prepared_questions += description.prepared_questions;
        own.prepared_bytes += description.prepared_bytes;
        own.target_per_second =
            own.target_per_second.zip(description.target_per_second).map(|(a, b)| a + b);
        // Workers run equal shares of one plan: the points are at the same times.
        for ((_, rate), (_, more)) in own.plan.iter_mut().zip(&description.plan) {
            *rate += more;
        }
        self.workers.extend(workers);
        self.measured_seconds = self.measured_seconds.max(other.measured_seconds);
        self.partial |= other.partial;
        self.total.merge(&total);
        for stream in streams {
            match self.streams.iter_mut().find(|own| own.name == stream.name) {
                Some(own) => own.measured.merge(&stream.measured),
                None => self.streams.push(stream),
            }
        }
        merge_seconds(&mut self.seconds, &seconds);
        self.wrong_examples.extend(wrong_examples);
        self.wrong_examples.truncate(EXAMPLES_MAX);
        self.notes.extend(notes);
        self.verdict = judge(self);
    }

    /// Length of the measured part.
    #[must_use]
    pub fn measured(&self) -> Duration {
        Duration::try_from_secs_f64(self.measured_seconds).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
