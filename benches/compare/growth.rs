//! How load, disk, start, memory and answers change as the country grows: each size is made,
//! streamed into a bulk load, started and asked. Ratios are to the first size, in one run.

use super::report::{Report, machine, machine_text, table};
use super::runs::{Asked, Pace, Run, run};
use super::say;
use serde_json::{Value, json};
use shikaku_benches::{BenchError, Centre, MemoryLimit, Server, summary};
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
    /// Ask each size once more with so many MiB of memory in all, page cache included: a cache of
    /// half of it, and no copy. Needs the right to make control groups.
    #[arg(long)]
    limited_mib: Option<u64>,
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
    asked: Runs,
    /// From a start after `kill -9` until ready.
    killed_ready_seconds: f64,
    limited: Option<Runs>,
}

/// The runs against one engine.
struct Runs {
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
    let all: Vec<_> = sizes.iter().map(Size::numbers).collect();
    let mut markdown = format!(
        "# Growth\n\nEach size streamed from the generator into `shikaku load --bulk`, so loading \
         shares the cores with making. One server core, {} runs of {} s each, latency at {}/s. In \
         brackets the ratio to the first size.\n\n{}\n",
        args.runs,
        args.seconds,
        args.rate,
        rows(&args.persons, &all),
    );
    if let Some(mib) = args.limited_mib {
        let limited = sizes.iter().filter_map(|size| size.limited.as_ref());
        let limited: Vec<_> = limited.map(|runs| runs.numbers().into()).collect();
        markdown += &format!(
            "With {mib} MiB of memory in all, page cache included, and no copy of all entries:\n\n{}\n",
            rows(&args.persons, &limited),
        );
    }
    markdown += &machine_text(&about);
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
    let engine = centre.start_engine_with(&memory(args, persons), None)?;
    let ready_seconds = begin.elapsed().as_secs_f64();
    if args.cache_mib.is_none() {
        wait_until_resident(centre, &engine)?;
    }
    let resident_seconds = begin.elapsed().as_secs_f64();
    let asked = ask(args, centre, &engine)?;
    let memory_bytes = engine.memory_bytes();
    drop(engine); // A kill -9.
    say("starting it after kill -9");
    let begin = Instant::now();
    let engine = centre.start_engine_with(&memory(args, persons), None)?;
    let killed_ready_seconds = begin.elapsed().as_secs_f64();
    drop(engine);
    let limited = args.limited_mib.map(|mib| ask_limited(args, centre, mib)).transpose()?;
    Ok(Size {
        persons,
        load_seconds,
        disk_bytes,
        ready_seconds,
        resident_seconds,
        memory_bytes,
        asked,
        killed_ready_seconds,
        limited,
    })
}

/// Both kinds of runs, after one that fills the caches.
fn ask(args: &Args, centre: &Centre, engine: &Server) -> Result<Runs, BenchError> {
    let ask = |pace, seconds| run(centre, engine, Asked::Lookups("v1"), pace, seconds);
    ask(Pace::Closed, WARM_SECONDS)?;
    let repeat = |what: &str, pace| {
        say(&format!("{what}, {} runs", args.runs));
        (0..args.runs).map(|_| ask(pace, args.seconds)).collect::<Result<Vec<_>, _>>()
    };
    let closed = repeat("closed loop", Pace::Closed)?;
    let open = repeat("at a fixed rate", Pace::PerSecond(args.rate))?;
    Ok(Runs { closed, open })
}

/// The same with little memory: what is not in the cache is read from the disk.
fn ask_limited(args: &Args, centre: &Centre, mib: u64) -> Result<Runs, BenchError> {
    let limit = MemoryLimit::new(mib)?;
    forget(&centre.path("store"))?;
    say(&format!("starting it with {mib} MiB"));
    let cache = usize::try_from(mib / 2).unwrap_or(usize::MAX);
    let engine = centre.start_engine_with(&from_cache(cache), Some(&limit))?;
    ask(args, centre, &engine)
}

/// Takes a folder's files out of the page cache, where they would not count for a limited process.
fn forget(path: &Path) -> Result<(), BenchError> {
    if let Ok(entries) = fs::read_dir(path) {
        return entries.flatten().try_for_each(|entry| forget(&entry.path()));
    }
    let file = fs::File::open(path).map_err(BenchError::file(path))?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)
        .map_err(|error| BenchError::file(path)(error.into()))
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
        |cache| from_cache(mib(cache)).into(),
    )
}

/// So many MiB of cache and no copy.
const fn from_cache(mib: usize) -> [(&'static str, usize); 2] {
    [("SHIKAKU_ENGINE_STORE_CACHE_MIB", mib), ("SHIKAKU_ENGINE_STORE_RESIDENT_MIB", 0)]
}

impl Runs {
    fn numbers(&self) -> [(&'static str, f64, usize); 5] {
        let closed = |number: fn(&Run) -> f64| summary(self.closed.iter().map(number)).median;
        let open = |number: fn(&Run) -> f64| summary(self.open.iter().map(number)).median;
        [
            ("lookups/s, closed loop", closed(|run| run.per_second), 0),
            ("server CPU, us a lookup", closed(Run::cpu_us), 1),
            ("p50 at the rate, us", open(|run| run.p50_us), 0),
            ("p99 at the rate, us", open(|run| run.p99_us), 0),
            ("p99.9 at the rate, us", open(|run| run.p99_9_us), 0),
        ]
    }

    fn to_json(&self) -> Value {
        let all = |runs: &[Run]| runs.iter().map(Run::to_json).collect::<Vec<_>>();
        json!({ "closed": all(&self.closed), "open": all(&self.open) })
    }
}

impl Size {
    /// Name, value and decimals of each line of the table.
    fn numbers(&self) -> Vec<(&'static str, f64, usize)> {
        let persons = self.persons as f64;
        let mut numbers = vec![
            ("persons/s made and loaded", persons / self.load_seconds, 0),
            ("bytes a person on disk", self.disk_bytes as f64 / persons, 1),
            ("GB on disk", self.disk_bytes as f64 / 1e9, 2),
            ("seconds from start to ready", self.ready_seconds, 2),
            ("the same after kill -9", self.killed_ready_seconds, 2),
            ("seconds until all is in memory", self.resident_seconds, 1),
            ("MiB of memory after the runs", self.memory_bytes as f64 / 1_048_576.0, 0),
        ];
        numbers.extend(self.asked.numbers());
        numbers
    }

    fn to_json(&self) -> Value {
        json!({
            "persons": self.persons,
            "load_seconds": self.load_seconds,
            "disk_bytes": self.disk_bytes,
            "start_to_ready_seconds": self.ready_seconds,
            "start_to_ready_after_kill_seconds": self.killed_ready_seconds,
            "start_to_resident_seconds": self.resident_seconds,
            "memory_bytes": self.memory_bytes,
            "asked": self.asked.to_json(),
            "limited": self.limited.as_ref().map(Runs::to_json),
        })
    }
}

/// A table of lines by size; in brackets the ratio to the first size.
fn rows(persons: &[u64], all: &[Vec<(&'static str, f64, usize)>]) -> String {
    let head: Vec<String> =
        std::iter::once("persons".to_owned()).chain(persons.iter().map(u64::to_string)).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
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
