//! `compare`: a card's photograph with frames of the camera, as the kiosk does it.

use super::{JSON_SCHEMA, json, say};
use clap::Args;
use serde::Serialize;
use shikaku_face::FaceError;
use shikaku_face::attempt::{Attempt, Audit, Look, Step};
use shikaku_face::decode;
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::{CardFace, Pipeline};
use shikaku_face::policy::{FRAMES_MAX, Policy, TRIES_MAX};
use shikaku_face::quality::{Advice, Quality};
use shikaku_face::verify::Outcome;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Compare {
    /// The manifest of the models.
    #[arg(long, default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// The false-match rate over all frames and tries: of how many strangers one may pass.
    #[arg(long, default_value_t = 1e-2)]
    fmr: f64,
    /// Usable frames that a decision takes; by default as many as are given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(FRAMES_MAX)))]
    frames: Option<u32>,
    /// Tries that a person has in all.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(TRIES_MAX)))]
    tries: u32,
    /// The manifest's row of liveness: the part of attacks that may pass.
    #[arg(long, default_value_t = 0.1, conflicts_with = "without_liveness")]
    apcer: f64,
    /// Does not ask whether somebody lives.
    #[arg(long)]
    without_liveness: bool,
    /// Writes JSON.
    #[arg(long)]
    json: bool,
    /// The card's photograph: JPEG, PNG or JPEG 2000.
    card: PathBuf,
    /// The camera's frames: JPEG, PNG or JPEG 2000.
    #[arg(required = true, num_args = 1..=usize::try_from(FRAMES_MAX).unwrap_or(1))]
    frame: Vec<PathBuf>,
}

/// What a program reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    schema: u32,
    card: &'a Path,
    frames: Vec<Frame<'a>>,
    /// Nothing when too few frames could be used.
    audit: Option<Audit>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    file: &'a Path,
    quality: Option<Quality>,
    advice: Option<Advice>,
    score: Option<f64>,
    liveness: Option<f64>,
}

pub(crate) fn compare(args: &Compare) -> Result<ExitCode, FaceError> {
    let manifest = Manifest::read(&args.manifest)?;
    let given = u32::try_from(args.frame.len()).unwrap_or(FRAMES_MAX);
    let policy = Policy {
        fmr: args.fmr,
        frames: args.frames.unwrap_or(given),
        tries: args.tries,
        apcer: (!args.without_liveness).then_some(args.apcer),
    };
    let rule = policy.rule(&manifest)?;
    let pipeline = Pipeline::load(&manifest, &rule)?;
    let card = pipeline.card_face(&decode::read(&args.card)?)?;
    let mut attempt = Attempt::begin(Instant::now());
    let mut told = Told { schema: JSON_SCHEMA, card: &args.card, frames: Vec::new(), audit: None };
    for file in &args.frame {
        let begun = Instant::now();
        let (frame, look) = look(&pipeline, &card, file)?;
        told.frames.push(frame);
        let step;
        (attempt, step) = attempt.then(look, &rule, begun.elapsed(), Instant::now());
        if let Step::Decided(_, audit) = step {
            told.audit = Some(audit);
            break;
        }
    }
    if args.json {
        say(json(&told).trim_end());
    } else {
        told.frames.iter().for_each(Frame::say);
        say(&format!(
            "threshold {:.4}: a false-match rate of {:e} over {} frames and {} tries, {:e} for one comparison",
            rule.threshold, policy.fmr, policy.frames, policy.tries, rule.threshold_fmr
        ));
        say_outcome(told.audit.as_ref(), policy.frames);
    }
    let is_match = told.audit.is_some_and(|audit| audit.outcome == Outcome::Match);
    Ok(ExitCode::from(u8::from(!is_match) * 2))
}

fn look<'a>(
    pipeline: &Pipeline,
    card: &CardFace,
    file: &'a Path,
) -> Result<(Frame<'a>, Look), FaceError> {
    let picture = decode::read(file)?;
    let empty = Frame { file, quality: None, advice: None, score: None, liveness: None };
    Ok(match pipeline.measured(&picture)? {
        Err(advice) => (Frame { advice: Some(advice), ..empty }, Look::Poor(advice)),
        Ok((face, quality)) => {
            let frame = Frame { quality: Some(quality), ..empty };
            match quality.advice() {
                Some(advice) => (Frame { advice: Some(advice), ..frame }, Look::Poor(advice)),
                None => match pipeline.compare(card, &picture, &face)? {
                    look @ Look::Usable { score, liveness } => {
                        (Frame { score: Some(score), liveness, ..frame }, look)
                    }
                    look @ Look::Poor(advice) => (Frame { advice: Some(advice), ..frame }, look),
                },
            }
        }
    })
}

impl Frame<'_> {
    fn say(&self) {
        let name = self.file.display();
        let advice = self.advice.map(|advice| format!("not used: {}", advice.sentence()));
        let score = self.score.map(|score| match self.liveness {
            Some(logit) => format!("score {score:.4}, liveness {logit:.2}"),
            None => format!("score {score:.4}"),
        });
        say(&format!("{name}: {}", advice.or(score).unwrap_or_default()));
        if let Some(quality) = self.quality {
            say(&format!(
                "  {:.0} pixels between the eyes, brightness {:.0}, contrast {:.0}, sharpness {:.3}, turn {:+.2}, nod {:.2}, tilt {:+.0} degrees, {:.2} off centre",
                quality.eyes_pixels,
                quality.brightness,
                quality.contrast,
                quality.sharpness,
                quality.turn,
                quality.nod,
                quality.tilt,
                quality.off_centre
            ));
            if let Some(covered) = quality.covered {
                say(&format!(
                    "  from 0 on hidden: mask {:+.1}, dark glasses {:+.1}, closed eyes {:+.1}",
                    covered.mask, covered.dark_glasses, covered.closed_eyes
                ));
            }
        }
    }
}

fn say_outcome(audit: Option<&Audit>, frames: u32) {
    let Some(audit) = audit else {
        return say(&format!("not decided: fewer than {frames} frames could be used"));
    };
    if let (Some(wanted), Some(logit)) = (audit.rule.liveness, audit.liveness) {
        let words = if logit >= wanted { "a living person" } else { "not surely a living person" };
        say(&format!("liveness {logit:.2}, {wanted:.2} is wanted: {words}"));
    }
    say(match audit.outcome {
        Outcome::Match => "match",
        Outcome::ReferToStaff => "refer to staff",
        Outcome::NoMatch => "no match",
    });
}
