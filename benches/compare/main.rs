//! `shikaku-bench`: measurements that need whole processes. Each compares within one run, because
//! numbers of different moments on a shared machine cannot be compared.

mod card;
mod constant;
mod deltas;
mod face;
mod growth;
mod instructions;
mod load;
mod loadgen;
mod lookup;
mod overload;
mod peers;
mod report;
mod runs;
mod scenario;

use clap::{Parser, Subcommand};
use shikaku_benches::BenchError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures Shikaku on this machine. Everything is synthetic and on loopback.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Folder for results, and meanwhile for data: 1 GB for each million persons.
    #[arg(long, global = true)]
    out: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Cards through the engine: CPU time of a verification and of an answer.
    Card(card::Args),
    /// The networks of faces beside onnxruntime: time and agreement.
    Face(face::Args),
    /// HTTP lookups against the same server answering a constant body.
    Lookup(lookup::Args),
    /// The engine, PostgreSQL, Redis and a FastAPI service, in turn on the same rows and cores.
    Peers(peers::Args),
    /// Load, disk, start, memory and answers as the country grows.
    Growth(growth::Args),
    /// Persons a second into the store, bytes a person, time until ready.
    Load(load::Args),
    /// Ten times the peak: what is still answered; and a quiet facility beside a noisy one.
    Overload(overload::Args),
    /// Instructions that each step executes, against the recorded counts.
    Instructions(instructions::Args),
    /// The load generator beside wrk and hey, and its percentiles beside an independent client's.
    Loadgen(loadgen::Args),
    /// 15,000 lookups and 1,000 visits with cards a second of 1,170 facilities, audited.
    NationalPeak(scenario::Args),
    /// Any scenario against the engine, audited.
    Scenario {
        /// Which one.
        name: scenario::Name,
        #[command(flatten)]
        args: scenario::Args,
    },
    /// The server that answers a constant body.
    #[command(hide = true)]
    Constant(constant::Args),
    /// The server that knows the answers to a list of questions.
    #[command(hide = true)]
    Book(loadgen::book::Args),
    /// The server whose delays are known.
    #[command(hide = true)]
    Delayed,
    /// The client that checks the load generator's percentiles.
    #[command(hide = true)]
    OpenLoop(loadgen::open_loop::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("shikaku-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), BenchError> {
    match cli.command {
        Command::Constant(args) => {
            return actix_rt::System::new().block_on(constant::serve(args));
        }
        Command::Delayed => return actix_rt::System::new().block_on(loadgen::delayed::serve()),
        Command::Book(args) => return loadgen::book::serve(&args),
        Command::OpenLoop(args) => return loadgen::open_loop::run(&args),
        Command::Card(_)
        | Command::Face(_)
        | Command::Lookup(_)
        | Command::Peers(_)
        | Command::Load(_)
        | Command::Growth(_)
        | Command::Loadgen(_)
        | Command::NationalPeak(_)
        | Command::Overload(_)
        | Command::Scenario { .. }
        | Command::Instructions(_) => {}
    }
    if let Command::Instructions(args) = &cli.command
        && args.is_watched()
    {
        return instructions::do_steps(args);
    }
    let out = cli.out.unwrap_or_else(|| std::env::temp_dir().join("shikaku-bench"));
    std::fs::create_dir_all(&out).map_err(BenchError::file(&out))?;
    if let Command::NationalPeak(args) = &cli.command {
        return play(scenario::Name::NationalPeak, args, &out);
    }
    if let Command::Scenario { name, args } = &cli.command {
        return play(*name, args, &out);
    }
    let report = match cli.command {
        Command::Card(args) => card::measure(&args, &out)?,
        Command::Face(args) => face::measure(&args, &out)?,
        Command::Lookup(args) => lookup::measure(&args, &out)?,
        Command::Growth(args) => growth::measure(&args, &out)?,
        Command::Load(args) => load::measure(&args, &out)?,
        Command::Overload(args) => overload::measure(&args, &out)?,
        Command::Peers(args) => peers::measure(&args, &out)?,
        Command::Instructions(args) => instructions::measure(&args, &out)?,
        Command::Loadgen(args) => loadgen::measure(&args, &out)?,
        Command::Constant(_)
        | Command::Book(_)
        | Command::OpenLoop(_)
        | Command::Delayed
        | Command::Scenario { .. }
        | Command::NationalPeak(_) => return Ok(()),
    };
    finish(&report, &out)
}

fn play(name: scenario::Name, args: &scenario::Args, out: &Path) -> Result<(), BenchError> {
    let table = scenario::measure(name, args, out)?;
    #[expect(clippy::print_stdout, reason = "the table is what the command is asked for")]
    {
        println!("{table}");
    }
    Ok(())
}

fn finish(report: &report::Report, out: &Path) -> Result<(), BenchError> {
    report.write(out)?;
    #[expect(clippy::print_stdout, reason = "the table is what the command is asked for")]
    {
        println!("{}", report.markdown);
    }
    say(&format!("written to {}", out.display()));
    Ok(())
}

/// Tells whoever waits what is being done.
fn say(text: &str) {
    #[expect(clippy::print_stderr, reason = "progress is for whoever waits")]
    {
        eprintln!("{text}");
    }
}
