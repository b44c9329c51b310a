//! How load, disk, start, memory and answers change as the country grows: each size is made,
//! streamed into a bulk load, started and asked. Ratios are to the first size, in one run.

use super::report::{Report, machine, machine_text, table};
use super::runs::{Asked, Pace, Run, run};
use super::say;
use serde_json::{Value, json};
use shikaku_benches::{BenchError, Centre, Server, summary};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What the copy of all entries may take of memory, in bytes a person, and at least.
const RESIDENT_BYTES_PER_PERSON: u64 = 125;
const RESIDENT_MIB_MIN: u64 = 64;
/// What the engine logs when the copy is complete.
const RESIDENT: &str = "All entries are in memory";
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Seconds of the run that fills caches with what will be asked.
const WARM_SECONDS: u64 = 5;

#[derive(clap::Args)]
pub(super) struct Args {
    /// People, one size after the other; 124,000,000 is the country, and takes 35 GB while it is
    /// loaded.
    #[arg(long, value_delimiter = ',', default_value = "100000,1000000")]
    persons: Vec<u64>,
    /// Seconds of each run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Runs of each kind; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
    /// Lookups a second at which latency is compared.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Answer from a cache of so many MiB, for all sizes, instead of from a copy of all entries in
    /// memory.
    #[arg(long)]
    cache_mib: Option<u64>,
}

/// What one size came to.
struct Size {
    persons: u64,
    load_seconds: f64,
    disk_bytes: u64,
    ready_seconds: f64,
    /// Until all entries were in memory; as above where they are not to be.
    resident_seconds: f64,
    memory_bytes: u64,
    closed: Vec<Run>,
    open: Vec<Run>,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let mut sizes = Vec::new();
    let mut about = Value::Null;
    for persons in &args.persons {
        let centre = Centre::new(out)?;
        about = machine(centre.pinned);
        sizes.push(of_size(args, &centre, *persons)?);
    }
    let markdown = format!(
        "# Growth\n\nEach size streamed from the generator into `shikaku load --bulk`, so loading \
         shares the cores with making. One server core, {} runs of {} s each, latency at {}/s. In \
         brackets the ratio to the first size.\n\n{}\n{}",
        args.runs,
        args.seconds,
        args.rate,
        rows(&sizes),
        machine_text(&about),
    );
    let json =
        json!({ "machine": about, "sizes": sizes.iter().map(Size::to_json).collect::<Vec<_>>() });
    Ok(Report { name: "growth".to_owned(), markdown, json })
}

fn of_size(args: &Args, centre: &Centre, persons: u64) -> Result<Size, BenchError> {
    say(&format!("making and loading {persons} persons"));
    let begin = Instant::now();
    centre.stream_population(persons)?;
    let load_seconds = begin.elapsed().as_secs_f64();
    let disk_bytes = disk_bytes(&centre.path("store"), &mut HashSet::new());
    say("starting the engine");
    let begin = Instant::now();
    let engine = centre.start_engine_with(&memory(args, persons))?;
    let ready_seconds = begin.elapsed().as_secs_f64();
    if args.cache_mib.is_none() {
        wait_until_resident(centre, &engine)?;
    }
    let resident_seconds = begin.elapsed().as_secs_f64();
    let ask = |pace, seconds| run(centre, &engine, Asked::Lookups("v1"), pace, seconds);
    ask(Pace::Closed, WARM_SECONDS)?;
    let repeat = |what: &str, pace| {
        say(&format!("{what}, {} runs", args.runs));
        (0..args.runs).map(|_| ask(pace, args.seconds)).collect::<Result<Vec<_>, _>>()
    };
    let closed = repeat("closed loop", Pace::Closed)?;
    let open = repeat("at a fixed rate", Pace::PerSecond(args.rate))?;
    let memory_bytes = engine.memory_bytes();
    Ok(Size {
        persons,
        load_seconds,
        disk_bytes,
        ready_seconds,
        resident_seconds,
        memory_bytes,
        closed,
        open,
    })
}

fn wait_until_resident(centre: &Centre, engine: &Server) -> Result<(), BenchError> {
    let log = centre.path("engine.log");
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains(RESIDENT)) {
        engine.cpu()?; // An error when it has ended.
        thread::park_timeout(LOOK_EVERY);
    }
    Ok(())
}

/// How the engine gets its memory, as numbers of its configuration.
fn memory(args: &Args, persons: u64) -> Vec<(&'static str, usize)> {
    let mib = |mib| usize::try_from(mib).unwrap_or(usize::MAX);
    let enough = ((persons * RESIDENT_BYTES_PER_PERSON) >> 20).max(RESIDENT_MIB_MIN);
    args.cache_mib.map_or_else(
        || vec![("SHIKAKU_ENGINE_STORE_RESIDENT_MIB", mib(enough))],
        |cache| {
            let cache = ("SHIKAKU_ENGINE_STORE_CACHE_MIB", mib(cache));
            vec![cache, ("SHIKAKU_ENGINE_STORE_RESIDENT_MIB", 0)]
        },
    )
}

impl Size {
    fn closed(&self, number: fn(&Run) -> f64) -> f64 {
        summary(self.closed.iter().map(number)).median
    }

    fn open(&self, number: fn(&Run) -> f64) -> f64 {
        summary(self.open.iter().map(number)).median
    }

    /// Name, value and decimals of each line of the table.
    fn numbers(&self) -> [(&'static str, f64, usize); 11] {
        let persons = self.persons as f64;
        [
            ("persons/s made and loaded", persons / self.load_seconds, 0),
            ("bytes a person on disk", self.disk_bytes as f64 / persons, 1),
            ("GB on disk", self.disk_bytes as f64 / 1e9, 2),
            ("seconds from start to ready", self.ready_seconds, 2),
            ("seconds until all is in memory", self.resident_seconds, 1),
            ("MiB of memory after the runs", self.memory_bytes as f64 / 1_048_576.0, 0),
            ("lookups/s, closed loop", self.closed(|run| run.per_second), 0),
            ("server CPU, us a lookup", self.closed(Run::cpu_us), 1),
            ("p50 at the rate, us", self.open(|run| run.p50_us), 0),
            ("p99 at the rate, us", self.open(|run| run.p99_us), 0),
            ("p99.9 at the rate, us", self.open(|run| run.p99_9_us), 0),
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "persons": self.persons,
            "load_seconds": self.load_seconds,
            "disk_bytes": self.disk_bytes,
            "start_to_ready_seconds": self.ready_seconds,
            "start_to_resident_seconds": self.resident_seconds,
            "memory_bytes": self.memory_bytes,
            "closed": self.closed.iter().map(Run::to_json).collect::<Vec<_>>(),
            "open": self.open.iter().map(Run::to_json).collect::<Vec<_>>(),
        })
    }
}

fn rows(sizes: &[Size]) -> String {
    let head: Vec<String> = std::iter::once("persons".to_owned())
        .chain(sizes.iter().map(|size| size.persons.to_string()))
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let all: Vec<_> = sizes.iter().map(Size::numbers).collect();
    let Some(first) = all.first() else { return String::new() };
    let cells: Vec<Vec<String>> = first
        .iter()
        .enumerate()
        .map(|(line, (name, base, decimals))| {
            let values = all.iter().filter_map(|numbers| numbers.get(line));
            let values = values.map(|(_, value, _)| {
                format!("{value:.decimals$} ({:.2})", value / base.max(f64::MIN_POSITIVE))
            });
            std::iter::once((*name).to_owned()).chain(values).collect()
        })
        .collect();
    table(&head, &cells)
}

/// Bytes of all files below a folder; a file with several names counts once.
fn disk_bytes(path: &Path, seen: &mut HashSet<(u64, u64)>) -> u64 {
    let Ok(entries) = fs::read_dir(path) else {
        let Ok(file) = fs::metadata(path) else { return 0 };
        return if seen.insert((file.dev(), file.ino())) { file.len() } else { 0 };
    };
    entries.flatten().map(|entry| disk_bytes(&entry.path(), seen)).sum()
}
