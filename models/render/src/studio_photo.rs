//! Photographs that an attacker shows: a person taken by some camera, as a file.

use crate::background;
use crate::camera;
use crate::frame::{Face, Sitter, Spot, draw};
use crate::image::Image;
use crate::light::Lighting;
use crate::math::Dice;
use crate::person::Person;
use crate::scene::Studio;

/// Width and height of a portrait in pixels.
const PORTRAIT: (usize, usize) = (160, 200);

/// A person's portrait in values of 0..1, and where the face is.
pub(crate) fn portrait(studio: &Studio, person: &Person, dice: &mut Dice) -> (Image, Face) {
    let (width, height) = PORTRAIT;
    let spot = Spot {
        x: width as f32 * dice.range(0.42, 0.58),
        y: height as f32 * dice.range(0.38, 0.52),
        size: width as f32 * dice.range(0.4, 0.75),
    };
    let sitter = Sitter::casual(studio, person, spot, dice);
    let plain = dice.chance(0.5);
    let background = if plain {
        background::wall(width, height, dice)
    } else {
        background::room(width, height, dice)
    };
    let lighting = if plain { Lighting::studio(dice) } else { Lighting::room(dice) };
    let (image, faces) = draw(studio, &background, &[sitter], &lighting);
    let face = faces.first().copied().unwrap_or(Face { frame: [0.0; 4], five: [(0.0, 0.0); 5] });
    (camera::file(image, dice), face)
}
