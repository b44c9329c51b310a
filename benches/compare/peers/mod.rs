//! The engine beside what else an operator could use: PostgreSQL asked by pgbench, Redis, and a
//! web service over PostgreSQL as an integrator would write it. All on the same rows and the same
//! cores, in turn within one run; the order turns from round to round.
//!
//! The servers stay up while others are measured, but are idle then.

mod fastapi;
mod postgres;
mod process;
mod questions;
mod redis;

use super::report::{Report, machine, machine_text, table};
use super::runs::{Asked, Pace, run};
use super::say;
use serde_json::{Value, json};
use shikaku_benches::{BenchError, Centre, Pinned, Server, Summary, summary, whole};
use std::path::{Path, PathBuf};

/// Clients of every peer at a time.
pub(super) const CLIENTS: u32 = 64;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// People in the store and in the peers.
    #[arg(long, default_value_t = 1_000_000)]
    persons: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Rounds; in each one everything is measured once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// A Python environment with the packages of benches/peers/requirements.txt.
    #[arg(long)]
    python: PathBuf,
}

/// Something that is asked as fast as it answers.
trait Peer {
    /// Its name in the report.
    fn name(&self) -> &'static str;
    /// How it was asked, in a few words.
    fn how(&self) -> &'static str;
    /// Least ratio of the engine to it that we aim for.
    fn target(&self) -> f64;
    /// Asks for some seconds; answers a second.
    fn per_second(&self, seconds: u64) -> Result<f64, BenchError>;
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let mut centre = Centre::new(out)?;
    // Everyone, the clients included, shares all cores.
    centre.pinned = Pinned::No;
    say(&format!("making {} persons", args.persons));
    centre.make_population(args.persons)?;
    say("the engine: loading");
    centre.load("insurers.csv")?;
    centre.load("members.csv")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = centre.start_engine_with(&[("SHIKAKU_ENGINE_SERVER_WORKERS", cores)], None)?;
    say("finding out the size of answers");
    let size = run(&centre, &engine, Asked::Lookups("v1"), Pace::Closed, 2)?.answer_bytes;

    let members = centre.path("population/members.csv");
    let asked = questions::write(&members, &centre.path("questions.jsonl"))?;
    say("PostgreSQL: loading");
    let postgres = postgres::Postgres::start(&members)?;
    say("Redis: loading");
    let redis = redis::Redis::start(&centre, &members, whole(size.round()))?;
    say("FastAPI: starting");
    let fastapi = fastapi::FastApi::start(&centre, &args.python, &postgres, asked)?;
    let peers: [&dyn Peer; 3] = [&postgres, &redis, &fastapi];
    let rounds = (0..args.rounds)
        .map(|round| one_round(round, args, &centre, &engine, &peers))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(report(args, &peers, &rounds, size))
}

/// Answers a second of the engine, then of each peer.
struct Round {
    engine: f64,
    peers: Vec<f64>,
}

fn one_round(
    round: u64,
    args: &Args,
    centre: &Centre,
    engine: &Server,
    peers: &[&dyn Peer],
) -> Result<Round, BenchError> {
    say(&format!("round {} of {}", round + 1, args.rounds));
    let mut rates = vec![0.0; peers.len()];
    let mut own = 0.0;
    let all = peers.len() + 1;
    let first = usize::try_from(round).unwrap_or_default() % all;
    for turn in (first..all).chain(0..first) {
        let slot = rates.get_mut(turn).zip(peers.get(turn));
        let (name, rate) = match slot {
            Some((slot, peer)) => {
                *slot = peer.per_second(args.seconds)?;
                (peer.name(), *slot)
            }
            None => {
                let asked = Asked::Lookups("v1");
                own = run(centre, engine, asked, Pace::Closed, args.seconds)?.per_second;
                ("Shikaku", own)
            }
        };
        say(&format!("  {name:28} {rate:>9.0}/s"));
    }
    Ok(Round { engine: own, peers: rates })
}

fn report(args: &Args, peers: &[&dyn Peer], rounds: &[Round], size: f64) -> Report {
    let engine = summary(rounds.iter().map(|round| round.engine));
    let of = |index: usize, number: fn(&Round, f64) -> f64| -> Summary {
        let rates = rounds.iter().filter_map(|round| Some((round, *round.peers.get(index)?)));
        summary(rates.map(|(round, rate)| number(round, rate)))
    };
    let ratio = |round: &Round, rate: f64| round.engine / rate.max(1e-9);
    let mut rows = vec![vec![
        "**Shikaku**".to_owned(),
        "HTTP, mutual TLS, JSON, all rules; every answer checked".to_owned(),
        engine.text(0),
        String::new(),
        String::new(),
    ]];
    let mut results = Vec::new();
    for (index, peer) in peers.iter().enumerate() {
        let (rate, against) = (of(index, |_, rate| rate), of(index, ratio));
        let reached = against.median >= peer.target();
        rows.push(vec![
            peer.name().to_owned(),
            peer.how().to_owned(),
            rate.text(0),
            format!("**{}**", against.text(2)),
            format!("{:.0}: {}", peer.target(), if reached { "reached" } else { "MISSED" }),
        ]);
        results.push(json!({
            "name": peer.name(),
            "per_second": rate.to_json(),
            "engine_ratio": against.to_json(),
            "target": peer.target(),
        }));
    }
    let machine = machine(Pinned::No);
    let head = ["System", "asked by", "answers/s", "Shikaku / it", "target"];
    let markdown = format!(
        "# Shikaku and its peers\n\n{rounds} rounds of {seconds} s each, {persons} persons, \
         {CLIENTS} clients, the clients on the same cores as the servers. Median (range); the \
         ratio is that of the same round. An answer of Shikaku has {size:.0} bytes, head and all; \
         Redis holds values of that size.\n\n{table}\nRedis does no HTTP, no encryption, no JSON \
         and no rules; pgbench asks by an integer key, without folding a card's number.\n\n{machine}",
        rounds = args.rounds,
        seconds = args.seconds,
        persons = args.persons,
        table = table(&head, &rows),
        machine = machine_text(&machine),
    );
    let runs: Vec<Value> =
        rounds.iter().map(|r| json!({ "engine": r.engine, "peers": r.peers })).collect();
    let json = json!({
        "persons": args.persons,
        "seconds": args.seconds,
        "clients": CLIENTS,
        "machine": machine,
        "engine_per_second": engine.to_json(),
        "peers": results,
        "rounds": runs,
    });
    Report { name: "peers".to_owned(), markdown, json }
}
