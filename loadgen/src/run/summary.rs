//! A result as a table for whoever started the run.

use super::result::{Model, RunResult};
use super::times::Times;
use std::fmt;
use std::time::Duration;

/// The quantiles shown.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 0.9999];

/// Shows a result in some twenty lines.
pub struct Summary<'r>(pub &'r RunResult);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(result) = self;
        head(f, result)?;
        writeln!(f, "\n{:26}      p50       p90       p99     p99.9    p99.99       max", "")?;
        row(f, "latency from due time", &result.total.latency)?;
        row(f, "service time from send", &result.total.service)?;
        row(f, "generator's own lag", &result.total.lag)?;
        if result.streams.len() > 1 {
            writeln!(f)?;
            for stream in &result.streams {
                row(f, &format!("  {}", stream.name), &stream.measured.latency)?;
            }
        }
        for (name, times) in &result.total.steps {
            row(f, &format!("  card: {name}"), times)?;
        }
        writeln!(f)?;
        counts(f, result)?;
        verdict(f, result)
    }
}

fn head(f: &mut fmt::Formatter<'_>, result: &RunResult) -> fmt::Result {
    let about = &result.description;
    let model = match about.model {
        Model::Open => "open model",
        Model::Closed => "CLOSED LOOP: hides queueing",
    };
    let rate = about.target_per_second.map_or_else(
        || "as fast as answers come".to_owned(),
        |rate| format!("{rate:.1}/s on average"),
    );
    let partial = if result.partial { "  PARTIAL: ended early" } else { "" };
    let counts = &result.total.counts;
    let threads: u32 = result.workers.iter().map(|worker| worker.threads).sum();
    writeln!(f, "scenario    {} ({}), {model}", about.scenario, about.questions)?;
    writeln!(
        f,
        "load        {rate} on {}, {} connections of {} facilities, {threads} threads, {:.1} s \
         after {:.1} s of warm-up{partial}",
        about.target,
        about.connections,
        about.facilities,
        result.measured_seconds,
        about.warmup_seconds,
    )?;
    writeln!(
        f,
        "achieved    {:.1}/s; due {}, sent {}, good {}, never sent {}, unanswered {}",
        result.achieved_per_second(),
        counts.due,
        counts.sent,
        counts.good,
        counts.unsent,
        counts.unanswered
    )
}

fn counts(f: &mut fmt::Formatter<'_>, result: &RunResult) -> fmt::Result {
    let counts = &result.total.counts;
    for (status, count) in &counts.statuses {
        writeln!(f, "status {status}  {count}")?;
    }
    for (refusal, count) in &counts.refusals {
        let (_, reason) = refusal.reason();
        writeln!(f, "as expected {count}  {reason}")?;
    }
    for (code, count) in &counts.codes {
        writeln!(f, "refused     {count}  {code}")?;
    }
    for (fault, count) in &counts.faults {
        writeln!(f, "failed      {count}  {fault:?}")?;
    }
    writeln!(
        f,
        "traffic     {} bytes out, {} bytes in; {} more connections ({} resumed, {} failed)",
        counts.bytes_sent,
        counts.bytes_received,
        counts.connects,
        counts.resumed,
        counts.connects_failed
    )?;
    for worker in &result.workers {
        let cpu = worker.cpu_seconds.unwrap_or_default();
        let each = worker.cpu_us_per_request.unwrap_or_default();
        let busiest = worker.busiest_thread.unwrap_or_default() * 100.0;
        writeln!(
            f,
            "generator   {} on cores {} of {}: {cpu:.2} s of CPU, {each:.1} us a request, busiest \
             thread {busiest:.0} %",
            worker.name, worker.generator_cores, worker.cores
        )?;
        if let Some(work) = &worker.signing {
            let cpu = work.cpu_seconds.unwrap_or_default();
            writeln!(
                f,
                "signing     {} RSA-2048 signatures by {} threads on what is idle of cores {}: \
                 {cpu:.2} s of CPU, {:.2} ms each, busiest thread {:.0} %: signing is the \
                 generator's limit",
                work.signatures,
                work.threads,
                work.cores,
                cpu * 1e3 / work.signatures.max(1) as f64,
                work.busiest_thread.unwrap_or_default() * 100.0
            )?;
        }
        if !worker.server_cores.is_empty() {
            writeln!(f, "server      on cores {}", worker.server_cores)?;
        }
    }
    writeln!(
        f,
        "questions   {} prepared in {} MiB",
        result.description.prepared_questions,
        result.description.prepared_bytes / (1024 * 1024)
    )?;
    result.notes.iter().try_for_each(|note| writeln!(f, "note        {note}"))
}

fn verdict(f: &mut fmt::Formatter<'_>, result: &RunResult) -> fmt::Result {
    if result.verdict.has_wrong_answers {
        writeln!(f, "\n*** {} WRONG ANSWERS ***", result.total.counts.wrong)?;
        for wrong in &result.wrong_examples {
            writeln!(
                f,
                "    {} ms, {}, person {}: {} is {}, must be {}",
                wrong.at_ms, wrong.stream, wrong.person, wrong.field, wrong.got, wrong.expected
            )?;
        }
    }
    if !result.verdict.is_valid() {
        writeln!(f, "\n*** INVALID: DO NOT USE THESE NUMBERS ***")?;
        for reason in &result.verdict.invalid {
            writeln!(f, "    {}", reason.text)?;
        }
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Times) -> fmt::Result {
    write!(f, "{name:26}")?;
    for quantile in QUANTILES {
        write!(f, "{:>9} ", human(times.quantile(quantile)))?;
    }
    writeln!(f, "{:>9}", human(times.max()))
}

fn human(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..0.001 => format!("{:.1} us", seconds * 1e6),
        ..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
