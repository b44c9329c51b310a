//! One comparison: two pictures to a score, the score to one of three outcomes.

use crate::FaceError;
use crate::align::{Point, aligned, square};
use crate::decode::Picture;
use crate::detect::Face;
use crate::manifest::{Input, Manifest, Role};
use crate::network::Network;
use crate::wipe::wipe;
use serde::{Deserialize, Serialize};

/// A face as a vector of length 1.
///
/// It is a biometric template: it has no `Debug` and no serialisation, and is overwritten when it is
/// dropped.
pub struct Embedding(Vec<f32>);

impl Drop for Embedding {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl Embedding {
    /// Brings a vector to length 1; nothing when it has no direction.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Option<Self> {
        let length = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if !length.is_normal() {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the vector is in f32")]
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        Some(Self(values))
    }

    /// The cosine of the angle between two faces, -1 to 1; of vectors of two models it means nothing.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }
}

/// The embedder, ready to run.
#[derive(Clone)]
pub struct Embedder {
    name: String,
    network: Network,
    input: Input,
}

impl Embedder {
    /// Loads the manifest's embedder.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`].
    pub fn load(manifest: &Manifest) -> Result<Self, FaceError> {
        let model = manifest.model(Role::Embedder)?;
        let network = manifest.network(model)?;
        Ok(Self { name: model.name.clone(), network, input: model.input.clone() })
    }

    /// What the model takes.
    #[must_use]
    pub const fn input(&self) -> &Input {
        &self.input
    }

    /// The embedding of a face in a picture.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`]: also when the landmarks, which are the
    /// detector's answer, make no face.
    pub fn embed(&self, picture: &Picture, face: &Face) -> Result<Embedding, FaceError> {
        self.embed_as(picture, &face.landmarks, &self.input)
    }

    /// The same with landmarks and a form of the input that may be wrong on purpose, see
    /// [`crate::probe`].
    pub(crate) fn embed_as(
        &self,
        picture: &Picture,
        landmarks: &[Point; 5],
        input: &Input,
    ) -> Result<Embedding, FaceError> {
        let refuse = |what| FaceError::ModelOutput { name: self.name.clone(), what };
        let values = aligned(picture, landmarks, input);
        let values = values.ok_or_else(|| refuse("landmarks that make no face"))?;
        Embedding::new(self.network.run_once(values)?)
            .ok_or_else(|| refuse("a vector without a direction"))
    }
}

/// Passive liveness, ready to run.
#[derive(Clone)]
pub struct Liveness {
    network: Network,
    input: Input,
    crop_scale: f32,
}

impl Liveness {
    /// Loads the manifest's liveness model.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`].
    pub fn load(manifest: &Manifest) -> Result<Self, FaceError> {
        let model = manifest.model(Role::Liveness)?;
        let network = manifest.network(model)?;
        let crop_scale = model.input.crop_scale.unwrap_or(1.0);
        Ok(Self { network, input: model.input.clone(), crop_scale })
    }

    /// The logit of a living person before the camera, against a print, a screen or a mask. Which
    /// error rates belong to a logit stands in the manifest; 0 has no meaning of its own.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn logit(&self, picture: &Picture, face: &Face) -> Result<f32, FaceError> {
        let side = face.size() * self.crop_scale;
        let values = square(picture, face.centre(), side, &self.input);
        Ok(self.network.run_once(values)?.first().copied().unwrap_or_default())
    }
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The same person, at the false-match rate that was asked for.
    Match,
    /// Two people, as far as a score can tell.
    NoMatch,
    /// Neither is sure enough: a person decides.
    ReferToStaff,
}

impl Outcome {
    /// From a score, the threshold at the wanted false-match rate, and the one at the highest rate
    /// that the model was calibrated for: below that one nobody need look again.
    #[must_use]
    pub fn of(score: f64, threshold: f64, lowest: f64) -> Self {
        if score >= threshold {
            Self::Match
        } else if score >= lowest {
            Self::ReferToStaff
        } else {
            Self::NoMatch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_knows_direction_and_not_length() {
        let face = Embedding::new(vec![3.0, 4.0]).unwrap();
        let longer = Embedding::new(vec![300.0, 400.0]).unwrap();
        let across = Embedding::new(vec![-4.0, 3.0]).unwrap();
        assert!((face.similarity(&longer) - 1.0).abs() < 1e-6);
        assert!(face.similarity(&across).abs() < 1e-6);
        assert!(Embedding::new(vec![0.0; 4]).is_none());
        assert!(Embedding::new(vec![f32::INFINITY, 1.0]).is_none());
    }

    #[test]
    fn between_sure_and_surely_not_staff_decide() {
        assert_eq!(Outcome::of(0.5, 0.5, 0.2), Outcome::Match);
        assert_eq!(Outcome::of(0.49, 0.5, 0.2), Outcome::ReferToStaff);
        assert_eq!(Outcome::of(0.2, 0.5, 0.2), Outcome::ReferToStaff);
        assert_eq!(Outcome::of(0.19, 0.5, 0.2), Outcome::NoMatch);
    }
}
