//! Instructions that each step executes, counted by callgrind and compared with recorded counts.
//!
//! A count hardly depends on what else the machine does, so a small slowdown shows where no clock
//! could see it. It depends on compiler, libraries and processor family, which the toolchain file,
//! the lock file and the tolerance take care of.

use crate::report::{Report, table};
use crate::say;
use serde_json::json;
use shikaku_benches::{BenchError, COUNTED, Step, steps};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The recorded counts: name of the step and instructions an iteration.
const BASELINE: &str = "benches/instructions.toml";
/// What stands at the top of that file.
const BASELINE_HEAD: &str = "\
# Instructions a step executes, an iteration, as callgrind counts them. `./dev test` fails when a
# step executes 5 % more. Did you mean it? Then `./dev bench instructions --update`, commit this
# file with the change, and say in the message what is gained for it.
";
/// More than this share above the recorded count fails. Counts of the same code differ by less
/// than a hundredth between runs; the rest is for processors of another family, for which the C
/// library copies memory in another way.
const GROWTH_MAX: f64 = 0.05;
/// Fewer than this share below is worth recording anew.
const SHRINKAGE_WORTH_TELLING: f64 = 0.05;
/// People in the store: few, because making them is counted too slowly to be waited for.
const PERSONS: u64 = 2_000;
/// Iterations that make a step's code and data warm, before those that count.
const WARMING: u64 = 20;
/// Iterations that count.
const COUNTING: u64 = 100;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Only steps with this in their name.
    part: Option<String>,
    /// Record the counts instead of comparing with them.
    #[arg(long)]
    update: bool,
    /// Do the steps and nothing else; for callgrind.
    #[arg(long, hide = true)]
    only_do: bool,
}

impl Args {
    /// Whether this process is the one that callgrind watches.
    pub(super) fn is_watched(&self) -> bool {
        self.only_do
    }

    fn wants(&self, name: &str) -> bool {
        self.part.as_ref().is_none_or(|part| name.contains(part.as_str()))
    }
}

/// Does the steps, each twice: [`WARMING`] and [`COUNTING`] times. Prints their names in order.
pub(super) fn do_steps(args: &Args) -> Result<(), BenchError> {
    for mut step in steps(PERSONS)?.into_iter().filter(|step: &Step| args.wants(step.name)) {
        step.run(WARMING);
        step.run(COUNTING);
        #[expect(clippy::print_stdout, reason = "whoever started this reads the names")]
        {
            println!("{}", step.name);
        }
    }
    Ok(())
}

/// Counts, compares, and fails when a step executes too much more than it did.
pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    say("counting instructions (about a minute)");
    let counts = count(args, &out.join("callgrind"))?;
    let path = PathBuf::from(BASELINE);
    let mut baseline = read(&path)?;
    let rows = counts.iter().map(|(name, count)| row(name, *count, baseline.get(name).copied()));
    let markdown =
        table(&["Step", "instructions", "recorded", "change"], &rows.collect::<Vec<_>>());
    let report =
        Report { name: "instructions".to_owned(), markdown, json: json!({ "counts": counts }) };
    if args.update {
        if args.part.is_none() {
            baseline.clear();
        }
        baseline.extend(counts);
        write(&path, &baseline)?;
        say(&format!("recorded in {BASELINE}"));
        return Ok(report);
    }
    let grown: Vec<_> =
        counts.iter().filter_map(|(name, count)| grown(name, *count, &baseline)).collect();
    if grown.is_empty() {
        if counts.iter().any(|(name, count)| is_much_less(*count, baseline.get(name))) {
            say("some steps execute clearly less: record that with --update, so that it stays");
        }
        return Ok(report);
    }
    say(&report.markdown);
    Err(BenchError::MoreInstructions { steps: grown.join("; ") })
}

fn change(count: u64, recorded: u64) -> f64 {
    count as f64 / recorded.max(1) as f64 - 1.0
}

fn is_much_less(count: u64, recorded: Option<&u64>) -> bool {
    recorded.is_some_and(|recorded| change(count, *recorded) < -SHRINKAGE_WORTH_TELLING)
}

/// What to say of a step that executes too much more, or that has no recorded count.
fn grown(name: &str, count: u64, baseline: &BTreeMap<String, u64>) -> Option<String> {
    match baseline.get(name) {
        None => Some(format!("{name}: {count}, and nothing is recorded")),
        Some(recorded) if change(count, *recorded) > GROWTH_MAX + f64::EPSILON => {
            let percent = 100.0 * change(count, *recorded);
            Some(format!("{name}: {count} instead of {recorded}, {percent:+.1} %"))
        }
        Some(_) => None,
    }
}

fn row(name: &str, count: u64, recorded: Option<u64>) -> Vec<String> {
    let change = recorded.map(|recorded| format!("{:+.1} %", 100.0 * change(count, recorded)));
    let recorded = recorded.map(|recorded| recorded.to_string());
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    vec![name.to_owned(), count.to_string(), or_none(recorded), or_none(change)]
}

fn read(path: &Path) -> Result<BTreeMap<String, u64>, BenchError> {
    match fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| BenchError::Program {
            program: BASELINE.to_owned(),
            said: error.to_string(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(BenchError::file(path)(error)),
    }
}

fn write(path: &Path, counts: &BTreeMap<String, u64>) -> Result<(), BenchError> {
    // INVARIANT: names and numbers always have a TOML form.
    let text = BASELINE_HEAD.to_owned() + &toml::to_string(counts).unwrap_or_default();
    fs::write(path, text).map_err(BenchError::file(path))
}

/// Runs this program under callgrind; gives the instructions of an iteration by step.
fn count(args: &Args, folder: &Path) -> Result<BTreeMap<String, u64>, BenchError> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
    let dumps = folder.join("step");
    let own = std::env::current_exe().map_err(BenchError::io("this program"))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={COUNTED}")).arg(format!("--dump-after={COUNTED}"));
    command.arg(format!("--callgrind-out-file={}", dumps.display())).arg(own);
    command.args(["instructions", "--only-do"]).args(&args.part).stdin(Stdio::null());
    let output = command.output().map_err(BenchError::io("valgrind"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed =
        |said: &str| BenchError::Program { program: "valgrind".to_owned(), said: said.to_owned() };
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    let name_and_number = |(index, name): (usize, &str)| {
        // Two dumps for each step, counted from 1; the second one is of what counts.
        let path = folder.join(format!("step.{}", 2 * index + 2));
        let dump = fs::read_to_string(&path).map_err(BenchError::file(&path))?;
        let total = total(&dump).ok_or_else(|| failed("a dump without a total"))?;
        Ok((name.to_owned(), total / COUNTING))
    };
    said.lines().enumerate().map(name_and_number).collect()
}

/// The instructions of a dump: the first number of its last line of totals.
fn total(dump: &str) -> Option<u64> {
    let line = dump
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_may_grow_by_a_twentieth_and_not_more() {
        let recorded = BTreeMap::from([("wire/parse".to_owned(), 1_000)]);
        assert_eq!(grown("wire/parse", 1_050, &recorded), None);
        assert_eq!(grown("wire/parse", 400, &recorded), None);
        let text = grown("wire/parse", 1_051, &recorded).unwrap();
        assert_eq!(text, "wire/parse: 1051 instead of 1000, +5.1 %");
        assert!(grown("wire/new", 1, &recorded).unwrap().contains("nothing is recorded"));
    }

    #[test]
    fn a_dump_tells_its_total() {
        let dump = "version: 1\nevents: Ir\nsummary: 120\n\nfn=(1) x\n0 120\ntotals: 120\n";
        assert_eq!(total(dump), Some(120));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn recorded_counts_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.toml");
        assert!(read(&path).unwrap().is_empty());
        let counts = BTreeMap::from([("store/read, \"found\"".to_owned(), 7)]);
        write(&path, &counts).unwrap();
        assert_eq!(read(&path).unwrap(), counts);
        fs::write(&path, "store = \"many\"").unwrap();
        assert!(read(&path).is_err());
    }
}
