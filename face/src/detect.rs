//! Finding faces: the detector's cells to boxes with five landmarks.

use crate::FaceError;
use crate::align::{Point, fill, side};
use crate::decode::Picture;
use crate::manifest::{Input, Manifest, Role};
use crate::network::Network;
use crate::refine::Refiner;
use fast_image_resize as resize;
use resize::images::{Image, ImageRef};

/// Pixels of the input between two cells.
const STRIDE: u32 = 16;
/// Numbers of a cell: one logit, four sides, five landmarks.
const CHANNELS: usize = 15;
/// The unit of sides and landmarks, in pixels of the input.
const UNIT: f32 = 32.0;
/// From this probability on a cell holds a face.
const CONFIDENT: f32 = 0.5;
/// Of two boxes that share more than this part of their union, the surer one stays.
const OVERLAP_MAX: f32 = 0.4;
/// The byte that fills what a letterboxed frame leaves free: zero once normalised.
const FREE: f32 = 127.5;
/// Of so many faces, the surest, landmarks are made exact: nobody compares one of more.
const REFINED_MAX: usize = 2;

/// A face in a picture, in the picture's pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Left, top, right, bottom.
    pub sides: [f32; 4],
    /// In the order of [`crate::align::TEMPLATE`].
    pub landmarks: [Point; 5],
    /// From 0.5 to 1.
    pub probability: f32,
}

impl Face {
    /// The box's centre.
    #[must_use]
    pub fn centre(&self) -> Point {
        let [left, top, right, bottom] = self.sides;
        [(left + right) / 2.0, (top + bottom) / 2.0]
    }

    /// The longer side of the box in pixels.
    #[must_use]
    pub fn size(&self) -> f32 {
        let [left, top, right, bottom] = self.sides;
        (right - left).max(bottom - top)
    }

    fn area(&self) -> f32 {
        let [left, top, right, bottom] = self.sides;
        (right - left).max(0.0) * (bottom - top).max(0.0)
    }

    /// The part of both boxes' union that both cover.
    fn overlap(&self, other: &Self) -> f32 {
        let ([a, b, c, d], [e, f, g, h]) = (self.sides, other.sides);
        let both = (c.min(g) - a.max(e)).max(0.0) * (d.min(h) - b.max(f)).max(0.0);
        both / (self.area() + other.area() - both).max(f32::MIN_POSITIVE)
    }
}

/// Why there is no face to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFace {
    /// Nobody is seen.
    Nobody,
    /// Several people are seen.
    Several,
}

/// How many numbers a detector answers for an input: 15 for each 16x16 pixels.
pub(crate) const fn outputs(input: &Input) -> usize {
    (input.width / STRIDE) as usize * (input.height / STRIDE) as usize * CHANNELS
}

/// The detector, with the network of exact landmarks when there is one, ready to run.
#[derive(Clone)]
pub struct Detector {
    network: Network,
    input: Input,
    refiner: Option<Refiner>,
}

impl Detector {
    /// Loads the manifest's detector, and its landmark model if it has one.
    ///
    /// # Errors
    /// The `Model…` variants of [`FaceError`].
    pub fn load(manifest: &Manifest) -> Result<Self, FaceError> {
        let model = manifest.model(Role::Detector)?;
        let network = manifest.network(model)?;
        Ok(Self { network, input: model.input.clone(), refiner: Refiner::load(manifest)? })
    }

    /// The one face of a picture: no comparison chooses among several people.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn only(&self, picture: &Picture) -> Result<Result<Face, NoFace>, FaceError> {
        let mut faces = self.find(picture)?;
        let face = faces.pop().ok_or(NoFace::Nobody);
        Ok(if faces.is_empty() { face } else { Err(NoFace::Several) })
    }

    /// All faces, the surest first.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn find(&self, picture: &Picture) -> Result<Vec<Face>, FaceError> {
        let (small, scale) = letterboxed(picture, &self.input)?;
        let values = fill(&self.input, |x, y| match small.pixel(x, y) {
            Some(pixel) => self.input.channels.of(pixel.map(f32::from)),
            None => [FREE; 3],
        });
        let cells = self.network.run_once(values)?;
        let columns = (self.input.width / STRIDE) as usize;
        let mut faces = suppressed(faces(&cells, columns, scale));
        if let Some(refiner) = &self.refiner {
            for face in faces.iter_mut().take(REFINED_MAX) {
                face.landmarks = refiner.refined(picture, face.landmarks)?;
            }
        }
        Ok(faces)
    }
}

/// The picture as large as fits the input, and how many of its pixels one of the input's is.
fn letterboxed(picture: &Picture, input: &Input) -> Result<(Picture, f32), FaceError> {
    let across = side(picture.width()) / side(input.width);
    let scale = across.max(side(picture.height()) / side(input.height));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1 and at most the input's side"
    )]
    let fitted = |pixels: u32, most: u32| ((side(pixels) / scale).round() as u32).clamp(1, most);
    let width = fitted(picture.width(), input.width);
    let height = fitted(picture.height(), input.height);
    let size = || FaceError::PictureSize { width, height };
    let pixels = resize::PixelType::U8x3;
    let source = ImageRef::new(picture.width(), picture.height(), picture.rgb(), pixels);
    let mut target = Image::new(width, height, pixels);
    let options = resize::ResizeOptions::new()
        .resize_alg(resize::ResizeAlg::Convolution(resize::FilterType::Bilinear));
    let source = source.map_err(|_| size())?;
    resize::Resizer::new().resize(&source, &mut target, &options).map_err(|_| size())?;
    let small = Picture::from_rgb(width, height, target.into_vec()).ok_or_else(size)?;
    Ok((small, scale))
}

/// The confident cells' faces; `cells` are channels of rows of columns.
fn faces(cells: &[f32], columns: usize, scale: f32) -> Vec<Face> {
    let area = cells.len() / CHANNELS;
    let number = |channel: usize, cell: usize| cells.get(channel * area + cell).copied();
    let face = |cell: usize| {
        let probability = 1.0 / (1.0 + (-number(0, cell)?).exp());
        if probability < CONFIDENT {
            return None;
        }
        let middle = |index: usize| {
            u32::try_from(index).ok().map(|index| (side(index) + 0.5) * side(STRIDE))
        };
        let (cx, cy) = (middle(cell % columns)?, middle(cell / columns)?);
        let at = |channel: usize, from: f32, sign: f32| {
            number(channel, cell).map(|distance| (from + sign * distance * UNIT) * scale)
        };
        let sides = [at(1, cx, -1.0)?, at(2, cy, -1.0)?, at(3, cx, 1.0)?, at(4, cy, 1.0)?];
        let mut landmarks = [[0.0; 2]; 5];
        for (index, landmark) in landmarks.iter_mut().enumerate() {
            *landmark = [at(5 + 2 * index, cx, 1.0)?, at(6 + 2 * index, cy, 1.0)?];
        }
        let face = Face { sides, landmarks, probability };
        (face.area() > 0.0).then_some(face)
    };
    (0..area).filter_map(face).collect()
}

/// Each face once: of boxes that overlap the surest stays.
fn suppressed(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept.iter().all(|one| one.overlap(&face) <= OVERLAP_MAX) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells of a 320x240 input that hold faces of 64x96 pixels about their centres.
    fn cells(places: &[(usize, f32)]) -> Vec<f32> {
        let area = 300;
        let mut cells = vec![0.0; area * CHANNELS];
        cells[..area].fill(-9.0);
        for (cell, logit) in places {
            let values =
                [*logit, 1.0, 1.5, 1.0, 1.5, -0.5, -0.5, 0.5, -0.5, 0.0, 0.0, -0.4, 0.6, 0.4, 0.6];
            for (channel, value) in values.iter().enumerate() {
                cells[channel * area + cell] = *value;
            }
        }
        cells
    }

    #[test]
    fn a_cell_is_a_face_in_the_pictures_own_pixels() {
        let found = faces(&cells(&[(2 * 20 + 3, 4.0)]), 20, 2.0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sides, [48.0, -16.0, 176.0, 176.0]);
        assert_eq!(found[0].landmarks[0], [80.0, 48.0]);
        assert_eq!(found[0].landmarks[4], [137.6, 118.4]);
    }

    #[test]
    fn neighbouring_cells_of_one_face_are_one_face_and_two_people_are_two() {
        let one = suppressed(faces(&cells(&[(43, 2.0), (44, 4.0), (63, 1.0)]), 20, 1.0));
        assert_eq!(one.len(), 1);
        assert!(one[0].probability > 0.98, "the surest one stays");
        assert_eq!(suppressed(faces(&cells(&[(43, 2.0), (51, 4.0)]), 20, 1.0)).len(), 2);
    }

    #[test]
    fn an_unsure_cell_is_no_face() {
        assert!(faces(&cells(&[(43, -0.1)]), 20, 1.0).is_empty());
    }
}
