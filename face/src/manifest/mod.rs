//! `manifest.toml`: which models there are, what they take and answer, and what they are good for.

mod model;
#[cfg(test)]
mod tests;

pub use model::{
    Channels, Cover, Input, Layout, Limits, Metric, Model, Output, Role, SelfTest, Threshold,
};

use crate::FaceError;
use crate::covering;
use crate::detect;
use crate::network::Network;
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

/// How far from 1 the length of a vector may be that a model has normalised in f32.
const UNIT_LENGTH_ERROR_MAX: f64 = 1e-3;

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
        let mut manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if manifest.schema != SCHEMA {
            return Err(format!("schema {} is unknown: {SCHEMA} is read", manifest.schema));
        }
        if manifest.models.len() > MODELS_MAX {
            return Err(format!("more than {MODELS_MAX} models"));
        }
        for model in &mut manifest.models {
            model.check().map_err(|reason| format!("model {}: {reason}", model.name))?;
            model.bring_to_cosines();
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
            Role::Covering => covering::OUTPUTS,
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
        if model.output.normalised {
            let length = answer.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if (length - 1.0).abs() > UNIT_LENGTH_ERROR_MAX {
                return Err(wrong(
                    "vectors whose length is not 1, and its manifest says normalised",
                ));
            }
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
