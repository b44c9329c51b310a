//! One run of the load generator against one server, as numbers.

use serde_json::{Value, json};
use shikaku_benches::{BenchError, Centre, CpuTime, GENERATOR_CORE, Server, program};
use shikaku_loadgen::run::result::RunResult;
use std::fs;

/// Connections of the generator.
const CONNECTIONS: &str = "64";
/// Questions prepared: enough that the store's own caches, not the processor's, serve them.
const QUESTIONS: &str = "100000";
const WARMUP: &str = "2s";

/// What is asked of whom.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// The engine, through this interface.
    Lookups(&'a str),
    /// The constant server.
    Constant,
}

/// How fast it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As soon as an answer is there.
    Closed,
    /// So many a second, whatever the server does.
    PerSecond(u32),
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Answers with status 200 in a second.
    pub per_second: f64,
    /// Latency from the time a request was due, in microseconds.
    pub p50_us: f64,
    /// As above.
    pub p99_us: f64,
    /// As above.
    pub p99_9_us: f64,
    /// CPU time of the server for one request, in microseconds.
    pub user_us: f64,
    /// In the kernel.
    pub system_us: f64,
    /// Mean bytes of an answer, head and all.
    pub answer_bytes: f64,
    /// CPU time of the generator for one request, in microseconds.
    pub generator_us: f64,
    /// Why the generator says that its numbers must not be used.
    pub invalid: Vec<String>,
}

impl Run {
    pub(super) fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { per_second, p50_us, p99_us, user_us, system_us, .. } = self;
        json!({
            "requests_per_second": per_second,
            "p50_us": p50_us,
            "p99_us": p99_us,
            "p99_9_us": self.p99_9_us,
            "server_user_us": user_us,
            "server_system_us": system_us,
            "generator_us": self.generator_us,
            "answer_bytes": self.answer_bytes,
            "invalid": self.invalid,
        })
    }
}

/// Asks a server for some seconds.
pub(super) fn run(
    centre: &Centre,
    server: &Server,
    asked: Asked<'_>,
    pace: Pace,
    seconds: u64,
) -> Result<Run, BenchError> {
    let before = server.cpu()?;
    let json = centre.path("run.json");
    let _ = fs::remove_file(&json);
    let mut command = centre.pinned.command(GENERATOR_CORE, &program("shikaku-loadgen")?);
    command.args(["run", "--target", &server.address, "--connections", CONNECTIONS]);
    command.args(["--warmup", WARMUP, "--duration", &format!("{seconds}s"), "--json"]);
    command.arg(&json).args(centre.credentials());
    match pace {
        Pace::Closed => command.arg("--closed"),
        Pace::PerSecond(rate) => command.args(["--rate", &rate.to_string()]),
    };
    command.args(["--population", "population", "--prepared", QUESTIONS]);
    match asked {
        // The same questions, so that both servers read the same bytes.
        Asked::Constant => command.args(["--constant-path", super::constant::PATH]),
        Asked::Lookups(interface) => command.args(["--interface", interface]),
    };
    let finished = centre.finish("shikaku-loadgen", &mut command);
    let cpu = server.cpu()?.since(before);
    match fs::read(&json) {
        Ok(bytes) => {
            let result = serde_json::from_slice(&bytes);
            numbers(&result.map_err(|_| BenchError::Report { field: "file" })?, cpu)
        }
        // Without a report the generator could not run at all.
        Err(_) => finished.and(Err(BenchError::Report { field: "file" })),
    }
}

fn numbers(result: &RunResult, cpu: CpuTime) -> Result<Run, BenchError> {
    let RunResult { total, description, workers, verdict, .. } = result;
    if total.counts.wrong > 0 {
        return Err(BenchError::WrongAnswers { count: total.counts.wrong });
    }
    let good = total.counts.good as f64;
    // CPU time is of the whole run, so it is shared among the requests of the whole run.
    let whole = result.measured_seconds + description.warmup_seconds;
    let requests = (good * whole / result.measured_seconds.max(1e-9)).max(1.0);
    let micros = |share| total.latency.quantile(share).as_secs_f64() * 1e6;
    Ok(Run {
        per_second: result.achieved_per_second(),
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        p99_9_us: micros(0.999),
        user_us: cpu.user * 1e6 / requests,
        system_us: cpu.system * 1e6 / requests,
        answer_bytes: total.counts.bytes_received as f64 / good.max(1.0),
        generator_us: workers.first().and_then(|w| w.cpu_us_per_request).unwrap_or_default(),
        invalid: verdict.invalid.iter().map(|reason| reason.text.clone()).collect(),
    })
}
