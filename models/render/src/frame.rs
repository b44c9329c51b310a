//! Whole pictures of a camera with people in them, and where their faces are.

use crate::background;
use crate::image::Image;
use crate::light::Lighting;
use crate::math::Dice;
use crate::person::Person;
use crate::piece::{Similarity, Stance};
use crate::raster::Canvas;
use crate::scene::{Aim, Body, Dress, Expression, Pose, Studio};

/// A face in a picture, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    /// Left, top, right, bottom; ear to ear and chin to hairline.
    pub(crate) frame: [f32; 4],
    /// Eyes, nose, corners of the mouth, each from the image's left.
    pub(crate) five: [(f32, f32); 5],
}

/// Where a face shall be: the middle of its box, and the box's longer side, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) size: f32,
}

/// Someone at a spot.
pub(crate) struct Sitter {
    pose: Pose,
    stance: Stance,
}

impl Sitter {
    pub(crate) fn new(studio: &Studio, pose: Pose, aim: Aim, spot: Spot) -> Self {
        let flat = aim.stance(Similarity { a: 1.0, b: 0.0, x: 0.0, y: 0.0 });
        let [left, top, right, bottom] = pose.face_box(&studio.head, &flat);
        let scale = spot.size / (right - left).max(bottom - top);
        let onto = Similarity {
            a: scale,
            b: 0.0,
            x: spot.x - scale * (left + right) / 2.0,
            y: spot.y - scale * (top + bottom) / 2.0,
        };
        Self { pose, stance: aim.stance(onto) }
    }

    /// Anybody at all.
    pub(crate) fn anybody(studio: &Studio, spot: Spot, dice: &mut Dice) -> Self {
        let person = Person::new(dice.next(), studio.head.identity_modes);
        Self::casual(studio, &person, spot, dice)
    }

    /// A person dressed and looking as people do.
    pub(crate) fn casual(studio: &Studio, person: &Person, spot: Spot, dice: &mut Dice) -> Self {
        let dress = match dice.below(10) {
            0 => Dress::Masked,
            1..=4 => Dress::Formal,
            _ => Dress::Everyday,
        };
        let body = Body::new(studio, person, dress, dice);
        let strength = dice.unit();
        let expression = Expression::lively(dice, strength);
        let glare = if dice.chance(0.3) { dice.range(0.1, 0.7) } else { 0.0 };
        Self::new(studio, Pose::new(studio, &body, &expression, glare), Aim::kiosk(dice), spot)
    }

    fn face(&self, studio: &Studio) -> Face {
        Face {
            frame: self.pose.face_box(&studio.head, &self.stance),
            five: self.pose.five().map(|p| self.stance.pixel(p)),
        }
    }
}

/// Draws people before a background; the picture is linear light still.
pub(crate) fn draw(
    studio: &Studio,
    background: &Image,
    sitters: &[Sitter],
    lighting: &Lighting,
) -> (Image, Vec<Face>) {
    let mut canvas = Canvas::new(background, &studio.grain);
    for sitter in sitters {
        sitter.pose.draw(&mut canvas, &sitter.stance, lighting);
    }
    (canvas.into_image(), sitters.iter().map(|sitter| sitter.face(studio)).collect())
}

/// A camera's view with none to three people.
pub(crate) fn scene(
    studio: &Studio,
    width: usize,
    height: usize,
    dice: &mut Dice,
) -> (Image, Vec<Face>) {
    let (w, h) = (width as f32, height as f32);
    let number = [0, 1, 1, 1, 1, 1, 1, 2, 2, 3][dice.below(10)];
    let mut spots: Vec<Spot> = Vec::new();
    for _ in 0..number {
        let size = h * 0.08 * (9.5_f32).powf(dice.unit().sqrt());
        let spot = Spot { x: dice.range(0.1, 0.9) * w, y: dice.range(0.2, 0.75) * h, size };
        // Faces that cover each other cannot both be found.
        let apart =
            |one: &Spot| (one.x - spot.x).hypot(one.y - spot.y) > 0.75 * (one.size + spot.size);
        if spots.iter().all(apart) {
            spots.push(spot);
        }
    }
    let sitters: Vec<Sitter> =
        spots.into_iter().map(|spot| Sitter::anybody(studio, spot, dice)).collect();
    let background = background::room(width, height, dice);
    let lighting = Lighting::room(dice);
    draw(studio, &background, &sitters, &lighting)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Landmarks lie in their box in the order that alignment relies on, and the face is where it was
    /// asked to be, in pixels that a face covers: brighter or darker than the wall behind it.
    #[test]
    fn a_face_is_drawn_where_its_box_and_landmarks_say() {
        let studio = Studio::new();
        for seed in 0..8 {
            let mut dice = Dice::new(seed, 3);
            let spot = Spot { x: 160.0, y: 110.0, size: 100.0 };
            let sitter = Sitter::anybody(&studio, spot, &mut dice);
            let wall = Image::of(320, 240, crate::math::V3(9.0, 9.0, 9.0));
            let (image, faces) = draw(&studio, &wall, &[sitter], &Lighting::studio(&mut dice));
            let Face { frame: [left, top, right, bottom], five } = faces[0];
            assert!(((left + right) / 2.0 - 160.0).abs() < 1.0, "seed {seed}");
            assert!(((right - left).max(bottom - top) - 100.0).abs() < 1.0, "seed {seed}");
            for (x, y) in five {
                assert!(left < x && x < right && top < y && y < bottom, "seed {seed}");
                assert!(image.at(x, y).1 < 5.0, "seed {seed}: the wall shows through the face");
            }
            assert!(five[0].0 < five[1].0 && five[3].0 < five[4].0, "seed {seed}: left and right");
            assert!(five[0].1 < five[2].1 && five[2].1 < five[3].1, "seed {seed}: top and bottom");
        }
    }

    #[test]
    fn an_empty_room_has_no_face() {
        let studio = Studio::new();
        let wall = Image::of(64, 48, crate::math::V3::default());
        let lighting = Lighting::room(&mut Dice::new(1, 1));
        assert!(draw(&studio, &wall, &[], &lighting).1.is_empty());
    }
}
