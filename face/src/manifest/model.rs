//! One model's entry: the form, its limits, and what scores mean.

use crate::FaceError;
use crate::network::MODEL_BYTES_MAX;
use crate::policy::ModelName;
use serde::Deserialize;
use std::path::Path;

/// The longest side of a model's input in pixels.
const INPUT_SIDE_MAX: u32 = 1280;

/// What a model is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Finds faces and their landmarks.
    Detector,
    /// Makes the landmarks of an aligned face exact.
    Landmarks,
    /// Makes a vector of an aligned face.
    Embedder,
    /// Tells a person from a print or a screen.
    Liveness,
    /// Tells whether something hides an aligned face.
    Covering,
}

impl Role {
    /// The role's name in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Landmarks => "landmarks",
            Self::Embedder => "embedder",
            Self::Liveness => "liveness",
            Self::Covering => "covering",
        }
    }
}

/// What may hide a face from a camera.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Cover {
    /// A mask over the mouth, with or without the nose.
    Mask,
    /// Glasses through which no eyes are seen.
    DarkGlasses,
    /// Eyes that are shut.
    ClosedEyes,
}

impl Cover {
    /// All of them, in the order of a covering model's outputs.
    pub const ALL: [Self; 3] = [Self::Mask, Self::DarkGlasses, Self::ClosedEyes];
}

/// One model. Fields without a meaning to the program are for the people who answer for its use.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct Model {
    pub role: Role,
    pub name: String,
    pub vendor: String,
    pub licence: String,
    pub licence_file: String,
    pub training_data: String,
    pub intended_use: String,
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub input: Input,
    pub output: Output,
    #[serde(default)]
    pub limits: Option<Limits>,
    #[serde(default, rename = "threshold")]
    pub thresholds: Vec<Threshold>,
    pub self_test: SelfTest,
}

/// What a model takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input's name in the graph.
    pub name: String,
    /// The order of the axes.
    pub layout: Layout,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The channels and their order.
    pub channels: Channels,
    /// Subtracted from each byte; one per channel.
    pub mean: Vec<f32>,
    /// Multiplied afterwards; one per channel.
    pub scale: Vec<f32>,
    /// `arcface-112` for an embedder, landmarks or covering, `letterbox` for a detector.
    #[serde(default)]
    pub alignment: Option<String>,
    /// Liveness: the side of the square crop in sides of the face's box.
    #[serde(default)]
    pub crop_scale: Option<f32>,
}

/// The order of a tensor's axes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// A model's channels.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Brightness after BT.601.
    Grey,
}

impl Channels {
    /// How many there are.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Grey => 1,
        }
    }

    /// The channels of one pixel; the last ones are unused where there are fewer than three.
    #[must_use]
    pub fn of(self, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Rgb => [red, green, blue],
            Self::Bgr => [blue, green, red],
            Self::Grey => [0.299 * red + 0.587 * green + 0.114 * blue, 0.0, 0.0],
        }
    }
}

/// What a model answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct Output {
    pub name: String,
    pub dimension: usize,
    pub normalised: bool,
    pub metric: Metric,
}

/// How a vendor measures the likeness of two vectors, and so what the scores of its thresholds mean.
/// In memory all are cosines: between vectors of length 1 each is a function of the others.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Not a matter of vectors: all but the embedder.
    None,
    /// The cosine of their angle: -1 to 1, more is more alike.
    Cosine,
    /// The distance of vectors of length 1: 0 to 2, less is more alike.
    Euclidean,
    /// The square of that distance: 0 to 4.
    SquaredEuclidean,
}

impl Metric {
    /// Its name in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::SquaredEuclidean => "squared-euclidean",
        }
    }

    /// The cosine that belongs to a score.
    #[must_use]
    pub fn cosine(self, score: f64) -> f64 {
        match self {
            Self::None | Self::Cosine => score,
            Self::Euclidean => 1.0 - score * score / 2.0,
            Self::SquaredEuclidean => 1.0 - score / 2.0,
        }
    }

    /// The score that belongs to a cosine.
    #[must_use]
    pub fn score(self, cosine: f64) -> f64 {
        match self {
            Self::None | Self::Cosine => cosine,
            Self::Euclidean => (2.0 - 2.0 * cosine).max(0.0).sqrt(),
            Self::SquaredEuclidean => 2.0 - 2.0 * cosine,
        }
    }

    /// What its scores may be.
    const fn range(self) -> [f64; 2] {
        match self {
            Self::None => [f64::MIN, f64::MAX],
            Self::Cosine => [-1.0, 1.0],
            Self::Euclidean => [0.0, 2.0],
            Self::SquaredEuclidean => [0.0, 4.0],
        }
    }
}

/// What a model may take at most: times in milliseconds, memory in MiB.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct Limits {
    pub load_ms_max: u64,
    pub inference_ms_max: u64,
    #[serde(default)]
    pub memory_mib_max: Option<u64>,
}

/// A score and the error rates that were measured at it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct Threshold {
    #[serde(default)]
    pub fmr: Option<f64>,
    #[serde(default)]
    pub fnmr: Option<f64>,
    #[serde(default)]
    pub apcer: Option<f64>,
    #[serde(default)]
    pub bpcer: Option<f64>,
    #[serde(default)]
    pub cover: Option<Cover>,
    #[serde(default)]
    pub found: Option<f64>,
    #[serde(default)]
    pub refused: Option<f64>,
    pub score: f64,
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    pub set: String,
    #[serde(default)]
    pub impostor_pairs: Option<u64>,
    pub date: String,
}

/// What the model must answer to the ramp `byte(i) = (i * 31) % 256` over its input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct SelfTest {
    pub golden: Vec<f32>,
    pub tolerance: f32,
}

impl Model {
    /// How an audit names this model.
    #[must_use]
    pub fn audit_name(&self) -> ModelName {
        let sha256 = self.sha256.chars().take(16).collect();
        ModelName { role: self.role.name(), name: self.name.clone(), sha256 }
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let channels = self.input.channels.count();
        let sides = 1..=INPUT_SIDE_MAX;
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let file = Path::new(&self.file);
        let is_rate = |rate: Option<f64>| rate.is_none_or(|rate| rate > 0.0 && rate < 1.0);
        let [least, most] = self.output.metric.range();
        let checks = [
            (self.size > MODEL_BYTES_MAX, "its size is above 512 MiB"),
            (self.licence.trim().is_empty(), "a licence is missing: name the terms of use"),
            (
                file.components().count() != 1 || file.is_absolute() || self.file == "..",
                "its file must lie beside the manifest",
            ),
            (
                !sides.contains(&self.input.width) || !sides.contains(&self.input.height),
                "input sides of 1 to 1280 pixels can be used",
            ),
            (
                self.input.mean.len() != channels || self.input.scale.len() != channels,
                "mean and scale need one number for each channel",
            ),
            (
                !is_finite(&self.input.mean) || !is_finite(&self.input.scale),
                "mean and scale must be finite",
            ),
            (
                self.self_test.golden.is_empty() || !is_finite(&self.self_test.golden),
                "the self-test needs its golden output",
            ),
            (
                !(0.0..=0.1).contains(&self.self_test.tolerance),
                "the self-test's tolerance must lie from 0 to 0.1",
            ),
            (
                (self.role == Role::Embedder) == (self.output.metric == Metric::None),
                "an embedder needs the metric cosine, euclidean or squared-euclidean, others none",
            ),
            (
                !self.thresholds.iter().all(|row| is_rate(row.fmr) && is_rate(row.apcer)),
                "rates lie above 0 and below 1",
            ),
            (
                !self.thresholds.iter().all(|row| (least..=most).contains(&row.score)),
                "a threshold's score is outside of what its metric can be",
            ),
            (
                self.role == Role::Embedder && self.self_test.golden.len() != self.output.dimension,
                "the golden output must have the output's dimension",
            ),
            (
                !self.has_its_covers(),
                "a covering model needs one threshold each for mask, dark-glasses and closed-eyes, others none",
            ),
        ];
        checks.iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// Whether each cover has one threshold where the role asks for it, and none elsewhere.
    fn has_its_covers(&self) -> bool {
        let rows =
            |cover: Cover| self.thresholds.iter().filter(|row| row.cover == Some(cover)).count();
        let wanted = usize::from(self.role == Role::Covering);
        let is_whole = Cover::ALL.into_iter().all(|cover| rows(cover) == wanted);
        is_whole && (wanted == 0 || self.thresholds.len() == Cover::ALL.len())
    }

    /// Makes cosines of a vendor's distances, so that more is more alike everywhere.
    pub(super) fn bring_to_cosines(&mut self) {
        let metric = self.output.metric;
        for row in &mut self.thresholds {
            row.score = metric.cosine(row.score);
            let ends = row.interval.map(|ends| ends.map(|end| metric.cosine(end)));
            row.interval = ends.map(|[a, b]| [a.min(b), a.max(b)]);
        }
    }

    /// The logit from which a face counts as hidden so. Of no other role is any face hidden.
    #[must_use]
    pub fn cover_threshold(&self, cover: Cover) -> f32 {
        let row = self.thresholds.iter().find(|row| row.cover == Some(cover));
        #[expect(clippy::cast_possible_truncation, reason = "logits are in f32")]
        row.map_or(f32::INFINITY, |row| row.score as f32)
    }

    /// The cosine from which two faces count as one person's at a false-match rate.
    ///
    /// # Errors
    /// [`FaceError::NoThreshold`]: a rate is never guessed from others.
    pub fn threshold(&self, fmr: f64) -> Result<&Threshold, FaceError> {
        let is_it = |threshold: &&Threshold| {
            threshold.fmr.is_some_and(|one| (one / fmr - 1.0).abs() < 1e-6)
        };
        self.thresholds.iter().find(is_it).ok_or(FaceError::NoThreshold { fmr })
    }
}
