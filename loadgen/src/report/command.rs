//! `shikaku-loadgen report` and `merge`: results that lie on disk.

use super::output::{Conditions, exit_code};
use super::page::Page;
use super::{ReportError, file, log, threshold};
use crate::run::result::RunResult;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Most results in one page or one merged result.
const FILES_MAX: usize = 64;
/// Writes a page about one run, or about repeats of it, and compares them with a baseline.
///
/// Exit codes as of `run`: 0 good, 1 no report, 2 INVALID numbers, 3 wrong answers, 4 a threshold
/// missed.
#[derive(clap::Args)]
pub struct ReportArgs {
    /// Results that `run --json` wrote. Several are repeats of one run; the first is shown in full.
    #[arg(required = true, num_args = 1..=FILES_MAX)]
    results: Vec<PathBuf>,
    /// Results to compare with. At least three on each side, measured in turn, tell what is
    /// chance and what is not.
    #[arg(long, num_args = 1..=FILES_MAX)]
    baseline: Vec<PathBuf>,
    /// Where the page goes.
    #[arg(long, default_value = "report.html")]
    out: PathBuf,
    /// Folder for the charts as files as well, one SVG each, for publications.
    #[arg(long)]
    charts: Option<PathBuf>,
    #[command(flatten)]
    conditions: Conditions,
}

/// Adds the results of workers that ran at the same time. Histograms are added; percentiles are
/// never averaged.
#[derive(clap::Args)]
pub struct MergeArgs {
    /// Results of workers of one run.
    #[arg(required = true, num_args = 1..=FILES_MAX)]
    results: Vec<PathBuf>,
    /// Where the merged result goes.
    #[arg(long)]
    out: PathBuf,
    /// Also write the latencies as an HdrHistogram interval log (V2, compressed).
    #[arg(long)]
    hdr_log: Option<PathBuf>,
}

/// Writes the page.
///
/// # Errors
/// [`ReportError`] when a result cannot be read or the page not be written.
pub fn report(args: &ReportArgs) -> Result<ExitCode, ReportError> {
    let mut runs = read_all(&args.results)?;
    let baseline = read_all(&args.baseline)?;
    let outcomes = runs.first_mut().map_or(Ok(Vec::new()), |first| args.conditions.judge(first))?;
    let page = Page { runs: &runs, baseline: &baseline, outcomes: &outcomes };
    let mut screen = io::stdout().lock();
    file::write(&args.out, page.html()?.as_bytes(), &mut screen)?;
    if let Some(folder) = &args.charts {
        for (name, svg) in page.svgs()? {
            file::write(&folder.join(name).with_extension("svg"), svg.as_bytes(), &mut screen)?;
        }
    }
    // Nobody to tell is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "report written to {}", args.out.display());
    Ok(runs.iter().map(|run| exit_code(run, &outcomes)).max().unwrap_or_default().into())
}

/// Merges results of workers.
///
/// # Errors
/// [`ReportError`] when a result cannot be read, does not belong to the others, or the merged one
/// cannot be written.
pub fn merge(args: &MergeArgs) -> Result<ExitCode, ReportError> {
    let mut results = read_all(&args.results)?.into_iter();
    let mut merged = results.next().ok_or_else(|| ReportError::Differ("no result".to_owned()))?;
    for result in results {
        let (own, other) = (&merged.description, &result.description);
        if own.scenario != other.scenario || own.model != other.model {
            let differ = format!("{} and {}", own.scenario, other.scenario);
            return Err(ReportError::Differ(differ));
        }
        merged.merge(result);
    }
    let json = file::to_json(&merged)?;
    let mut screen = io::stdout().lock();
    file::write(&args.out, &json, &mut screen)?;
    if let Some(path) = &args.hdr_log {
        file::write(path, &log::interval_log(&merged)?, &mut screen)?;
    }
    Ok(exit_code(&merged, &threshold::judge(&merged)?).into())
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<RunResult>, ReportError> {
    paths.iter().map(|path| file::read(path)).collect()
}
