//! Results as runs leave them, made up for the tests of everything that shows results.

use crate::run::result::{
    Counts, Description, Fault, Measured, Model, RunResult, SCHEMA_VERSION, Second, ServerSample,
    ServerSeries, SigningWork, Spacing, Stream, Worker, WrongAnswer,
};
use crate::run::times::{PackedTimes, Times};
use crate::run::verdict::{Verdict, judge};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    /// Everything was answered well.
    Valid,
    /// The server stood still for a while: the rate was missed and answers failed.
    Invalid,
    /// Some answers were wrong.
    Wrong,
    /// The closed model, ended early.
    ClosedPartial,
    /// Nothing was answered, nothing was sent.
    Empty,
}

const WARMUP: u32 = 5;
const SECONDS: u32 = 60;
const RATE: u32 = 1_500;

/// A latency that looks like one: mostly near the middle, sometimes far off. `k` counts requests.
fn latency(k: u32, second: u32, kind: Sample) -> Duration {
    let spread = (k.wrapping_mul(2_654_435_761) >> 8) % 10_000;
    let micros = match spread {
        0..8_000 => 150 + spread / 40,
        8_000..9_900 => 350 + (spread - 8_000) / 4,
        9_900..9_990 => 900 + (spread - 9_900) * 30,
        _ => 4_000 + (spread - 9_990) * 900,
    };
    let stall = if kind == Sample::Invalid && (30..36).contains(&second) { 2_000_000 } else { 0 };
    Duration::from_micros(u64::from(micros + stall))
}

fn second(number: u32, kind: Sample) -> (Second, Measured) {
    let mut measured = Measured::default();
    let stands_still = kind == Sample::Invalid && (30..36).contains(&number);
    let rate = if kind == Sample::Empty { 0 } else { RATE };
    for k in 0..rate {
        let taken = latency(k + number * RATE, number, kind);
        measured.latency.record(taken);
        if !stands_still || k % 3 == 0 {
            measured.service.record(taken.mul_f64(0.9));
        }
        measured.lag.record(Duration::from_micros(u64::from(5 + k % 40)));
    }
    let good = measured.service.count();
    let failed = u64::from(rate) - good;
    let wrong = u64::from(kind == Sample::Wrong && number % 20 == 7) * 3;
    measured.counts = Counts {
        due: u64::from(rate),
        sent: u64::from(rate),
        good: good - wrong,
        wrong,
        statuses: BTreeMap::from([(200, good), (503, failed / 2)]),
        codes: BTreeMap::from([(["SHK-ENG", "001"].join("-"), failed / 2)]),
        faults: BTreeMap::from([(Fault::Timeout, failed - failed / 2)]),
        bytes_sent: good * 700,
        bytes_received: good * 900,
        ..Counts::default()
    };
    let second = Second {
        second: number,
        due: u64::from(rate),
        good,
        failed,
        wrong,
        latency: PackedTimes::new(&measured.latency),
        lag_p99_ns: u64::from(rate > 0) * 44_000,
    };
    (second, measured)
}

fn description(kind: Sample) -> Description {
    let is_closed = kind == Sample::ClosedPartial;
    let rate = f64::from(RATE);
    Description {
        scenario: "lookups".to_owned(),
        title: "Lookups by card data at a steady rate".to_owned(),
        model: if is_closed { Model::Closed } else { Model::Open },
        spacing: Spacing::Poisson,
        target: "127.0.0.1:8443".to_owned(),
        tls: true,
        questions: "v1".to_owned(),
        facilities: 1,
        connections: 64,
        prepared_questions: 97_500,
        prepared_bytes: 68_000_000,
        warmup_seconds: f64::from(WARMUP),
        planned_seconds: f64::from(SECONDS),
        target_per_second: (!is_closed).then_some(rate),
        plan: if is_closed { Vec::new() } else { vec![(0.0, rate), (65.0, rate)] },
        timeout_seconds: 10.0,
        seed: 7,
        started_at: "2026-11-23T09:00:00Z".to_owned(),
        labels: BTreeMap::from([("commit".to_owned(), "0123456789ab".to_owned())]),
        thresholds: vec!["p99 < 5ms".to_owned(), "wrong == 0".to_owned()],
    }
}

fn worker() -> Worker {
    Worker {
        name: "local".to_owned(),
        version: "0.1.0".to_owned(),
        processor: "A processor of two cores".to_owned(),
        cores: 2,
        generator_cores: "1".to_owned(),
        server_cores: "0".to_owned(),
        memory_bytes: 24 << 30,
        system: "Linux 6.1.0".to_owned(),
        threads: 1,
        cpu_seconds: Some(11.3),
        busiest_thread: Some(0.18),
        cpu_us_per_request: Some(115.9),
        signing: Some(SigningWork {
            threads: 1,
            cores: "0-1".to_owned(),
            signatures: 3_900,
            cpu_seconds: Some(2.1),
            busiest_thread: Some(0.03),
        }),
    }
}

/// A server with one core half used.
fn server() -> ServerSeries {
    let sample = |second: u32| {
        let at_seconds = f64::from(second);
        let values = [
            ("process_cpu_seconds_total", 10.0 + at_seconds / 2.0),
            ("process_resident_memory_bytes", 3e8 + at_seconds * 1e5),
            ("oqs_answers_total", at_seconds * f64::from(RATE)),
            ("oqs_errors_total", 3.0),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        ServerSample { at_seconds, values }
    };
    let samples = (0..WARMUP + SECONDS).map(sample).collect();
    let source = "127.0.0.1:8444/metrics".to_owned();
    ServerSeries { source, version: "0.1.0".to_owned(), samples, failed: 0 }
}

/// A result of that kind.
pub(super) fn sample(kind: Sample) -> RunResult {
    let mut total = Measured::default();
    let mut seconds = Vec::new();
    for number in 0..WARMUP + SECONDS {
        let (second, measured) = second(number, kind);
        if number >= WARMUP {
            total.merge(&measured);
        }
        seconds.push(second);
    }
    let example = |person| WrongAnswer {
        stream: "lookups".to_owned(),
        at_ms: 7_300,
        person,
        field: "qualificationValidity".to_owned(),
        expected: "1".to_owned(),
        got: "2".to_owned(),
    };
    let has_wrong = total.counts.wrong > 0;
    let mut result = RunResult {
        schema_version: SCHEMA_VERSION,
        description: description(kind),
        workers: vec![worker()],
        measured_seconds: f64::from(SECONDS),
        partial: kind == Sample::ClosedPartial,
        streams: vec![Stream { name: "lookups".to_owned(), measured: total.clone() }],
        total,
        seconds,
        server: (kind == Sample::Valid).then(server),
        wrong_examples: if has_wrong { vec![example(17), example(4_242)] } else { Vec::new() },
        notes: Vec::new(),
        verdict: Verdict::default(),
    };
    result.verdict = judge(&result);
    result
}

/// The same run, faster or slower by a factor, as a baseline to compare with.
pub(super) fn scaled(kind: Sample, factor: f64) -> RunResult {
    let mut result = sample(kind);
    let mut latency = Times::new();
    for value in result.total.latency.histogram().iter_recorded() {
        let nanos = Duration::from_nanos(value.value_iterated_to()).mul_f64(factor);
        (0..value.count_at_value()).for_each(|_| latency.record(nanos));
    }
    result.total.latency = latency;
    result
}
