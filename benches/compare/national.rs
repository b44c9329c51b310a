//! The country's Monday morning, times ten, on one machine: `loadgen/scenarios/national-peak.toml`
//! against the engine, lookups by number and visits with cards that sign, over mutual TLS with a
//! certificate for each facility. The report of the
//! load generator is the result.

use super::say;
use shikaku_benches::{BenchError, Centre, GENERATOR_CORE, program};
use shikaku_loadgen::run::Summary;
use shikaku_loadgen::run::result::RunResult;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The scenario, as the repository has it.
const SCENARIO: &str = include_str!("../../loadgen/scenarios/national-peak.toml");
/// First code of the facilities that ask. No such facilities exist.
const FIRST_FACILITY: u64 = 1_310_100_001;
/// Percent of the people with a registered card: about the country's.
const CARDS_PERCENT: u8 = 70;
/// Facilities between two lines of progress.
const PROGRESS_EVERY: u32 = 100;

#[derive(clap::Args)]
pub(super) struct Args {
    /// People in the store.
    #[arg(long, default_value_t = 1_000_000)]
    persons: u64,
    /// Facilities with a certificate of their own.
    #[arg(long, default_value_t = 1170, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    facilities: u32,
    /// Multiplies the rates of 15,000 lookups and 1,000 visits with cards a second.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Threads that sign for the cards, beside the one that asks.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    signers: u32,
}

/// Runs the scenario; gives the table, and leaves `national-peak.json` and `.html` in `out`.
pub(super) fn measure(args: &Args, out: &Path) -> Result<String, BenchError> {
    let centre = Centre::new(out)?;
    say(&format!("making {} persons", args.persons));
    centre.make_population_with_cards(args.persons, CARDS_PERCENT)?;
    say("loading them");
    centre.load("insurers.csv")?;
    centre.load("members.csv")?;
    centre.take_cards()?;
    for number in 0..args.facilities {
        if number % PROGRESS_EVERY == 0 {
            say(&format!("certificates: {number} of {}", args.facilities));
        }
        let code = (FIRST_FACILITY + u64::from(number)).to_string();
        centre.run("shikaku", &["ca", "facility", "--dir", "ca", "--code", &code])?;
    }
    let path = centre.path("national-peak.toml");
    fs::write(&path, SCENARIO).map_err(BenchError::file(&path))?;
    let engine = centre.start_engine()?;
    say("the peak: 70 seconds");
    let (json, page) = (out.join("national-peak.json"), out.join("national-peak.html"));
    let _ = fs::remove_file(&json);
    let mut command = centre.pinned.command(GENERATOR_CORE, &program("shikaku-loadgen")?);
    command.args(["run", "--target", &engine.address, "--scenario", "national-peak.toml"]);
    command.args(["--scale", &args.scale.to_string(), "--population", "population"]);
    command.args(["--ca", "ca/ca.pem", "--facilities", "ca/clients"]);
    command.args(["--server-pid", &engine.id().to_string()]);
    command.args(["--signers", &args.signers.to_string()]);
    if let Some(admin) = &engine.admin {
        command.args(["--metrics", &format!("{admin}/metrics")]);
    }
    if let Some(commit) = commit() {
        command.args(["--label", &format!("commit={commit}")]);
    }
    command.arg("--json").arg(&json).arg("--html").arg(&page);
    let finished = centre.finish("shikaku-loadgen", &mut command);
    let Ok(bytes) = fs::read(&json) else {
        return Err(finished.err().unwrap_or(BenchError::Report { field: "file" }));
    };
    let result: RunResult =
        serde_json::from_slice(&bytes).map_err(|_| BenchError::Report { field: "file" })?;
    match result.total.counts.wrong {
        0 => Ok(format!("{}\nthe page: {}", Summary(&result), page.display())),
        count => Err(BenchError::WrongAnswers { count }),
    }
}

/// The commit that is measured, marked where files differ from it; `None` outside a repository.
fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--abbrev=12", "--dirty", "--exclude", "*"];
    let output = Command::new("git").args(describe).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
