//! Insurers' daily files while the country asks: a file of new people, sent over mutual TLS in the
//! middle of a scenario, and what it does to the latency of questions.

use shikaku_benches::{BenchError, Centre, Server};
use shikaku_domain::CharacterCode;
use shikaku_loadgen::population::{BLOCK, Population, PopulationSpec, SizeClass};
use shikaku_loadgen::run::result::RunResult;
use shikaku_loadgen::run::times::Times;
use shikaku_wire::members::MemberWriter;
use std::fs::{self, File};
use std::io::BufWriter;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const FILE: &str = "delta.csv";
/// Questions after which the scenario's clock has certainly begun: opening connections asks few.
const QUESTIONS_MIN: f64 = 1_000.0;
/// Between two looks at the engine's metrics.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The scenario goes on for so long before the file is sent, so that there is something to compare
/// with.
const QUIET: Duration = Duration::from_secs(10);

/// What became of the file.
pub(super) struct Sent {
    /// Registrations in it.
    lines: u64,
    /// Seconds of the scenario in which it was sent and loaded.
    from: f64,
    until: f64,
    /// What `shikaku load` said.
    said: String,
}

/// Writes the file: so many percent more people, whom nobody asks about. Gives the lines.
pub(super) fn make(centre: &Centre, spec: PopulationSpec, percent: u64) -> Result<u64, BenchError> {
    centre.run("shikaku", &["ca", "operator", "--dir", "ca", "--name", "bench"])?;
    let lines = spec.persons * percent / 100;
    // A block of people has more registrations than people, so this is enough.
    let persons = (spec.persons.div_ceil(BLOCK) + lines.div_ceil(BLOCK) + 1) * BLOCK;
    if SizeClass::of(persons) != SizeClass::of(spec.persons) {
        let said = format!("{persons} people are spread over other insurers: take fewer or more");
        return Err(BenchError::Program { program: "deltas".to_owned(), said });
    }
    let population = Population::new(PopulationSpec { persons, ..spec });
    let path = centre.path(FILE);
    let failed = |error: shikaku_wire::members::WriteError| BenchError::Program {
        program: FILE.to_owned(),
        said: error.to_string(),
    };
    let file = File::create(&path).map_err(BenchError::file(&path))?;
    let mut out = MemberWriter::new(BufWriter::new(file), CharacterCode::Utf8).map_err(failed)?;
    let blocks = spec.persons.div_ceil(BLOCK)..population.blocks();
    let registrations = blocks.flat_map(|block| population.block(block)).flatten();
    let mut written = 0;
    for registration in registrations.take(usize::try_from(lines).unwrap_or(usize::MAX)) {
        out.write(&registration).map_err(failed)?;
        written += 1;
    }
    out.finish().map_err(failed)?;
    Ok(written)
}

/// Sends the file while `run` plays the scenario.
pub(super) fn send_during<R: Send>(
    centre: &Centre,
    engine: &Server,
    lines: u64,
    run: impl FnOnce() -> R,
) -> (R, Result<Sent, BenchError>) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(centre, engine, lines, &is_over));
        let ran = run();
        is_over.store(true, Ordering::SeqCst);
        let sent = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (ran, sent)
    })
}

fn send(
    centre: &Centre,
    engine: &Server,
    lines: u64,
    is_over: &AtomicBool,
) -> Result<Sent, BenchError> {
    let failed = |said: String| BenchError::Program { program: "the daily file".to_owned(), said };
    let admin = engine.admin.as_deref().unwrap_or_default();
    while !is_over.load(Ordering::SeqCst) && admitted(admin).is_none_or(|all| all < QUESTIONS_MIN) {
        thread::park_timeout(LOOK_EVERY);
    }
    let begin = Instant::now();
    thread::park_timeout(QUIET);
    if is_over.load(Ordering::SeqCst) {
        return Err(failed("the scenario was over before it could be sent".to_owned()));
    }
    let from = begin.elapsed().as_secs_f64();
    let program = shikaku_benches::program("shikaku")?;
    let mut command = Command::new(program);
    command.args(["load", FILE, "--server", &engine.address, "--ca", "ca/ca.pem"]);
    command.args(["--cert", "ca/clients/operator-bench.pem"]);
    command.args(["--key", "ca/clients/operator-bench.key.pem"]);
    let said = centre.finish("shikaku", &mut command)?;
    let _ = fs::remove_file(centre.path(FILE));
    Ok(Sent { lines, from, until: begin.elapsed().as_secs_f64(), said })
}

/// Questions let in since the engine's start.
fn admitted(admin: &str) -> Option<f64> {
    let mut answer = ureq::get(format!("{admin}/metrics")).call().ok()?;
    let text = answer.body_mut().read_to_string().ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oqs_questions_admitted_total "))?;
    line.trim().parse().ok()
}

impl Sent {
    /// Lines a second, and latency in the seconds of the file beside that of the others.
    pub(super) fn table(&self, result: &RunResult) -> Result<String, BenchError> {
        let (mut during, mut otherwise) = (Times::new(), Times::new());
        let warm_up = result.description.warmup_seconds;
        for second in result.seconds.iter().filter(|one| f64::from(one.second) >= warm_up) {
            let damaged = |_| BenchError::Report { field: "latency" };
            let times = second.latency.unpack().map_err(damaged)?;
            let (begin, end) = (f64::from(second.second), f64::from(second.second) + 1.0);
            let is_during = begin <= self.until && end >= self.from;
            if is_during { &mut during } else { &mut otherwise }.merge(&times);
        }
        let seconds = self.until - self.from;
        let ms = |times: &Times, share| times.quantile(share).as_secs_f64() * 1e3;
        let row = |name: &str, times: &Times| {
            let (p50, p99, p999) = (ms(times, 0.5), ms(times, 0.99), ms(times, 0.999));
            format!("{name}: p50 {p50:.2}, p99 {p99:.2}, p99.9 {p999:.2} ms")
        };
        Ok(format!(
            "daily file: {} lines in {seconds:.1} s, {:.0} a second, sent and loaded from second \
             {:.0} to {:.0}\n{}\n{}\n{}",
            self.lines,
            self.lines as f64 / seconds.max(f64::MIN_POSITIVE),
            self.from,
            self.until,
            row("seconds of the file", &during),
            row("the other seconds", &otherwise),
            self.said.trim_end(),
        ))
    }
}
