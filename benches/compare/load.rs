//! Persons a second into the store, bytes a person on disk, and the time until the engine is
//! ready on what was loaded.

use super::report::{Report, machine, machine_text, table};
use super::say;
use serde_json::json;
use shikaku_benches::{BenchError, Centre};
use shikaku_wire::members::MemberFile;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

#[derive(clap::Args)]
pub(super) struct Args {
    /// People in the file.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=200_000_000))]
    persons: u64,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let centre = Centre::new(out)?;
    say(&format!("making {} persons", args.persons));
    let making = seconds(|| centre.make_population(args.persons))?;
    say("reading the file alone");
    let mut lines = 0;
    let parsing = seconds(|| {
        lines = parse(&centre.path("population/members.csv"))?;
        Ok(())
    })?;
    say("loading");
    centre.load("insurers.csv")?;
    let loading = seconds(|| centre.load("members.csv"))?;
    let log = bytes_below(&centre.path("store/log"));
    let all = bytes_below(&centre.path("store"));
    say("starting the engine");
    let mut memory = 0;
    let ready = seconds(|| {
        let engine = centre.start_engine()?;
        memory = engine.memory_bytes();
        Ok(())
    })?;

    let persons = args.persons as f64;
    let file = bytes_below(&centre.path("population/members.csv"));
    let rows = [
        ("persons/s by `shikaku load`, both indexes", persons / loading, 0),
        ("lines/s by `shikaku load`", lines as f64 / loading, 0),
        ("seconds for the file", loading, 1),
        ("lines/s, reading the file alone", lines as f64 / parsing, 0),
        ("reading alone, percent of the load's time", parsing / loading * 100.0, 0),
        ("bytes a person in the file", file as f64 / persons, 0),
        ("bytes a person in the log", log as f64 / persons, 0),
        ("bytes a person in the shards", (all - log) as f64 / persons, 0),
        ("seconds from start to ready", ready, 2),
        ("MiB of memory when ready", memory as f64 / 1_048_576.0, 0),
        ("persons/s made by `shikaku-loadgen population`", persons / making, 0),
    ];
    let machine = machine(centre.pinned);
    let cells =
        rows.map(|(name, value, decimals)| vec![name.to_owned(), format!("{value:.decimals$}")]);
    let markdown = format!(
        "# Loading insurers' files\n\n{} persons, {lines} lines, one `shikaku load` on all cores, \
         2 shards.\n\n{}\n{}",
        args.persons,
        table(&["", "measured"], &cells),
        machine_text(&machine),
    );
    let json = json!({
        "persons": args.persons,
        "lines": lines,
        "machine": machine,
        "load_seconds": loading,
        "persons_per_second": persons / loading,
        "parse_seconds": parsing,
        "file_bytes": file,
        "log_bytes": log,
        "shard_bytes": all - log,
        "start_to_ready_seconds": ready,
        "memory_bytes_when_ready": memory,
        "population_seconds": making,
    });
    Ok(Report { name: "load".to_owned(), markdown, json })
}

fn seconds(work: impl FnOnce() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}

/// Reads a file as the engine does, and does nothing with it. Returns the number of lines.
fn parse(path: &Path) -> Result<u64, BenchError> {
    let source = File::open(path).map_err(BenchError::file(path))?;
    let mut file = MemberFile::open(BufReader::with_capacity(1 << 20, source))?;
    let mut lines = 0;
    while let Some(line) = file.next() {
        std::hint::black_box(&line?);
        lines += 1;
    }
    Ok(lines)
}

/// Bytes of a file, or of all files below a folder.
fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).map_or(0, |file| file.len());
    };
    entries.flatten().map(|entry| bytes_below(&entry.path())).sum()
}
