//! Landmarks made exact: a detector looks at the whole frame and is off by some pixels, and the
//! embedder sees what these pixels move. A second network looks at the face alone.

use crate::FaceError;
use crate::align::{Point, Similarity, TEMPLATE, aligned};
use crate::decode::Picture;
use crate::manifest::{Input, Manifest, Role};
use crate::network::Network;

/// What the network answers: x and y of each landmark, from the template's place.
pub(crate) const OUTPUTS: usize = 10;
/// The unit of these, in pixels of the 112x112 face.
const UNIT: f32 = 32.0;
/// How often it looks: the second time at a face that is aligned better already.
const PASSES: usize = 2;

/// The network of exact landmarks, ready to run.
#[derive(Clone)]
pub struct Refiner {
    network: Network,
    input: Input,
}

impl Refiner {
    /// Loads the manifest's landmark model; a manifest without one leaves landmarks to the detector.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`].
    pub fn load(manifest: &Manifest) -> Result<Option<Self>, FaceError> {
        let mut models = manifest.models().iter();
        let Some(model) = models.find(|model| model.role == Role::Landmarks) else {
            return Ok(None);
        };
        let network = manifest.network(model)?;
        Ok(Some(Self { network, input: model.input.clone() }))
    }

    /// Better landmarks than these; the same where they make no face.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn refined(
        &self,
        picture: &Picture,
        landmarks: [Point; 5],
    ) -> Result<[Point; 5], FaceError> {
        refined(landmarks, |landmarks| {
            let values = aligned(picture, landmarks, &self.input);
            values.map(|values| self.network.run_once(values)).transpose()
        })
    }
}

/// Goes through the passes; `look` is the network's answer about the face that landmarks align.
fn refined(
    mut landmarks: [Point; 5],
    look: impl Fn(&[Point; 5]) -> Result<Option<Vec<f32>>, FaceError>,
) -> Result<[Point; 5], FaceError> {
    for _ in 0..PASSES {
        let fit = Similarity::fit(&landmarks, &TEMPLATE).map(|fit| fit.inverse());
        let (Some(back), Some(answer)) = (fit, look(&landmarks)?) else {
            break;
        };
        let mut better = TEMPLATE;
        for (place, moved) in better.iter_mut().flatten().zip(answer) {
            *place += UNIT * moved;
        }
        let better = better.map(|place| back.apply(place));
        // What makes no face is no answer.
        if Similarity::fit(&better, &TEMPLATE).is_none() {
            break;
        }
        landmarks = better;
    }
    Ok(landmarks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [Point; 5] =
        [[210.0, 120.0], [280.0, 130.0], [240.0, 165.0], [205.0, 200.0], [270.0, 210.0]];

    /// What a perfect network says about the face that these landmarks align.
    fn perfect(landmarks: &[Point; 5]) -> Vec<f32> {
        let fit = Similarity::fit(landmarks, &TEMPLATE).unwrap();
        let pairs = TRUTH.iter().zip(TEMPLATE);
        pairs
            .flat_map(|(place, aim)| {
                let [x, y] = fit.apply(*place);
                [(x - aim[0]) / UNIT, (y - aim[1]) / UNIT]
            })
            .collect()
    }

    fn is_near(found: [Point; 5], wanted: [Point; 5]) -> bool {
        let places = found.iter().flatten().zip(wanted.iter().flatten());
        places.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 0.05
    }

    #[test]
    fn landmarks_come_to_where_the_network_sees_them() {
        let mut guess = TRUTH.map(|[x, y]| [x + 12.0, y - 9.0]);
        guess[0][0] -= 15.0;
        let found = refined(guess, |landmarks| Ok(Some(perfect(landmarks)))).unwrap();
        assert!(is_near(found, TRUTH), "{found:?}");
    }

    #[test]
    fn a_network_that_is_half_right_gets_nearer_with_each_pass() {
        let guess = TRUTH.map(|[x, y]| [x + 16.0, y]);
        let half = |landmarks: &[Point; 5]| {
            let own = Similarity::fit(landmarks, &TEMPLATE).unwrap();
            let now = landmarks.map(|place| own.apply(place));
            let aims = perfect(landmarks).into_iter().zip(now.into_iter().flatten());
            // Half way from where the landmark is to where it should be.
            let half = aims.zip(TEMPLATE.iter().flatten());
            Ok(Some(half.map(|((aim, now), at)| (aim + (now - at) / UNIT) / 2.0).collect()))
        };
        let found = refined(guess, half).unwrap();
        assert!(is_near(found, TRUTH.map(|[x, y]| [x + 4.0, y])), "{found:?}");
    }

    #[test]
    fn an_answer_that_makes_no_face_is_not_taken() {
        let one_point = |_: &[Point; 5]| {
            let to_origin = TEMPLATE.iter().flatten().map(|place| -place / UNIT);
            Ok(Some(to_origin.collect()))
        };
        assert_eq!(refined(TRUTH, one_point).unwrap(), TRUTH);
        let nowhere = |_: &[Point; 5]| Ok(Some(vec![1e38; OUTPUTS]));
        assert_eq!(refined(TRUTH, nowhere).unwrap(), TRUTH);
        assert_eq!(refined([[3.0, 4.0]; 5], |_| Ok(None)).unwrap(), [[3.0, 4.0]; 5]);
    }
}
