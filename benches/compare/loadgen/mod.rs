//! The load generator beside wrk and hey: who asks most at one core, while ours compares every
//! answer with the population; and whether its percentiles are those of a client that shares
//! nothing with it.

pub(super) mod book;
pub(super) mod delayed;
pub(super) mod open_loop;

use super::report::{Report, machine, machine_text, table};
use super::say;
use serde_json::{Value, json};
use shikaku_benches::{
    BenchError, Centre, CpuTime, GENERATOR_CORE, SERVER_CORE, Server, program, summary,
};
use shikaku_loadgen::run::result::RunResult;
use std::fs;
use std::path::Path;

/// Connections of every client.
const CONNECTIONS: &str = "64";
/// Different questions that ours asks; the others ask the first of them over and over.
const QUESTIONS: &str = "1000";
/// People that they are about.
const PERSONS: u64 = 20_000;
/// Requests a second of the comparison of percentiles: few enough for a thread each.
const CHECKED_RATE: &str = "400";
/// The percentiles compared, as both sides name them.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

#[derive(clap::Args)]
pub(super) struct Args {
    /// Seconds of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Rounds; in each one every client runs once, in another order.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
}

/// One client of the comparison of speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Ours,
    Wrk,
    Hey,
}

struct Rig<'a> {
    centre: &'a Centre,
    book: Server,
    delayed: Server,
    seconds: u64,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let centre = Centre::new(out)?;
    say(&format!("making {PERSONS} persons and {QUESTIONS} questions"));
    centre.make_population(PERSONS)?;
    let rig = Rig::start(&centre, args.seconds)?;
    let mut speeds: Vec<[f64; 3]> = Vec::new();
    let mut costs: Vec<[f64; 3]> = Vec::new();
    for round in 0..args.rounds {
        let mut order = [Client::Ours, Client::Wrk, Client::Hey];
        order.rotate_left(usize::try_from(round % 3).unwrap_or_default());
        let (mut speed, mut cost) = ([0.0; 3], [0.0; 3]);
        for client in order {
            let (per_second, cpu_us) = rig.speed(client)?;
            say(&format!(
                "round {}: {client:?} {per_second:.0}/s, {cpu_us:.2} us of CPU a request",
                round + 1
            ));
            let at = client as usize;
            if let (Some(speed), Some(cost)) = (speed.get_mut(at), cost.get_mut(at)) {
                (*speed, *cost) = (per_second, cpu_us);
            }
        }
        speeds.push(speed);
        costs.push(cost);
    }
    let mut checks = Vec::new();
    for round in 0..args.rounds {
        say(&format!("percentiles: round {} of {}", round + 1, args.rounds));
        let (ours, theirs);
        if round % 2 == 0 {
            ours = rig.our_percentiles()?;
            theirs = rig.their_percentiles()?;
        } else {
            theirs = rig.their_percentiles()?;
            ours = rig.our_percentiles()?;
        }
        checks.push((ours, theirs));
    }
    Ok(report(args, &centre, &speeds, &costs, &checks))
}

impl<'a> Rig<'a> {
    fn start(centre: &'a Centre, seconds: u64) -> Result<Self, BenchError> {
        let population = ["--population", "population", "--count", QUESTIONS];
        let questions =
            centre.run("shikaku-loadgen", &[&["questions"], &population[..]].concat())?;
        let first: Value = serde_json::from_str(questions.lines().next().unwrap_or_default())
            .map_err(|_| BenchError::Report { field: "question" })?;
        let first = first.get("question").and_then(Value::as_str).unwrap_or_default();
        let script = format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
             wrk.body = [==[{first}]==]\n"
        );
        let files = [
            ("questions.jsonl", questions.as_str()),
            ("question.json", first),
            ("question.lua", &script),
        ];
        for (name, text) in files {
            let path = centre.path(name);
            fs::write(&path, text).map_err(BenchError::file(&path))?;
        }
        let server = |arguments: &[&str]| {
            let mut command = centre.pinned.command(SERVER_CORE, &program("shikaku-bench")?);
            command.args(arguments).current_dir(centre.path(""));
            Server::start(command, &centre.path("server.log"))
        };
        let book = server(&["book", "--questions", "questions.jsonl"])?;
        Ok(Self { centre, book, delayed: server(&["delayed"])?, seconds })
    }

    /// Answers a second, and the client's CPU time for one in microseconds.
    fn speed(&self, client: Client) -> Result<(f64, f64), BenchError> {
        let before = CpuTime::of_ended_children()?;
        let seconds = format!("{}s", self.seconds);
        let url = format!("{}/v1/eligibility", self.book.address);
        let pinned = |name: &str| self.centre.pinned.command(GENERATOR_CORE, Path::new(name));
        let said = match client {
            Client::Ours => {
                let population = ["--population", "population", "--prepared", QUESTIONS];
                let run = self.ours(&self.book, &[&["--closed"], &population[..]].concat())?;
                let cost = run.workers.first().and_then(|worker| worker.cpu_us_per_request);
                return Ok((run.achieved_per_second(), cost.unwrap_or(f64::NAN)));
            }
            Client::Wrk => {
                let mut wrk = pinned("wrk");
                wrk.args(["-t", "1", "-c", CONNECTIONS, "-d", &seconds, "-s", "question.lua"]);
                self.centre.finish("wrk", wrk.arg(&url))?
            }
            Client::Hey => {
                let mut hey = pinned("hey");
                hey.args(["-cpus", "1", "-c", CONNECTIONS, "-z", &seconds, "-m", "POST"]);
                hey.args(["-T", "application/json", "-D", "question.json"]);
                self.centre.finish("hey", hey.arg(&url))?
            }
        };
        // Both say it in the same words.
        let line = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        let rate = line.and_then(|rate| rate.trim().parse::<f64>().ok());
        let rate = rate.ok_or(BenchError::Report { field: "Requests/sec" })?;
        let cpu = CpuTime::of_ended_children()?.since(before).total();
        Ok((rate, cpu * 1e6 / (rate * self.seconds as f64)))
    }

    /// Runs ours; wrong answers end the measurement.
    fn ours(&self, server: &Server, more: &[&str]) -> Result<RunResult, BenchError> {
        let json = self.centre.path("run.json");
        let _ = fs::remove_file(&json);
        let program = program("shikaku-loadgen")?;
        let mut command = self.centre.pinned.command(GENERATOR_CORE, &program);
        command.args(["run", "--target", &server.address, "--connections", CONNECTIONS]);
        command.args(["--warmup", "1s", "--duration", &format!("{}s", self.seconds), "--json"]);
        command.arg(&json).args(more);
        let finished = self.centre.finish("shikaku-loadgen", &mut command);
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

    fn our_percentiles(&self) -> Result<[f64; 4], BenchError> {
        let options = ["--rate", CHECKED_RATE, "--constant-path", "/constant"];
        let run = self.ours(&self.delayed, &options)?;
        Ok(PERCENTILES.map(|(_, share)| run.total.latency.quantile(share).as_secs_f64() * 1e6))
    }

    fn their_percentiles(&self) -> Result<[f64; 4], BenchError> {
        let target = self.delayed.address.trim_start_matches("http://");
        let mut check = self.centre.pinned.command(GENERATOR_CORE, &program("shikaku-bench")?);
        check.args(["open-loop", "--target", target, "--rate", CHECKED_RATE, "--seconds"]);
        check.args([&self.seconds.to_string(), "--connections", CONNECTIONS]);
        let said = self.centre.finish("shikaku-bench", &mut check)?;
        let numbers: Value =
            serde_json::from_str(&said).map_err(|_| BenchError::Report { field: "percentiles" })?;
        Ok(PERCENTILES
            .map(|(name, _)| numbers.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)))
    }
}

fn report(
    args: &Args,
    centre: &Centre,
    speeds: &[[f64; 3]],
    costs: &[[f64; 3]],
    checks: &[([f64; 4], [f64; 4])],
) -> Report {
    let of = |rounds: &[[f64; 3]], client: Client| {
        summary(rounds.iter().filter_map(|round| round.get(client as usize).copied()))
    };
    let ratio = |rounds: &[[f64; 3]], client: Client| {
        let [ours, other] = [Client::Ours as usize, client as usize];
        summary(rounds.iter().filter_map(|round| Some(round.get(ours)? / round.get(other)?)))
    };
    let speed_rows: Vec<Vec<String>> = [
        ("shikaku-loadgen, 1000 questions, every answer audited", Client::Ours),
        ("wrk, one question, answers counted", Client::Wrk),
        ("hey, one question, answers counted", Client::Hey),
    ]
    .map(|(name, client)| {
        vec![
            name.to_owned(),
            of(speeds, client).text(0),
            ratio(speeds, client).text(2),
            of(costs, client).text(2),
            ratio(costs, client).text(2),
        ]
    })
    .into();
    let percentile = |at: usize, (name, _): (&str, f64)| {
        let ours = summary(checks.iter().filter_map(|check| check.0.get(at).copied()));
        let theirs = summary(checks.iter().filter_map(|check| check.1.get(at).copied()));
        let ratio = summary(checks.iter().filter_map(|c| Some(c.0.get(at)? / c.1.get(at)?)));
        (name.to_owned(), ours, theirs, ratio)
    };
    let percentiles: Vec<_> =
        PERCENTILES.into_iter().enumerate().map(|(at, p)| percentile(at, p)).collect();
    let percentile_rows: Vec<Vec<String>> = percentiles
        .iter()
        .map(|(name, a, b, r)| vec![name.clone(), a.text(0), b.text(0), r.text(3)])
        .collect();
    let machine = machine(centre.pinned);
    let markdown = format!(
        "# The load generator beside others\n\n{rounds} rounds of {seconds} s, HTTP without TLS, \
         {CONNECTIONS} kept-alive connections, one core each for client and server. Median \
         (range); ratios are of rounds.\n\n{speed}\n## \
         Percentiles, at {CHECKED_RATE}/s against a server with known delays that stands still \
         now and then, in microseconds\n\n{percentiles}\n{machine}",
        rounds = args.rounds,
        seconds = args.seconds,
        speed = table(
            &["client", "requests/s", "ours / this", "CPU us a request", "ours / this"],
            &speed_rows
        ),
        percentiles = table(&["", "shikaku-loadgen", "thread for each", "ratio"], &percentile_rows),
        machine = machine_text(&machine),
    );
    let json = json!({
        "rounds": args.rounds,
        "seconds": args.seconds,
        "machine": machine,
        "requests_per_second": {
            "shikaku-loadgen": of(speeds, Client::Ours).to_json(),
            "wrk": of(speeds, Client::Wrk).to_json(),
            "hey": of(speeds, Client::Hey).to_json(),
        },
        "ratio_to_wrk": ratio(speeds, Client::Wrk).to_json(),
        "ratio_to_hey": ratio(speeds, Client::Hey).to_json(),
        "cpu_ratio_to_wrk": ratio(costs, Client::Wrk).to_json(),
        "cpu_ratio_to_hey": ratio(costs, Client::Hey).to_json(),
        "cpu_us_per_request": costs,
        "percentile_ratios": percentiles.iter()
            .map(|(name, _, _, ratio)| (name.clone(), ratio.to_json()))
            .collect::<serde_json::Map<_, _>>(),
        "speeds": speeds,
        "percentiles_us": checks,
    });
    Report { name: "loadgen".to_owned(), markdown, json }
}
