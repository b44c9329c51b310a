//! Where a run's result goes, and what its exit code says.

use super::threshold::{self, Outcome, Threshold};
use super::{Page, ReportError, file, log};
use crate::run::result::{Description, RunResult};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code of a run whose numbers must not be used.
const EXIT_INVALID: u8 = 2;
/// Exit code of a run with wrong answers, whatever else it was.
const EXIT_WRONG: u8 = 3;
/// Exit code of a good run that missed a threshold.
const EXIT_MISSED: u8 = 4;

/// Where the result of a run goes.
#[derive(Clone, clap::Args)]
pub struct Outputs {
    /// Write everything measured as JSON to this file, for `report` and `merge`.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write the report to this file: one HTML page.
    #[arg(long)]
    html: Option<PathBuf>,
    /// Write the latencies to this file as an HdrHistogram interval log (V2, compressed).
    #[arg(long)]
    hdr_log: Option<PathBuf>,
    #[command(flatten)]
    conditions: Conditions,
}

/// What a run has to meet.
#[derive(Clone, clap::Args)]
pub(super) struct Conditions {
    /// What the run has to meet besides its own thresholds, such as "p99 < 5ms", "errors == 0",
    /// "wrong == 0", "rate >= 14900". May be given several times.
    #[arg(long = "threshold")]
    thresholds: Vec<Threshold>,
}

impl Conditions {
    /// Holds a result to them, and to those that stand in it; says what became of each.
    ///
    /// # Errors
    /// [`ReportError::Threshold`] for one in the result.
    pub(super) fn judge(&self, result: &mut RunResult) -> Result<Vec<Outcome>, ReportError> {
        let more = self.thresholds.iter().map(ToString::to_string);
        result.description.thresholds.extend(more);
        let outcomes = threshold::judge(result)?;
        let mut out = io::stderr().lock();
        for Outcome { threshold, actual, is_met } in &outcomes {
            let word = if *is_met { "met   " } else { "MISSED" };
            // Nobody to tell is no reason to fail.
            let _ = writeln!(out, "{word}  {threshold}  ({actual})");
        }
        Ok(outcomes)
    }
}

impl Outputs {
    /// Reads the thresholds of a run that is about to begin: better now than after an hour.
    ///
    /// # Errors
    /// [`ReportError::Threshold`].
    pub fn check(&self, description: &Description) -> Result<(), ReportError> {
        let read = |text: &String| text.parse::<Threshold>().map(drop);
        description.thresholds.iter().try_for_each(read)
    }

    /// Writes what was asked for; gives the exit code. One file that cannot be written keeps none
    /// of the others from being.
    ///
    /// # Errors
    /// [`ReportError`], the first one, once everything was tried.
    pub fn save(&self, mut result: RunResult) -> Result<ExitCode, ReportError> {
        let outcomes = self.conditions.judge(&mut result)?;
        let json = || file::to_json(&result);
        let page = || {
            let page =
                Page { runs: std::slice::from_ref(&result), baseline: &[], outcomes: &outcomes };
            page.html().map(String::into_bytes)
        };
        let log = || log::interval_log(&result);
        let tried = [
            save(self.json.as_ref(), json),
            save(self.html.as_ref(), page),
            save(self.hdr_log.as_ref(), log),
        ];
        tried.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(exit_code(&result, &outcomes).into())
    }
}

fn save(
    path: Option<&PathBuf>,
    content: impl FnOnce() -> Result<Vec<u8>, ReportError>,
) -> Result<(), ReportError> {
    let Some(path) = path else { return Ok(()) };
    file::write(path, &content()?, &mut io::stdout().lock())
}

/// The worst of what a run was. An invalid or wrong run cannot even be held to thresholds.
pub(super) fn exit_code(run: &RunResult, outcomes: &[Outcome]) -> u8 {
    match (run.verdict.has_wrong_answers, run.verdict.is_valid()) {
        (true, _) => EXIT_WRONG,
        (false, false) => EXIT_INVALID,
        (false, true) if outcomes.iter().any(|outcome| !outcome.is_met) => EXIT_MISSED,
        (false, true) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample};
    use super::*;

    #[test]
    fn the_exit_code_tells_the_worst() {
        let code = |kind, threshold: &str| {
            let conditions = Conditions { thresholds: vec![threshold.parse().unwrap()] };
            let mut result = sample(kind);
            let outcomes = conditions.judge(&mut result).unwrap();
            exit_code(&result, &outcomes)
        };
        assert_eq!(code(Sample::Valid, "p99 < 1s"), 0);
        assert_eq!(code(Sample::Valid, "p99 < 1us"), EXIT_MISSED);
        assert_eq!(code(Sample::Invalid, "p99 < 1us"), EXIT_INVALID);
        assert_eq!(code(Sample::Wrong, "p99 < 1s"), EXIT_WRONG);
    }

    #[test]
    fn one_file_that_cannot_be_written_keeps_none_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        // The first one's place is taken by a folder.
        std::fs::create_dir(folder.path().join("a.json")).unwrap();
        let outputs = Outputs {
            json: path("a.json"),
            html: path("a.html"),
            hdr_log: path("a.hlog"),
            conditions: Conditions { thresholds: Vec::new() },
        };
        assert!(matches!(outputs.save(sample(Sample::Valid)), Err(ReportError::Write { .. })));
        let page = std::fs::read_to_string(folder.path().join("a.html")).unwrap();
        assert!(page.contains("VALID"));
        assert!(folder.path().join("a.hlog").exists());
        let _ = std::fs::remove_file(std::env::temp_dir().join("a.json"));
    }
}
