//! `evaluate` and `calibrate`.

use super::{json, say};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use shikaku_face::FaceError;
use shikaku_face::evaluate::calibrate::{EXPECTED_MIN, Source, with_thresholds};
use shikaku_face::evaluate::rates::{FALSE_MATCH_RATES, Point};
use shikaku_face::evaluate::set::Set;
use shikaku_face::evaluate::{Evaluation, Models, Report};
use shikaku_face::manifest::{Manifest, Role};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Evaluate {
    /// A folder of people (`person/picture` or `group/person/picture`; a picture named `card` is the
    /// card's), or a CSV file of pairs (first,second,first_person,second_person,group).
    set: PathBuf,
    /// The manifest of the models.
    #[arg(long, default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// What the report calls the set; by default its path.
    #[arg(long)]
    name: Option<String>,
    /// The report.
    #[arg(long, default_value = "face-evaluation.html")]
    out: PathBuf,
    /// Writes the numbers of the report as JSON into this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How many of the worst pairs of each kind the report shows as pictures; 0 for a report that
    /// shows nobody.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(0..=40))]
    pictures: u8,
}

#[derive(Args)]
pub(crate) struct Calibrate {
    /// As for `evaluate`: pictures of the people whom the threshold is to serve.
    set: PathBuf,
    /// The manifest, which gets the thresholds.
    #[arg(long, default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// The false-match rates, separated by commas.
    #[arg(long, required = true, value_delimiter = ',', value_parser = rate)]
    fmr: Vec<f64>,
    /// What the manifest calls the set; by default its path.
    #[arg(long)]
    name: Option<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if rate > 0.0 && rate < 1.0 { Ok(rate) } else { Err("above 0 and below 1".to_owned()) }
}

pub(crate) fn evaluate(args: &Evaluate) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(&args.manifest)?;
    let models = Models::load(&manifest)?;
    let set = Set::read(&args.set)?;
    let evaluation = run(&models, &set)?;
    let points = evaluation.scores.points(&FALSE_MATCH_RATES);
    for point in &points {
        say(&line(point));
    }
    say(&format!(
        "equal error rate {:.4}; {} of {} pictures could not be used",
        evaluation.scores.equal_error_rate(),
        evaluation.failures.len(),
        set.samples.len()
    ));
    let report = Report {
        set: &set,
        name: &args.name.clone().unwrap_or_else(|| args.set.display().to_string()),
        model: manifest.model(Role::Embedder)?,
        models: &models,
        evaluation: &evaluation,
        points: &points,
        pictures: usize::from(args.pictures),
        date: &today(),
    };
    write(&args.out, &report.html()?)?;
    if let Some(path) = &args.json {
        write(path, &json(&report.numbers()))?;
    }
    say(&format!("report: {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn calibrate(args: &Calibrate) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(&args.manifest)?;
    let models = Models::load(&manifest)?;
    let set = Set::read(&args.set)?;
    let evaluation = run(&models, &set)?;
    let pairs = evaluation.scores.impostor().len();
    let mut rates = args.fmr.clone();
    rates.sort_by(|a, b| b.total_cmp(a));
    let points = evaluation.scores.points(&rates);
    if let Some(point) = points.iter().find(|point| point.expected < EXPECTED_MIN) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive")]
        let needed = (EXPECTED_MIN / point.fmr).ceil() as u64;
        return Err(FaceError::TooFewPairs { fmr: point.fmr, pairs, needed });
    }
    let refuse = |reason| FaceError::Manifest { path: args.manifest.clone(), reason };
    let failed = |source| FaceError::File { path: args.manifest.clone(), source };
    let text = fs::read_to_string(&args.manifest).map_err(failed)?;
    let name = args.name.clone().unwrap_or_else(|| args.set.display().to_string());
    let source = Source { set: &name, impostor_pairs: pairs, date: &today() };
    let text = with_thresholds(&text, &points, &source).map_err(refuse)?;
    // What is written must be readable again.
    Manifest::parse(&text).map_err(refuse)?;
    write(&args.manifest, &text)?;
    for point in &points {
        say(&line(point));
    }
    say(&format!("thresholds written to {}", args.manifest.display()));
    Ok(ExitCode::SUCCESS)
}

fn run(models: &Models, set: &Set) -> Result<Evaluation, FaceError> {
    let bar = ProgressBar::new(set.samples.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures, {eta} left") {
        bar.set_style(style);
    }
    let evaluation = models.evaluate(set, &|| bar.inc(1));
    bar.finish_and_clear();
    evaluation
}

fn line(point: &Point) -> String {
    let [low, high] = point.fnmr.interval;
    let (fmr, threshold, fnmr) = (point.fmr, point.threshold.value, point.fnmr.value);
    if point.is_known() {
        format!("FMR {fmr:e}: threshold {threshold:.4}, FNMR {fnmr:.4} ({low:.4} to {high:.4})")
    } else {
        format!("FMR {fmr:e}: not known, the set has too few pairs of strangers")
    }
}

/// Written beside and renamed, so that a stop leaves the old file or the new one.
fn write(path: &Path, text: &str) -> Result<(), FaceError> {
    let failed = |source| FaceError::File { path: path.to_owned(), source };
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, path)).map_err(failed)
}

fn today() -> String {
    jiff::Zoned::now().date().to_string()
}
