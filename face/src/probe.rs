//! Whether a manifest describes the right use of its embedder: a wrong one must do harm.
//!
//! Converted models often come with the colours in the wrong order or another alignment, and still
//! answer something. The genuine score of two pictures of one person shows it: made wrong on purpose,
//! it must fall.

use crate::FaceError;
use crate::align::{Point, Similarity, TEMPLATE};
use crate::decode::Picture;
use crate::detect::{Detector, Face};
use crate::manifest::{Channels, Input, Manifest, Role};
use crate::verify::{Embedder, Embedding};
use serde::Serialize;

/// How far a face is moved, in pixels of the template: a tenth of the distance of the eyes.
const MOVED: f32 = 4.0;
/// The ways in which it is moved.
const WAYS: [Point; 4] = [[MOVED, 0.0], [-MOVED, 0.0], [0.0, MOVED], [0.0, -MOVED]];

/// Two pictures of one person.
pub struct Pair {
    /// The card's.
    pub card: Picture,
    /// The camera's.
    pub frame: Picture,
}

/// The mean scores of pairs, used rightly and wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// As the manifest says.
    pub score: f64,
    /// With red and blue swapped; nothing when the model sees grey.
    pub swapped: Option<f64>,
    /// With the camera's face moved by four pixels of the template, the mean of four ways.
    pub moved: f64,
}

impl Probe {
    /// Probes a manifest's embedder.
    ///
    /// # Errors
    /// [`FaceError::CardFace`] when a picture does not show one face, [`FaceError::Probe`] when what
    /// should do harm does none, and the `Model…` variants.
    pub fn run(manifest: &Manifest, pairs: &[Pair]) -> Result<Self, FaceError> {
        let (detector, embedder) = (Detector::load(manifest)?, Embedder::load(manifest)?);
        let mut faces = Vec::new();
        for pair in pairs {
            let one =
                |picture| detector.only(picture)?.map_err(|what| FaceError::CardFace { what });
            faces.push((pair, one(&pair.card)?, one(&pair.frame)?));
        }
        let mean = |score: &dyn Fn(&Pair, &Face, &Face) -> Result<f64, FaceError>| {
            let scores = faces.iter().map(|(pair, card, frame)| score(pair, card, frame));
            let scores: Vec<_> = scores.collect::<Result<_, _>>()?;
            #[expect(clippy::cast_precision_loss, reason = "a few pairs")]
            Ok::<_, FaceError>(scores.iter().sum::<f64>() / scores.len().max(1) as f64)
        };
        let usual = embedder.input();
        let as_input = |input: &Input, pair: &Pair, card: &Face, frame: &Face| {
            let card = embedder.embed_as(&pair.card, &card.landmarks, input)?;
            Ok(card.similarity(&embedder.embed_as(&pair.frame, &frame.landmarks, input)?))
        };
        let score = mean(&|pair, card, frame| as_input(usual, pair, card, frame))?;
        let swapped = swapped(usual)
            .map(|input| mean(&|pair, card, frame| as_input(&input, pair, card, frame)))
            .transpose()?;
        let moved = mean(&|pair, card, frame| {
            let card = embedder.embed(&pair.card, card)?;
            moved(&embedder, &card, &pair.frame, frame)
        })?;
        let probe = Self { score, swapped, moved };
        probe.judge(&manifest.model(Role::Embedder)?.name)?;
        Ok(probe)
    }

    fn judge(&self, name: &str) -> Result<(), FaceError> {
        let swapped = self.swapped.map(|score| (score, "swapping red and blue"));
        let moved = (self.moved, "moving the face by four pixels");
        let wrong = swapped.into_iter().chain([moved]).find(|(score, _)| *score >= self.score);
        wrong.map_or(Ok(()), |(score, what)| {
            Err(FaceError::Probe { name: name.to_owned(), what, by: score - self.score })
        })
    }
}

/// The input with red and blue in each other's place; nothing when it is grey.
fn swapped(input: &Input) -> Option<Input> {
    let channels = match input.channels {
        Channels::Rgb => Channels::Bgr,
        Channels::Bgr => Channels::Rgb,
        Channels::Grey => return None,
    };
    Some(Input { channels, ..input.clone() })
}

/// The mean score of a face that is taken from beside where it is.
fn moved(
    embedder: &Embedder,
    card: &Embedding,
    frame: &Picture,
    face: &Face,
) -> Result<f64, FaceError> {
    let Some(to_template) = Similarity::fit(&face.landmarks, &TEMPLATE) else { return Ok(0.0) };
    let back = to_template.inverse();
    let mut sum = 0.0;
    for [dx, dy] in WAYS {
        let beside = face.landmarks.map(|landmark| {
            let [x, y] = to_template.apply(landmark);
            back.apply([x + dx, y + dy])
        });
        sum += card.similarity(&embedder.embed_as(frame, &beside, embedder.input())?);
    }
    Ok(sum / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_use_that_does_no_harm_is_refused_by_name() {
        let fine = Probe { score: 0.8, swapped: Some(0.6), moved: 0.7 };
        assert!(fine.judge("m").is_ok() && Probe { swapped: None, ..fine }.judge("m").is_ok());
        let colours = Probe { swapped: Some(0.9), ..fine }.judge("m").unwrap_err().to_string();
        assert!(colours.contains("swapping red and blue") && colours.contains("0.1000"));
        let place = Probe { moved: 0.8, ..fine }.judge("m").unwrap_err().to_string();
        assert!(place.contains("four pixels"), "{place}");
    }
}
