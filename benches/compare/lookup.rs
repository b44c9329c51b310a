//! Lookups a second through the whole engine, beside the same server answering a constant body; and
//! that server with mutual TLS beside itself without.
//!
//! The runs alternate and their order is turned round from pair to pair, so that what else the
//! machine does falls on both. Ratios are of pairs.

use super::report::{Report, machine, machine_text, table};
use super::runs::{Asked, Pace, Run, run};
use super::say;
use serde_json::{Value, json};
use shikaku_benches::{BenchError, Centre, SERVER_CORE, Server, Summary, program, summary, whole};
use std::path::Path;

/// Share of the saturation rate at which latency is compared: busy, not overloaded.
const OPEN_LOOP_SHARE: f64 = 0.7;
/// Seconds of the runs that only find out sizes and fill caches.
const CALIBRATION_SECONDS: u64 = 2;

#[derive(clap::Args)]
pub(super) struct Args {
    /// People in the store.
    #[arg(long, default_value_t = 1_000_000)]
    persons: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Pairs of runs; there are as many again at a fixed rate.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pairs: u64,
    /// Interface asked.
    #[arg(long, default_value = "v1", value_parser = ["v1", "oqs-json", "oqs-xml"])]
    interface: String,
}

/// The servers that are compared.
struct Rivals<'a> {
    centre: &'a Centre,
    engine: Server,
    constant: Server,
    /// The constant one without TLS.
    plain: Server,
    interface: &'a str,
    seconds: u64,
}

/// Runs that alternated.
struct Pair {
    engine: Run,
    constant: Run,
}

/// As [`Pair`], of the constant server.
struct WithAndWithoutTls {
    mtls: Run,
    plain: Run,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let centre = Centre::new(out)?;
    say(&format!("making and loading {} persons", args.persons));
    centre.stream_population(args.persons)?;
    let rivals = Rivals::start(&centre, args)?;
    let closed = rivals.pairs(args.pairs, "closed loop", Pace::Closed)?;
    let saturation = summary(closed.iter().map(|pair| pair.engine.per_second)).median;
    let rate = u32::try_from(whole(saturation * OPEN_LOOP_SHARE)).unwrap_or(u32::MAX);
    let open = rivals.pairs(args.pairs, &format!("{rate}/s"), Pace::PerSecond(rate.max(1)))?;
    let tls = rivals.with_and_without_tls(args.pairs)?;
    Ok(report(args, &rivals, rate, &closed, &open, &tls))
}

impl<'a> Rivals<'a> {
    /// Starts both, with answers of the same size.
    fn start(centre: &'a Centre, args: &'a Args) -> Result<Self, BenchError> {
        let engine = centre.start_engine()?;
        say("finding out the size of answers");
        let asked = Asked::Lookups(&args.interface);
        let real = run(centre, &engine, asked, Pace::Closed, CALIBRATION_SECONDS)?;
        let wanted = whole(real.answer_bytes.round());
        let first = start_constant(centre, wanted, &[])?;
        let with_head = run(centre, &first, Asked::Constant, Pace::Closed, CALIBRATION_SECONDS)?;
        let head = whole(with_head.answer_bytes.round()).saturating_sub(wanted);
        drop(first);
        let bytes = wanted.saturating_sub(head);
        let constant = start_constant(centre, bytes, &[])?;
        let plain = start_constant(centre, bytes, &["--plain"])?;
        let (interface, seconds) = (args.interface.as_str(), args.seconds);
        Ok(Self { centre, engine, constant, plain, interface, seconds })
    }

    fn with_and_without_tls(&self, count: u64) -> Result<Vec<WithAndWithoutTls>, BenchError> {
        (0..count)
            .map(|number| {
                say(&format!("mutual TLS beside plain: pair {} of {count}", number + 1));
                let run = |server| self.run(server, Asked::Constant, Pace::Closed);
                if number % 2 == 0 {
                    let mtls = run(&self.constant)?;
                    Ok(WithAndWithoutTls { mtls, plain: run(&self.plain)? })
                } else {
                    let plain = run(&self.plain)?;
                    Ok(WithAndWithoutTls { mtls: run(&self.constant)?, plain })
                }
            })
            .collect()
    }

    fn pairs(&self, count: u64, what: &str, pace: Pace) -> Result<Vec<Pair>, BenchError> {
        (0..count)
            .map(|number| {
                say(&format!("{what}: pair {} of {count}", number + 1));
                let engine = || self.run(&self.engine, Asked::Lookups(self.interface), pace);
                let constant = || self.run(&self.constant, Asked::Constant, pace);
                if number % 2 == 0 {
                    let engine = engine()?;
                    Ok(Pair { engine, constant: constant()? })
                } else {
                    let constant = constant()?;
                    Ok(Pair { engine: engine()?, constant })
                }
            })
            .collect()
    }

    fn run(&self, server: &Server, asked: Asked<'_>, pace: Pace) -> Result<Run, BenchError> {
        let run = run(self.centre, server, asked, pace, self.seconds)?;
        say(&format!(
            "  {:8} {:>9.0}/s  {:>6.1} us of CPU, p50 {:.0} us, p99 {:.0} us{}",
            match asked {
                Asked::Lookups(_) => "engine",
                Asked::Constant => "constant",
            },
            run.per_second,
            run.cpu_us(),
            run.p50_us,
            run.p99_us,
            if run.invalid.is_empty() { "" } else { "  INVALID" },
        ));
        Ok(run)
    }
}

fn start_constant(centre: &Centre, bytes: u64, options: &[&str]) -> Result<Server, BenchError> {
    let mut command = centre.pinned.command(SERVER_CORE, &program("shikaku-bench")?);
    command.args(["constant", "--bytes", &bytes.to_string(), "--config"]);
    command.arg(centre.path("shikaku.toml")).args(options);
    Server::start(command, &centre.path("constant.log"))
}

fn of(pairs: &[Pair], side: fn(&Pair) -> &Run, number: fn(&Run) -> f64) -> Summary {
    summary(pairs.iter().map(|pair| number(side(pair))))
}

fn ratio(pairs: &[Pair], number: fn(&Run) -> f64) -> Summary {
    summary(pairs.iter().map(|pair| number(&pair.engine) / number(&pair.constant).max(1e-9)))
}

fn report(
    args: &Args,
    rivals: &Rivals<'_>,
    rate: u32,
    closed: &[Pair],
    open: &[Pair],
    tls: &[WithAndWithoutTls],
) -> Report {
    let engine: fn(&Pair) -> &Run = |pair| &pair.engine;
    let constant: fn(&Pair) -> &Run = |pair| &pair.constant;
    let row = |name: &str, pairs, number: fn(&Run) -> f64, decimals| {
        vec![
            name.to_owned(),
            of(pairs, engine, number).text(decimals),
            of(pairs, constant, number).text(decimals),
            ratio(pairs, number).text(2),
        ]
    };
    let rows = [
        row("requests/s, closed loop", closed, |run| run.per_second, 0),
        row("server CPU, user, us a request", closed, |run| run.user_us, 1),
        row("server CPU, kernel, us a request", closed, |run| run.system_us, 1),
        row("server CPU, us a request", closed, Run::cpu_us, 1),
        row("bytes an answer", closed, |run| run.answer_bytes, 0),
        row("p50, closed loop, us", closed, |run| run.p50_us, 0),
        row("p99, closed loop, us", closed, |run| run.p99_us, 0),
        row(&format!("p50 at {rate}/s, us"), open, |run| run.p50_us, 0),
        row(&format!("p99 at {rate}/s, us"), open, |run| run.p99_us, 0),
    ];
    let tls_ratio =
        summary(tls.iter().map(|pair| pair.mtls.per_second / pair.plain.per_second.max(1e-9)));
    let invalid = closed.iter().chain(open).flat_map(|pair| [&pair.engine, &pair.constant]);
    let invalid = invalid.chain(tls.iter().flat_map(|pair| [&pair.mtls, &pair.plain]));
    let invalid = invalid.filter(|run| !run.invalid.is_empty()).count();
    let machine = machine(rivals.centre.pinned);
    let markdown = format!(
        "# Lookups over HTTP ({interface}) against a constant body\n\n{pairs} pairs of {seconds} s, \
         {persons} persons, mTLS, 64 kept-alive connections, one worker. Median (range); the ratio \
         is that of pairs. {invalid} of {runs} runs are invalid by the generator's own \
         rules.\n\n{table}\nThe constant server with mutual TLS / without, requests/s: \
         {tls_ratio}.\n\n{machine}",
        interface = args.interface,
        pairs = args.pairs,
        seconds = args.seconds,
        persons = args.persons,
        runs = 2 * (closed.len() + open.len() + tls.len()),
        tls_ratio = tls_ratio.text(2),
        table = table(&["", "engine", "constant", "engine / constant"], &rows),
        machine = machine_text(&machine),
    );
    let runs = |pairs: &[Pair]| -> Vec<Value> {
        let both =
            |p: &Pair| json!({"engine": p.engine.to_json(), "constant": p.constant.to_json()});
        pairs.iter().map(both).collect()
    };
    let json = json!({
        "interface": args.interface,
        "persons": args.persons,
        "seconds": args.seconds,
        "machine": machine,
        "requests_per_second_ratio": ratio(closed, |run| run.per_second).to_json(),
        "cpu_ratio": ratio(closed, Run::cpu_us).to_json(),
        "open_loop_rate": rate,
        "open_loop_p99_ratio": ratio(open, |run| run.p99_us).to_json(),
        "engine_memory_bytes": rivals.engine.memory_bytes(),
        "invalid_runs": invalid,
        "closed": runs(closed),
        "open": runs(open),
        "mtls_to_plain_ratio": tls_ratio.to_json(),
        "tls": tls.iter().map(|pair| json!({
            "mtls": pair.mtls.to_json(), "plain": pair.plain.to_json(),
        })).collect::<Vec<_>>(),
    });
    let name = match args.interface.as_str() {
        "v1" => "lookup".to_owned(),
        other => format!("lookup-{other}"),
    };
    Report { name, markdown, json }
}
