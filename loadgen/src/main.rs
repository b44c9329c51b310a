//! `shikaku-loadgen`: makes a synthetic population and drives the engine with it.

use clap::{Parser, Subcommand};
use shikaku_loadgen::{cards, population, report, run};
use std::process::ExitCode;

/// Synthetic population and open-loop load for the Shikaku eligibility engine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a synthetic population as insurers' files. Same seed and date, same bytes.
    Population(population::Args),
    /// Write My Number cards of some of a population's people, one of each kind.
    Cards(cards::CardsArgs),
    /// Print one question whose answer is known, for `curl` or a request file.
    Example(run::ExampleArgs),
    /// Print what a run asks and which answers it takes for right.
    Questions(run::QuestionsArgs),
    /// Send eligibility lookups as planned and report latency from the scheduled time.
    Run(Box<run::Args>),
    /// Wait for a coordinator and do its part of runs.
    Worker(run::fleet::WorkerArgs),
    /// Make one run by several workers and add what they measured.
    Coordinate(run::fleet::CoordinateArgs),
    /// Make a page of a run's results, and compare it with other runs.
    Report(report::ReportArgs),
    /// Add the results of workers that ran at the same time.
    Merge(report::MergeArgs),
    /// Find the highest rate at which a latency goal is met.
    Saturate(Box<run::SaturateArgs>),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Population(args) => population::execute(&args).map(|()| ExitCode::SUCCESS),
        Command::Cards(args) => cards::execute(&args).map(|()| ExitCode::SUCCESS),
        Command::Example(args) => run::print_example(&args).map(|()| ExitCode::SUCCESS),
        Command::Questions(args) => run::print_questions(&args).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => run::execute(&args),
        Command::Worker(args) => run::fleet::work(&args).map(|()| ExitCode::SUCCESS),
        Command::Coordinate(args) => run::fleet::coordinate(&args),
        Command::Report(args) => report::report(&args).map_err(Into::into),
        Command::Merge(args) => report::merge(&args).map_err(Into::into),
        Command::Saturate(args) => run::saturate(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command's error is for its user")]
            {
                eprintln!("shikaku-loadgen: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
