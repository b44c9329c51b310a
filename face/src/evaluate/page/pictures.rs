//! The pairs that come nearest to an error, as the models see them.

use super::Report;
use crate::align::aligned;
use crate::evaluate::rates::Score;
use crate::evaluate::set::{Sample, Set};
use crate::manifest::{Channels, Input, Layout};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::ImageEncoder as _;
use image::codecs::png::PngEncoder;
use maud::{Markup, html};
use shikaku_page::both;
use std::path::Path;

/// Side of a face in pixels.
const SIDE: u32 = 112;

/// A person's own pictures that are least alike, and strangers that are most alike.
pub(super) fn worst(report: &Report<'_>) -> Markup {
    let scores = &report.evaluation.scores;
    let [refused, taken] = [
        ("本人なのに似ていない", "one person, least alike", scores.genuine()),
        ("他人なのに似ている", "two people, most alike", scores.impostor()),
    ]
    .map(|(ja, en, scores)| {
        html! {
            h3 { (both(ja, en)) }
            div.faces { @for score in scores.iter().take(report.pictures) { (pair(report, score)) } }
        }
    });
    html! {
        p.note lang="ja" { "この頁は人の顔を含みます。取り扱いに注意してください（--pictures 0 で省けます）。" }
        p.note.en lang="en" { "This page shows people: handle it accordingly, or leave them out with --pictures 0." }
        (refused) (taken)
    }
}

fn pair(report: &Report<'_>, score: &Score) -> Markup {
    let samples = report.set.pairs().get(score.pair as usize).into_iter().flatten();
    let samples: Vec<_> =
        samples.filter_map(|sample| report.set.samples.get(*sample as usize)).collect();
    html! { figure {
        @for sample in &samples {
            @if let Some(png) = face(report, &sample.path) {
                img alt=(caption(report.set, sample)) src={ "data:image/png;base64," (png) };
            }
        }
        figcaption {
            strong { (format!("{:.3}", score.value)) } " "
            @for (number, sample) in samples.iter().enumerate() { @if number > 0 { " / " } (caption(report.set, sample)) }
        }
    } }
}

/// What a picture is called: its person and its file.
pub(super) fn caption(set: &Set, sample: &Sample) -> String {
    let person = set.people.get(sample.person).map_or("", |person| &person.name);
    let file = sample.path.file_name().unwrap_or_default().to_string_lossy();
    format!("{person}/{file}")
}

/// The aligned face of a file as PNG in base64; nothing when it changed meanwhile.
fn face(report: &Report<'_>, path: &Path) -> Option<String> {
    let (picture, face) = report.models.acquire(path).ok()?;
    let input = Input {
        name: String::new(),
        layout: Layout::Nhwc,
        width: SIDE,
        height: SIDE,
        channels: Channels::Rgb,
        mean: vec![0.0; 3],
        scale: vec![1.0; 3],
        alignment: None,
        crop_scale: None,
    };
    let values = aligned(&picture, &face.landmarks, &input)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between bytes, so from 0 to 255"
    )]
    let bytes: Vec<u8> = values.into_iter().map(|value| value.round() as u8).collect();
    let mut png = Vec::new();
    let colour = image::ExtendedColorType::Rgb8;
    PngEncoder::new(&mut png).write_image(&bytes, SIDE, SIDE, colour).ok()?;
    Some(BASE64_STANDARD.encode(png))
}
