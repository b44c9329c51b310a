//! What happens to the country's centre, on one machine: a scenario of `loadgen/scenarios` against the
//! engine, over mutual TLS with a certificate for each facility, every answer audited. The report of
//! the load generator is the result.

use super::{deltas, say};
use shikaku_benches::{
    BenchError, Centre, DATE, GENERATOR_CORE, Pinned, SEED, SERVER_CORE, program,
};
use shikaku_domain::Day;
use shikaku_loadgen::population::PopulationSpec;
use shikaku_loadgen::run::Summary;
use shikaku_loadgen::run::result::RunResult;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The scenarios, as the repository has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Name {
    /// The Monday after holidays, times ten.
    NationalPeak,
    /// A month, one second an hour.
    Month,
    /// After an earthquake.
    Disaster,
    /// One facility asks without end.
    OneNoisyFacility,
    /// 1 April.
    InsurerYearChange,
    /// 5,000 facilities, a handful of questions a connection.
    ManyFacilities,
}

impl Name {
    const fn text(self) -> &'static str {
        match self {
            Self::NationalPeak => include_str!("../../loadgen/scenarios/national-peak.toml"),
            Self::Month => include_str!("../../loadgen/scenarios/month.toml"),
            Self::Disaster => include_str!("../../loadgen/scenarios/disaster.toml"),
            Self::OneNoisyFacility => {
                include_str!("../../loadgen/scenarios/one-noisy-facility.toml")
            }
            Self::InsurerYearChange => {
                include_str!("../../loadgen/scenarios/insurer-year-change.toml")
            }
            Self::ManyFacilities => include_str!("../../loadgen/scenarios/many-facilities.toml"),
        }
    }

    /// Facilities that ask: those of all streams together.
    const fn facilities(self) -> u32 {
        match self {
            Self::ManyFacilities => 5_000,
            Self::NationalPeak
            | Self::Month
            | Self::Disaster
            | Self::OneNoisyFacility
            | Self::InsurerYearChange => 1_170,
        }
    }
}

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
    /// Facilities with a certificate of their own; as many as the scenario has unless given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    facilities: Option<u32>,
    /// Multiplies the scenario's rates.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Plays the scenario so many times as fast.
    #[arg(long, default_value_t = 1.0)]
    pace: f64,
    /// Sends, while it plays, an insurers' file with so many percent of the people; 0 sends none.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    deltas: u64,
    /// Threads that sign for the cards, on what engine and generator leave of both cores.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=256))]
    signers: u32,
}

/// Runs a scenario; gives the table, and leaves NAME.json and NAME.html in `out`.
pub(super) fn measure(name: Name, args: &Args, out: &Path) -> Result<String, BenchError> {
    let value = clap::ValueEnum::to_possible_value(&name);
    let title = value.map_or_else(String::new, |value| value.get_name().to_owned());
    let centre = Centre::new(out)?;
    say(&format!("making {} persons", args.persons));
    centre.make_population_with_cards(args.persons, CARDS_PERCENT)?;
    say("loading them");
    centre.load("insurers.csv")?;
    centre.load("members.csv")?;
    centre.take_cards()?;
    let facilities = args.facilities.unwrap_or(name.facilities());
    for number in 0..facilities {
        if number % PROGRESS_EVERY == 0 {
            say(&format!("certificates: {number} of {facilities}"));
        }
        let code = (FIRST_FACILITY + u64::from(number)).to_string();
        centre.run("shikaku", &["ca", "facility", "--dir", "ca", "--code", &code])?;
    }
    let file = format!("{title}.toml");
    let path = centre.path(&file);
    fs::write(&path, name.text()).map_err(BenchError::file(&path))?;
    let lines = match args.deltas {
        0 => 0,
        percent => deltas::make(&centre, spec(args.persons)?, percent)?,
    };
    let engine = centre.start_engine()?;
    say(&format!("the scenario {title}"));
    let [json, page] = ["json", "html"].map(|kind| out.join(format!("{title}.{kind}")));
    let _ = fs::remove_file(&json);
    let mut command = centre.pinned.command(GENERATOR_CORE, &program("shikaku-loadgen")?);
    command.args(["run", "--target", &engine.address, "--scenario", &file]);
    command.args(["--scale", &args.scale.to_string(), "--pace", &args.pace.to_string()]);
    command.args(["--population", "population"]);
    command.args(["--ca", "ca/ca.pem", "--facilities", "ca/clients"]);
    command.args(["--server-pid", &engine.id().to_string()]);
    command.args(["--signers", &args.signers.to_string()]);
    if centre.pinned == Pinned::Yes {
        let both = format!("{SERVER_CORE},{GENERATOR_CORE}");
        command.args(["--signer-cores", &both]);
    }
    if let Some(admin) = &engine.admin {
        command.args(["--metrics", &format!("{admin}/metrics")]);
    }
    if let Some(commit) = commit() {
        command.args(["--label", &format!("commit={commit}")]);
    }
    command.arg("--json").arg(&json).arg("--html").arg(&page);
    let mut play = || centre.finish("shikaku-loadgen", &mut command);
    let (finished, sent) = match lines {
        0 => (play(), None),
        lines => {
            let (finished, sent) = deltas::send_during(&centre, &engine, lines, play);
            (finished, Some(sent?))
        }
    };
    let Ok(bytes) = fs::read(&json) else {
        return Err(finished.err().unwrap_or(BenchError::Report { field: "file" }));
    };
    let result: RunResult =
        serde_json::from_slice(&bytes).map_err(|_| BenchError::Report { field: "file" })?;
    match result.total.counts.wrong {
        0 => {
            let daily = sent.map(|sent| sent.table(&result)).transpose()?;
            let daily = daily.map_or_else(String::new, |table| format!("\n{table}"));
            Ok(format!("{}{daily}\nthe page: {}", Summary(&result), page.display()))
        }
        count => Err(BenchError::WrongAnswers { count }),
    }
}

/// The population that the centre made.
fn spec(persons: u64) -> Result<PopulationSpec, BenchError> {
    let date = Day::parse(DATE).map_err(|_| BenchError::Report { field: "date" })?;
    Ok(PopulationSpec { persons, seed: SEED, date })
}

/// The commit that is measured, marked where files differ from it; `None` outside a repository.
fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--abbrev=12", "--dirty", "--exclude", "*"];
    let output = Command::new("git").args(describe).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
