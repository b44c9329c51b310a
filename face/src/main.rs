//! `shikaku-face`: checks models and compares pictures.

mod measure;

use clap::{Args, Parser, Subcommand};
use measure::{Calibrate, Evaluate};
use shikaku_face::FaceError;
use shikaku_face::decode::{self, Picture};
use shikaku_face::detect::{Detector, Face, NoFace};
use shikaku_face::manifest::{Manifest, Model, Role};
use shikaku_face::verify::{Embedder, Liveness, Outcome};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often `check-model` runs each model to time it.
const TIMED_RUNS: u64 = 20;

/// Checks face models and compares pictures. Nothing is stored.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load every model of a manifest, run its self-test and time it.
    CheckModel {
        /// The manifest.
        #[arg(default_value = "models/manifest.toml")]
        manifest: PathBuf,
    },
    /// Compare the faces of two pictures: the card's photograph and a frame of the camera.
    Compare(Compare),
    /// Measure error rates on a set of pictures and write a report.
    Evaluate(Evaluate),
    /// Measure thresholds on a set of pictures and write them into the manifest.
    Calibrate(Calibrate),
}

#[derive(Args)]
struct Compare {
    /// The manifest of the models.
    #[arg(long, default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// The false-match rate: of how many pairs of strangers one may pass. The manifest lists them.
    #[arg(long, default_value_t = 1e-3)]
    fmr: f64,
    /// The card's photograph: JPEG, PNG or JPEG 2000.
    card: PathBuf,
    /// The camera's frame: JPEG, PNG or JPEG 2000.
    frame: PathBuf,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::CheckModel { manifest } => check_models(&manifest),
        Command::Compare(args) => compare(&args),
        Command::Evaluate(args) => measure::evaluate(&args),
        Command::Calibrate(args) => measure::calibrate(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the command's error is for its user")]
            {
                eprintln!("shikaku-face: {} {error}\n{}", error.code(), error.ja());
            }
            ExitCode::FAILURE
        }
    }
}

/// To the user; when nobody reads it there is nothing left to do.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn check_models(path: &Path) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(path)?;
    for model in manifest.models() {
        check_model(&manifest, model)?;
    }
    say("All models keep what the manifest says.");
    Ok(ExitCode::SUCCESS)
}

fn check_model(manifest: &Manifest, model: &Model) -> Result<(), FaceError> {
    let bar = indicatif::ProgressBar::new(TIMED_RUNS).with_message(model.name.clone());
    bar.set_style(
        indicatif::ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let start = Instant::now();
    let network = manifest.network(model)?;
    let load = start.elapsed();
    let input = vec![0.0; network.inputs()];
    let mut times = Vec::new();
    for _ in 0..TIMED_RUNS {
        let start = Instant::now();
        network.run(&input)?;
        times.push(start.elapsed());
        bar.inc(1);
    }
    bar.finish_and_clear();
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    say(&format!(
        "{} ({}): self-test passed, loaded and tested in {load:.0?}, runs in {median:.2?} (median of {TIMED_RUNS}); {}",
        model.name,
        model.role.name(),
        model.licence
    ));
    if let Some(limits) = &model.limits {
        let limits = [(load, limits.load_ms_max), (median, limits.inference_ms_max)];
        if limits.iter().any(|(took, most)| *took > Duration::from_millis(*most)) {
            let what = "more slowly than its manifest's limits on this machine";
            return Err(FaceError::ModelOutput { name: model.name.clone(), what });
        }
    }
    Ok(())
}

fn compare(args: &Compare) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(&args.manifest)?;
    let model = manifest.model(Role::Embedder)?;
    let threshold = model.threshold(args.fmr)?.score;
    let lowest = model.thresholds.iter().map(|one| one.score).fold(threshold, f64::min);
    let (detector, embedder) = (Detector::load(&manifest)?, Embedder::load(&manifest)?);
    let card = Seen::read(&args.card, &detector)?;
    let frame = Seen::read(&args.frame, &detector)?;
    let (Ok(card_face), Ok(frame_face)) = (&card.face, &frame.face) else {
        for (path, seen) in [(&args.card, &card), (&args.frame, &frame)] {
            match seen.face {
                Err(NoFace::Nobody) => say(&format!(
                    "{}: no face is seen: light it from the front and come nearer",
                    path.display()
                )),
                Err(NoFace::Several) => say(&format!(
                    "{}: several faces are seen: only one person may be before the camera",
                    path.display()
                )),
                Ok(_) => {}
            }
        }
        return Ok(ExitCode::from(2));
    };
    let on_card = embedder.embed(&card.picture, card_face)?;
    let score = on_card.similarity(&embedder.embed(&frame.picture, frame_face)?);
    let outcome = Outcome::of(score, threshold, lowest);
    say(&format!(
        "score {score:.4}, threshold {threshold:.4} at a false-match rate of {:e}",
        args.fmr
    ));
    if manifest.models().iter().any(|model| model.role == Role::Liveness) {
        let logit = Liveness::load(&manifest)?.logit(&frame.picture, frame_face)?;
        say(&format!(
            "liveness score {logit:.2}; the manifest says which error rates belong to it"
        ));
    }
    say(match outcome {
        Outcome::Match => "match",
        Outcome::ReferToStaff => "refer to staff",
        Outcome::NoMatch => "no match",
    });
    Ok(ExitCode::from(u8::from(outcome != Outcome::Match) * 2))
}

/// A picture and the one face that it shows.
struct Seen {
    picture: Picture,
    face: Result<Face, NoFace>,
}

impl Seen {
    fn read(path: &Path, detector: &Detector) -> Result<Self, FaceError> {
        let picture = decode::read(path)?;
        let face = detector.only(&picture)?;
        Ok(Self { picture, face })
    }
}
