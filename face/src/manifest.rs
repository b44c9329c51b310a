//! `manifest.toml`: which models there are, what they take and answer, and what they are good for.

use crate::FaceError;
use crate::detect;
use crate::network::{MODEL_BYTES_MAX, Network};
use crate::refine;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// The manifest's form that this program reads.
const SCHEMA: u32 = 1;
/// The most bytes of a manifest: a model's entry has about 8 kB.
const MANIFEST_BYTES_MAX: u64 = 256 << 10;
/// The most models of a manifest.
const MODELS_MAX: usize = 16;
/// The longest side of a model's input in pixels.
const INPUT_SIDE_MAX: u32 = 1280;

/// All models, as the manifest describes them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    schema: u32,
    #[serde(rename = "model")]
    models: Vec<Model>,
    #[serde(skip)]
    path: PathBuf,
}

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
        }
    }
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
    file: String,
    size: u64,
    sha256: String,
    pub input: Input,
    pub output: Output,
    #[serde(default)]
    pub limits: Option<TimeLimits>,
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
    /// `arcface-112` for an embedder or landmarks, `letterbox` for a detector.
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
    pub metric: String,
}

/// How long a model may take, in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names say it; `models/README.md` describes the form")]
pub struct TimeLimits {
    pub load_ms_max: u64,
    pub inference_ms_max: u64,
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

impl Manifest {
    /// Reads a manifest and checks all that can be checked without the models' files.
    ///
    /// # Errors
    /// [`FaceError::File`] and [`FaceError::Manifest`].
    pub fn read(path: &Path) -> Result<Self, FaceError> {
        let bytes = read_limited(path, MANIFEST_BYTES_MAX)?;
        let refuse = |reason: String| FaceError::Manifest { path: path.to_owned(), reason };
        let text = str::from_utf8(&bytes).map_err(|_| refuse("not UTF-8".to_owned()))?;
        let mut manifest = Self::parse(text).map_err(refuse)?;
        path.clone_into(&mut manifest.path);
        Ok(manifest)
    }

    /// Parses a manifest's text; the error says what is wrong and where.
    ///
    /// # Errors
    /// A sentence for the person who wrote the manifest.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if manifest.schema != SCHEMA {
            return Err(format!("schema {} is unknown: {SCHEMA} is read", manifest.schema));
        }
        if manifest.models.len() > MODELS_MAX {
            return Err(format!("more than {MODELS_MAX} models"));
        }
        for model in &manifest.models {
            model.check().map_err(|reason| format!("model {}: {reason}", model.name))?;
        }
        Ok(manifest)
    }

    /// All models in the manifest's order.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of a role.
    ///
    /// # Errors
    /// [`FaceError::NoModel`].
    pub fn model(&self, role: Role) -> Result<&Model, FaceError> {
        let model = self.models.iter().find(|model| model.role == role);
        model.ok_or(FaceError::NoModel { role: role.name() })
    }

    /// A model, loaded and through its self-test: it takes and answers what the manifest says, the
    /// same each time.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`], [`FaceError::SelfTest`], [`FaceError::File`].
    pub fn network(&self, model: &Model) -> Result<Network, FaceError> {
        let onnx = self.onnx(model)?;
        let network = Network::load(&model.name, &onnx, &model.input, &model.output.name)?;
        let wanted = match model.role {
            Role::Detector => detect::outputs(&model.input),
            Role::Landmarks => refine::OUTPUTS,
            Role::Embedder => model.output.dimension,
            Role::Liveness => 1,
        };
        let wrong = |what| FaceError::ModelOutput { name: model.name.clone(), what };
        if network.outputs() != wanted {
            return Err(wrong("another number of values than its role and manifest ask for"));
        }
        let ramp = ramp(&model.input);
        let answer = network.run(&ramp)?;
        if network.run(&ramp)? != answer {
            return Err(wrong("the same input differently each time"));
        }
        let pairs = answer.iter().zip(&model.self_test.golden);
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let tolerance = model.self_test.tolerance;
        if difference > tolerance {
            return Err(FaceError::SelfTest { name: model.name.clone(), difference, tolerance });
        }
        Ok(network)
    }

    /// The bytes of a model's file, when they are the ones that the manifest describes.
    ///
    /// # Errors
    /// [`FaceError::File`] and [`FaceError::ModelChanged`].
    pub fn onnx(&self, model: &Model) -> Result<Vec<u8>, FaceError> {
        let path = self.path.parent().unwrap_or(Path::new("")).join(&model.file);
        let changed = |what| FaceError::ModelChanged { path: path.clone(), what };
        let bytes = read_limited(&path, model.size).map_err(|error| {
            if matches!(error, FaceError::Manifest { .. }) { changed("size") } else { error }
        })?;
        if bytes.len() as u64 != model.size {
            return Err(changed("size"));
        }
        let digest = Sha256::digest(&bytes);
        let is_same = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if is_same != model.sha256.to_ascii_lowercase() {
            Err(changed("sha256"))
        } else {
            Ok(bytes)
        }
    }
}

impl Model {
    fn check(&self) -> Result<(), &'static str> {
        let channels = self.input.channels.count();
        let sides = 1..=INPUT_SIDE_MAX;
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let file = Path::new(&self.file);
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
                self.role == Role::Embedder && self.output.metric != "cosine",
                "the metric cosine can be used",
            ),
            (
                self.role == Role::Embedder && self.self_test.golden.len() != self.output.dimension,
                "the golden output must have the output's dimension",
            ),
        ];
        checks.iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, reason)| Err(reason))
    }

    /// The score from which two faces count as one person's at a false-match rate.
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

/// The self-test's input: bytes that rise by 31 along the tensor's memory, normalised.
fn ramp(input: &Input) -> Vec<f32> {
    let channels = input.channels.count();
    let area = input.width as usize * input.height as usize;
    let value = |index: usize| {
        let channel = match input.layout {
            Layout::Nchw => index / area,
            Layout::Nhwc => index % channels,
        };
        let byte = u8::try_from(index * 31 % 256).map(f32::from).unwrap_or_default();
        let mean = input.mean.get(channel).copied().unwrap_or_default();
        (byte - mean) * input.scale.get(channel).copied().unwrap_or_default()
    };
    (0..area * channels).map(value).collect()
}

/// A file of at most `bytes_max`.
fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FaceError> {
    let bytes = fs::metadata(path).map_err(|error| FaceError::file(path, error))?.len();
    if bytes > bytes_max {
        let reason = format!("{bytes} bytes, {bytes_max} are the most");
        return Err(FaceError::Manifest { path: path.to_owned(), reason });
    }
    fs::read(path).map_err(|error| FaceError::file(path, error))
}
