//! `shikaku-loadgen population`.

use super::files::{self, Encoding, Members, THREADS_MAX, file_error};
use super::holders;
use super::{Population, PopulationError, PopulationSpec, Tally};
use indicatif::{ProgressBar, ProgressStyle};
use shikaku_domain::Day;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

/// What population to make, and where to put it.
#[derive(clap::Args)]
pub struct Args {
    /// Number of people, 1 to 200,000,000 (人数).
    #[arg(long)]
    persons: u64,
    /// Seed: the same seed, date and number of people give the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Reference date, yyyyMMdd: ages, and what is past and to come (基準日).
    #[arg(long, value_parser = Day::parse)]
    date: Day,
    /// Directory for insurers.csv, members.csv and population.toml; made if missing (出力先).
    #[arg(long)]
    out: PathBuf,
    /// Where the members' lines go (加入者の出力先).
    #[arg(long, value_enum, default_value = "file")]
    members: Members,
    /// Encoding of the files (文字コード).
    #[arg(long, value_enum, default_value_t = Encoding::Utf8)]
    encoding: Encoding,
    /// Percent of the people, 0 to 100, whose My Number card is registered: written to cards.csv, with
    /// certificates of the synthetic authority under the same seed (カードの登録割合).
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    cards: u8,
    /// Replace the population in a directory that is not empty (上書き).
    #[arg(long)]
    force: bool,
    /// Number of threads; by default as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
}

/// Writes the population and prints what it contains.
///
/// # Errors
/// [`PopulationError`]: arguments out of range, or a directory that cannot be written to.
pub fn execute(args: &Args) -> Result<(), Box<dyn Error>> {
    let spec = PopulationSpec { persons: args.persons, seed: args.seed, date: args.date };
    spec.check()?;
    prepare(&args.out, args.force)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).clamp(1, THREADS_MAX);

    let started = Instant::now();
    let population = Population::new(spec);
    holders::write(&population, &args.out, args.encoding, args.cards)?;
    let bar = bar(spec.persons);
    let told = |persons| bar.inc(persons);
    let (encoding, members, cards) = (args.encoding, args.members, args.cards);
    let tally = files::write(&population, &args.out, encoding, threads, members, cards, told)?;
    bar.finish_and_clear();
    if args.members != Members::File {
        return Ok(()); // the summary would stand among the lines, or say nothing
    }
    report(&population, &tally, started.elapsed().as_secs_f64());
    Ok(())
}

fn prepare(directory: &Path, force: bool) -> Result<(), PopulationError> {
    let refuse = |error| file_error(directory, error);
    fs::create_dir_all(directory).map_err(refuse)?;
    let is_empty = fs::read_dir(directory).map_err(refuse)?.next().is_none();
    if is_empty || force {
        Ok(())
    } else {
        Err(PopulationError::NotEmpty { path: directory.to_owned() })
    }
}

/// Shown on a terminal only.
fn bar(persons: u64) -> ProgressBar {
    let bar = ProgressBar::new(persons);
    let form = "{bar:40} {human_pos} / {human_len} persons, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

#[expect(clippy::print_stdout, reason = "the summary is what the command is asked for")]
fn report(population: &Population, tally: &Tally, seconds: f64) {
    let insurers = population.insurers().len();
    print!("{tally}");
    println!("{insurers:>13}          insurers");
    println!("{seconds:>13.1}          seconds");
}
