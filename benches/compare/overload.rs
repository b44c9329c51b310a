//! Ten times what the engine can do: what still gets answered, how late, in how much memory, how
//! soon it is over; and what a quiet facility notices of a noisy one.
//!
//! Every connection always has a question waiting, so the generator's plan runs away from it: what
//! was due and never sent is the part of the overload that stays outside. The time of an answer is
//! counted from its send.

use super::report::{Report, machine, machine_text, table};
use super::say;
use serde_json::json;
use shikaku_benches::{BenchError, Centre, FACILITY, GENERATOR_CORE, Server, program};
use shikaku_loadgen::run::result::RunResult;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The facility that asks no more than it should. No such facility exists.
const QUIET: &str = "1330000009";
/// What the noisy one may ask a second when it is limited.
const LIMIT_PER_SECOND: usize = 1_000;
/// Lookups a second of the quiet one.
const QUIET_PER_SECOND: &str = "200";
const MEMORY_EVERY: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(super) struct Args {
    /// People in the store.
    #[arg(long, default_value_t = 200_000)]
    persons: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(3..=3600))]
    seconds: u64,
    /// Connections, all of which are always busy.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    /// Times the peak.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    times: u32,
}

/// One run of the generator.
struct Load<'a> {
    facility: &'a str,
    connections: u32,
    /// Lookups a second; `None` as fast as answers come.
    rate: Option<String>,
    warmup: &'a str,
    seconds: u64,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let centre = Centre::new(out)?;
    centre.run("shikaku", &["ca", "facility", "--dir", "ca", "--code", QUIET])?;
    say(&format!("making and loading {} persons", args.persons));
    centre.make_population(args.persons)?;
    centre.load("insurers.csv")?;
    centre.load("members.csv")?;
    let engine = centre.start_engine()?;
    let load = |rate, warmup| Load {
        facility: FACILITY,
        connections: args.connections,
        rate,
        warmup,
        seconds: args.seconds,
    };
    say("the peak");
    let peak = ask(&centre, &engine, &load(None, "2s"))?;
    let before_peak = peak.achieved_per_second();
    let tenth = (before_peak / 10.0).round();
    say("a tenth of it");
    let calm = ask(&centre, &engine, &load(Some(tenth.to_string()), "1s"))?;
    let before = engine.memory_bytes();
    say(&format!("{} times the peak", args.times));
    let rate = (before_peak * f64::from(args.times)).round().to_string();
    // No warm-up: what falls due in it is sent much later, and would not count.
    let (over, highest) = watched(&engine, || ask(&centre, &engine, &load(Some(rate), "0s")))?;
    say("a tenth again, from the first moment on");
    let after = ask(&centre, &engine, &load(Some(tenth.to_string()), "0s"))?;
    say("the peak again: the machine may have had other work before");
    let peak = ask(&centre, &engine, &load(None, "2s"))?;
    let per_second = before_peak.max(peak.achieved_per_second());
    drop(engine);
    let [alone, beside] = fairness(args, &centre)?;

    let ms = |result: &RunResult, share| service_ms(result, share);
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    let first = first_second(&after)?;
    let rows = [
        ("peak, answers/s, the higher of before and after", per_second, 0),
        ("answers/s at the overload", over.achieved_per_second(), 0),
        ("share of the peak (aim: 0.9)", over.achieved_per_second() / per_second, 2),
        ("p50 of an answer at the overload, ms", ms(&over, 0.5), 1),
        ("p99 of an answer at the overload, ms (aim: 50)", ms(&over, 0.99), 1),
        ("refused or failed at the overload", over.total.counts.failed() as f64, 0),
        ("memory before, MiB", mib(before), 0),
        ("highest memory at the overload, MiB", mib(highest), 0),
        ("p99 at a tenth of the peak, before, ms", latency_ms(&calm), 2),
        ("the same in the first second after, ms", first.1, 2),
        ("share of that second's answers that came", first.0, 3),
        ("p99 of a quiet facility alone, ms", latency_ms(&alone), 2),
        ("the same beside a noisy one that is limited, ms", latency_ms(&beside), 2),
        ("answers that the quiet one did not get", lost(&beside) as f64, 0),
    ];
    let machine = machine(centre.pinned);
    let cells =
        rows.map(|(name, value, decimals)| vec![name.to_owned(), format!("{value:.decimals$}")]);
    let markdown = format!(
        "# Overload\n\n{} persons, {} connections, {} s a run, {} times the peak. The noisy facility \
         asks as much and may ask {LIMIT_PER_SECOND}/s; the quiet one asks {QUIET_PER_SECOND}/s.\
         \n\n{}\n{}",
        args.persons,
        args.connections,
        args.seconds,
        args.times,
        table(&["", "measured"], &cells),
        machine_text(&machine),
    );
    let numbers = rows.map(|(name, value, _)| (name.to_owned(), json!(value)));
    let numbers: serde_json::Map<_, _> = numbers.into_iter().collect();
    let json = json!({ "machine": machine, "numbers": numbers });
    Ok(Report { name: "overload".to_owned(), markdown, json })
}

/// A quiet facility alone, and beside one that asks as fast as it can and is limited.
fn fairness(args: &Args, centre: &Centre) -> Result<[RunResult; 2], BenchError> {
    let limit = ("SHIKAKU_ENGINE_LIMITS_FACILITY_PER_SECOND", LIMIT_PER_SECOND);
    let engine = centre.start_engine_with(&[limit], None)?;
    let quiet = |seconds| Load {
        facility: QUIET,
        connections: 4,
        rate: Some(QUIET_PER_SECOND.to_owned()),
        warmup: "1s",
        seconds,
    };
    say("a quiet facility alone");
    let alone = ask(centre, &engine, &quiet(args.seconds))?;
    say("a quiet facility beside a noisy one");
    // The noisy one begins earlier and ends later.
    let seconds = args.seconds + 4;
    let noise = Load {
        facility: FACILITY,
        connections: args.connections,
        rate: None,
        warmup: "0s",
        seconds,
    };
    let beside = thread::scope(|scope| {
        let noisy = scope.spawn(|| ask(centre, &engine, &noise));
        let beside = ask(centre, &engine, &quiet(args.seconds));
        noisy.join().map_err(|_| BenchError::Report { field: "run of the noisy facility" })??;
        beside
    })?;
    Ok([alone, beside])
}

/// Does something while the server's memory is watched; gives its highest.
fn watched<T>(
    engine: &Server,
    work: impl FnOnce() -> Result<T, BenchError>,
) -> Result<(T, u64), BenchError> {
    let (over, highest) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                highest.fetch_max(engine.memory_bytes(), Ordering::Relaxed);
                thread::park_timeout(MEMORY_EVERY);
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        done.map(|done| (done, highest.load(Ordering::Relaxed)))
    })
}

fn ask(centre: &Centre, engine: &Server, load: &Load<'_>) -> Result<RunResult, BenchError> {
    let json = centre.path(&format!("run-{}.json", load.facility));
    let _ = fs::remove_file(&json);
    let certificate = format!("ca/clients/facility-{}", load.facility);
    let mut command: Command = centre.pinned.command(GENERATOR_CORE, &program("shikaku-loadgen")?);
    command.args(["run", "--target", &engine.address, "--population", "population"]);
    command.args(["--ca", "ca/ca.pem", "--cert", &format!("{certificate}.pem")]);
    command.args(["--key", &format!("{certificate}.key.pem"), "--warmup", load.warmup]);
    command.args(["--connections", &load.connections.to_string()]);
    command.args(["--duration", &format!("{}s", load.seconds), "--json"]).arg(&json);
    match &load.rate {
        Some(rate) => command.args(["--rate", rate]),
        None => command.arg("--closed"),
    };
    // An overloaded run ends with an exit code that says so; what it counted is in the file.
    let finished = centre.finish("shikaku-loadgen", &mut command);
    let Ok(bytes) = fs::read(&json) else {
        return Err(finished.err().unwrap_or(BenchError::Report { field: "file" }));
    };
    let result: RunResult =
        serde_json::from_slice(&bytes).map_err(|_| BenchError::Report { field: "file" })?;
    match result.total.counts.wrong {
        0 => Ok(result),
        count => Err(BenchError::WrongAnswers { count }),
    }
}

fn service_ms(result: &RunResult, share: f64) -> f64 {
    result.total.service.quantile(share).as_secs_f64() * 1e3
}

fn latency_ms(result: &RunResult) -> f64 {
    result.total.latency.quantile(0.99).as_secs_f64() * 1e3
}

fn lost(result: &RunResult) -> u64 {
    result.total.counts.due - result.total.counts.good
}

/// Of the first second: the share that was answered as it should, and the p99 in milliseconds.
fn first_second(result: &RunResult) -> Result<(f64, f64), BenchError> {
    let first = result.seconds.first().ok_or(BenchError::Report { field: "first second" })?;
    let times = first.latency.unpack().map_err(|_| BenchError::Report { field: "first second" })?;
    Ok((first.good as f64 / first.due as f64, times.quantile(0.99).as_secs_f64() * 1e3))
}
