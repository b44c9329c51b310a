//! What the run says about itself: a table for people, JSON for programs, and a verdict.

use super::client::{Mode, Setup};
use super::drive::Measured;
use super::schedule::Arrivals;
use super::tally::{Fault, Times, WrongAnswer};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

/// Version of the JSON's layout; grows when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;
/// Below this share of the requests that were due, answered well, a run did not hold its rate.
const ACHIEVED_SHARE_MIN: f64 = 0.99;
/// Above this the generator's own delay is no longer small beside what it measures.
const LAG_P99_MAX: Duration = Duration::from_millis(1);
/// Above this share of a core a generator thread may delay answers by reading them late.
const BUSY_SHARE_MAX: f64 = 0.95;

/// A finished run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    target: String,
    /// What was asked: an interface's name, or `constant PATH`.
    questions: String,
    /// `open` with its arrivals, or `closed`.
    model: &'static str,
    threads: u32,
    connections: u32,
    prepared_questions: usize,
    prepared_bytes: usize,
    warmup_seconds: f64,
    measured_seconds: f64,
    partial: bool,
    /// Reasons why the numbers must not be used; empty for a valid run.
    invalid: Vec<String>,
    target_per_second: Option<u32>,
    achieved_per_second: f64,
    due: u64,
    sent: u64,
    good: u64,
    unsent: u64,
    unanswered: u64,
    statuses: BTreeMap<u16, u64>,
    faults: BTreeMap<Fault, u64>,
    wrong_answers: u64,
    wrong_examples: Vec<WrongAnswer>,
    reconnects: u64,
    reconnects_failed: u64,
    bytes_sent: u64,
    bytes_received: u64,
    latency: Percentiles,
    service: Percentiles,
    generator_lag: Percentiles,
    generator_cpu_seconds: Option<f64>,
    generator_cpu_us_per_request: Option<f64>,
    generator_busiest_thread: Option<f64>,
}

/// Points of a distribution, in nanoseconds, exact to three digits.
#[derive(Clone, Copy, Debug, Serialize)]
struct Percentiles {
    count: u64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    p99_9_ns: u64,
    p99_99_ns: u64,
    max_ns: u64,
}

impl From<&Times> for Percentiles {
    fn from(Times(histogram): &Times) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            count: histogram.len(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p99_9_ns: at(0.999),
            p99_99_ns: at(0.9999),
            max_ns: histogram.max(),
        }
    }
}

impl Report {
    pub(super) fn new(setup: &Setup, questions: String, measured: Measured) -> Self {
        let invalid = reasons(setup, &measured);
        let Measured { tally, measured, is_partial, cpu, busiest } = measured;
        let (prepared_questions, prepared_bytes) = setup.prepared.size();
        let whole = cpu.map(|cpu| cpu.as_secs_f64());
        // CPU time is of the whole run, so it is shared among the requests of the whole run.
        let part = measured.as_secs_f64() / (measured + setup.warmup).as_secs_f64().max(1e-9);
        Self {
            schema_version: SCHEMA_VERSION,
            target: setup.target.authority.clone(),
            questions,
            model: match setup.mode {
                Mode::Open(Arrivals::Constant) => "open, constant arrivals",
                Mode::Open(Arrivals::Poisson) => "open, poisson arrivals",
                Mode::Closed => "closed",
            },
            threads: setup.threads,
            connections: setup.connections,
            prepared_questions,
            prepared_bytes,
            warmup_seconds: setup.warmup.as_secs_f64(),
            measured_seconds: measured.as_secs_f64(),
            partial: is_partial,
            invalid,
            target_per_second: match setup.mode {
                Mode::Open(_) => Some(setup.rate),
                Mode::Closed => None,
            },
            achieved_per_second: tally.service.0.len() as f64 / measured.as_secs_f64().max(1e-9),
            due: tally.due,
            sent: tally.sent,
            good: tally.good,
            unsent: tally.unsent,
            unanswered: tally.unanswered,
            latency: Percentiles::from(&tally.latency),
            service: Percentiles::from(&tally.service),
            generator_lag: Percentiles::from(&tally.lag),
            generator_cpu_seconds: whole,
            generator_cpu_us_per_request: whole
                .filter(|_| tally.sent > 0)
                .map(|seconds| seconds * part * 1e6 / tally.sent as f64),
            generator_busiest_thread: busiest,
            statuses: tally.statuses,
            faults: tally.faults,
            wrong_answers: tally.wrong,
            wrong_examples: tally.wrong_examples,
            reconnects: tally.reconnects,
            reconnects_failed: tally.reconnects_failed,
            bytes_sent: tally.bytes_sent,
            bytes_received: tally.bytes_received,
        }
    }

    /// Whether the numbers may be used.
    pub(super) fn is_valid(&self) -> bool {
        self.invalid.is_empty()
    }

    /// Whether the server answered something that the rules do not give.
    pub(super) fn has_wrong_answers(&self) -> bool {
        self.wrong_answers > 0
    }
}

fn reasons(setup: &Setup, measured: &Measured) -> Vec<String> {
    let tally = &measured.tally;
    let mut reasons = Vec::new();
    let share = tally.service.0.len() as f64 / tally.due.max(1) as f64;
    if share < ACHIEVED_SHARE_MIN {
        reasons.push(format!(
            "only {:.2} % of the requests that were due got an answer with status 200 ({} of {}; \
             {} were never sent, {} were unanswered at the end, {} failed): lower --rate, or look \
             at the server; more --connections help only if it is idle",
            share * 100.0,
            tally.service.0.len(),
            tally.due,
            tally.unsent,
            tally.unanswered,
            tally.failed(),
        ));
    }
    if setup.mode == Mode::Closed {
        return reasons;
    }
    let lag = Duration::from_nanos(tally.lag.0.value_at_quantile(0.99));
    if lag > LAG_P99_MAX {
        reasons.push(format!(
            "the generator itself was late: {lag:?} at p99; give it a core of its own or lower \
             --rate"
        ));
    }
    if let Some(busiest) = measured.busiest.filter(|share| *share > BUSY_SHARE_MAX) {
        reasons.push(format!(
            "a generator thread was busy for {:.0} % of the time and may have read answers late; \
             use more --threads or lower --rate",
            busiest * 100.0
        ));
    }
    reasons
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.target_per_second.map_or_else(
            || "as fast as answers come (CLOSED LOOP: hides queueing)".to_owned(),
            |rate| format!("{rate}/s"),
        );
        let partial = if self.partial { "  PARTIAL: ended early" } else { "" };
        writeln!(f, "target      {} ({}), {}", self.target, self.questions, self.model)?;
        writeln!(
            f,
            "load        {rate}, {} connections, {} threads, {:.1} s after {:.1} s of warm-up{partial}",
            self.connections, self.threads, self.measured_seconds, self.warmup_seconds
        )?;
        writeln!(
            f,
            "achieved    {:.1}/s; due {}, sent {}, good {}, never sent {}, unanswered {}",
            self.achieved_per_second, self.due, self.sent, self.good, self.unsent, self.unanswered
        )?;
        writeln!(f, "\n{:26}      p50       p90       p99     p99.9    p99.99       max", "")?;
        f.write_str(&row("latency from due time", &self.latency))?;
        f.write_str(&row("service time from send", &self.service))?;
        f.write_str(&row("generator's own lag", &self.generator_lag))?;
        writeln!(f)?;
        for (status, count) in &self.statuses {
            writeln!(f, "status {status}  {count}")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "failed      {count}  {fault:?}")?;
        }
        writeln!(
            f,
            "traffic     {} bytes out, {} bytes in, {} reconnects ({} failed)",
            self.bytes_sent, self.bytes_received, self.reconnects, self.reconnects_failed
        )?;
        if let (Some(cpu), Some(each)) =
            (self.generator_cpu_seconds, self.generator_cpu_us_per_request)
        {
            writeln!(f, "generator   {cpu:.2} s of CPU, {each:.1} us per request")?;
        }
        writeln!(
            f,
            "questions   {} prepared in {} MiB",
            self.prepared_questions,
            self.prepared_bytes / (1024 * 1024)
        )?;
        self.fmt_verdict(f)
    }
}

impl Report {
    fn fmt_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_wrong_answers() {
            writeln!(f, "\n*** {} WRONG ANSWERS ***", self.wrong_answers)?;
            for example in &self.wrong_examples {
                let got = example.got.map_or_else(|| "none".to_owned(), String::from);
                let WrongAnswer { person, expected, .. } = example;
                writeln!(f, "    person {person}: expected {expected}, got {got}")?;
            }
        }
        if !self.is_valid() {
            writeln!(f, "\n*** INVALID: DO NOT USE THESE NUMBERS ***")?;
            for reason in &self.invalid {
                writeln!(f, "    {reason}")?;
            }
        }
        Ok(())
    }
}

fn row(name: &str, p: &Percentiles) -> String {
    let mut line = format!("{name:26}");
    for nanos in [p.p50_ns, p.p90_ns, p.p99_ns, p.p99_9_ns, p.p99_99_ns, p.max_ns] {
        // Writing to a string cannot fail.
        let _ = write!(line, "{:>9} ", human(nanos));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn human(nanos: u64) -> String {
    let value = nanos as f64;
    match nanos {
        0..1_000_000 => format!("{:.1} us", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}
