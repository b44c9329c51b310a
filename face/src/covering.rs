//! Whether a face can be seen at all: a mask, dark glasses and closed eyes hide what a comparison
//! needs. A small network looks at the aligned face; what it finds is an advice like others and says
//! nothing about who it is.

use crate::FaceError;
use crate::align::aligned;
use crate::decode::Picture;
use crate::detect::Face;
use crate::manifest::{Cover, Input, Manifest, Role};
use crate::network::Network;
use crate::quality::Advice;
use serde::Serialize;

/// What the network answers: a logit for each of [`Cover::ALL`], in that order.
pub(crate) const OUTPUTS: usize = Cover::ALL.len();

/// How far the logits of a face are above the manifest's thresholds: from 0 on it is hidden so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    /// A mask over the mouth, with or without the nose.
    pub mask: f32,
    /// Glasses through which no eyes are seen.
    pub dark_glasses: f32,
    /// Eyes that are shut.
    pub closed_eyes: f32,
}

impl Covered {
    /// From logits and thresholds, both in the order of [`Cover::ALL`].
    #[must_use]
    pub fn of(logits: [f32; OUTPUTS], thresholds: [f32; OUTPUTS]) -> Self {
        let [mask, dark_glasses, closed_eyes] = logits;
        let [mask_from, dark_glasses_from, closed_eyes_from] = thresholds;
        Self {
            mask: mask - mask_from,
            dark_glasses: dark_glasses - dark_glasses_from,
            closed_eyes: closed_eyes - closed_eyes_from,
        }
    }

    /// What to take off first: behind dark glasses nobody sees whether eyes are open.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        let checks = [
            (self.mask, Advice::TakeOffMask),
            (self.dark_glasses, Advice::TakeOffGlasses),
            (self.closed_eyes, Advice::OpenEyes),
        ];
        checks.iter().find(|(above, _)| *above >= 0.0).map(|(_, advice)| *advice)
    }
}

/// The network, ready to run.
#[derive(Clone)]
pub struct Covering {
    name: String,
    network: Network,
    input: Input,
    thresholds: [f32; OUTPUTS],
}

impl Covering {
    /// Loads the manifest's covering model; with a manifest without one no face counts as hidden.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`].
    pub fn load(manifest: &Manifest) -> Result<Option<Self>, FaceError> {
        let mut models = manifest.models().iter();
        let Some(model) = models.find(|model| model.role == Role::Covering) else {
            return Ok(None);
        };
        let network = manifest.network(model)?;
        let (name, input) = (model.name.clone(), model.input.clone());
        let thresholds = Cover::ALL.map(|cover| model.cover_threshold(cover));
        Ok(Some(Self { name, network, input, thresholds }))
    }

    /// What hides a face; nothing when its landmarks make none.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn judge(&self, picture: &Picture, face: &Face) -> Result<Option<Covered>, FaceError> {
        let Some(values) = aligned(picture, &face.landmarks, &self.input) else {
            return Ok(None);
        };
        let answer = self.network.run_once(values)?;
        let logits = <[f32; OUTPUTS]>::try_from(answer).map_err(|_| FaceError::ModelOutput {
            name: self.name.clone(),
            what: "another number of values than its role asks for",
        })?;
        Ok(Some(Covered::of(logits, self.thresholds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: [f32; OUTPUTS] = [1.0, 2.0, -1.0];

    fn advice(logits: [f32; OUTPUTS]) -> Option<Advice> {
        Covered::of(logits, THRESHOLDS).advice()
    }

    #[test]
    fn each_cover_is_told_from_its_own_threshold_on() {
        assert_eq!(advice([0.9, 1.9, -1.1]), None);
        assert_eq!(advice([1.0, 1.9, -1.1]), Some(Advice::TakeOffMask));
        assert_eq!(advice([0.9, 2.0, -1.1]), Some(Advice::TakeOffGlasses));
        assert_eq!(advice([0.9, 1.9, -1.0]), Some(Advice::OpenEyes));
    }

    #[test]
    fn what_hides_more_is_told_first() {
        assert_eq!(advice([9.0, 9.0, 9.0]), Some(Advice::TakeOffMask));
        assert_eq!(advice([-9.0, 9.0, 9.0]), Some(Advice::TakeOffGlasses));
    }

    #[test]
    fn a_network_that_is_sure_of_nothing_hides_nobody() {
        assert_eq!(advice([f32::MIN; OUTPUTS]), None);
        assert_eq!(advice([f32::MAX; OUTPUTS]), Some(Advice::TakeOffMask));
    }
}
