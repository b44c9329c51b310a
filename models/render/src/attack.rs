//! Attacks on a face check: a printed photograph, a screen, a mask of paper; and real people to tell
//! them from. Squares of `CROP` times a face's size around it, as the liveness network sees them.

use crate::background;
use crate::camera;
use crate::frame::{Sitter, Spot, draw};
use crate::image::Image;
use crate::light::Lighting;
use crate::math::{Dice, V3, noise, step};
use crate::person::Person;
use crate::scene::Studio;
use crate::studio_photo::portrait;

/// Side of the square over the longer side of the face's box.
pub(crate) const CROP: f32 = 2.7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Species {
    Live,
    Printed,
    Replayed,
    PaperMask,
}

impl Species {
    pub(crate) const ALL: [Self; 4] = [Self::Live, Self::Printed, Self::Replayed, Self::PaperMask];
}

/// A view of a species, `side` pixels square, after the camera.
pub(crate) fn view(studio: &Studio, species: Species, side: usize, dice: &mut Dice) -> Image {
    let background = background::room(side, side, dice);
    let middle = Spot {
        x: side as f32 * dice.range(0.46, 0.54),
        y: side as f32 * dice.range(0.46, 0.54),
        size: side as f32 / CROP * dice.range(0.9, 1.12),
    };
    let person = Person::new(dice.next(), studio.head.identity_modes);
    let image = show(studio, species, &person, &background, middle, dice);
    camera::kiosk(image, middle.size / 75.0, dice)
}

/// The species with a person's face at a spot, before a background; linear light.
pub(crate) fn show(
    studio: &Studio,
    species: Species,
    person: &Person,
    background: &Image,
    spot: Spot,
    dice: &mut Dice,
) -> Image {
    let lighting = Lighting::room(dice);
    match species {
        Species::Live => {
            draw(studio, background, &[Sitter::casual(studio, person, spot, dice)], &lighting).0
        }
        Species::Printed => {
            sheet(studio, background.clone(), person, spot, Carrier::paper(dice), dice)
        }
        Species::Replayed => {
            sheet(studio, background.clone(), person, spot, Carrier::screen(dice), dice)
        }
        Species::PaperMask => {
            let wearer = Sitter::anybody(studio, spot, dice);
            let image = draw(studio, background, &[wearer], &lighting).0;
            sheet(studio, image, person, spot, Carrier::mask(dice), dice)
        }
    }
}

/// What carries a flat picture, and how it looks there.
struct Carrier {
    /// Light of the darkest and the brightest tone.
    black: f32,
    white: f32,
    tint: V3,
    /// Width of the border in parts of the picture, and its colour.
    border: f32,
    edge: V3,
    /// Strength of paper grain, of the screen's lines, and their fineness in cycles a picture.
    grain: f32,
    moire: f32,
    lines: f32,
    glare: f32,
    bend: f32,
    /// Cut out along the face, perhaps with holes for the eyes.
    cut: bool,
    holes: bool,
}

impl Carrier {
    fn paper(dice: &mut Dice) -> Self {
        let light = dice.range(0.2, 0.9);
        Self {
            black: light * dice.range(0.02, 0.1),
            white: light,
            tint: V3(dice.range(0.9, 1.1), 1.0, dice.range(0.85, 1.1)),
            border: if dice.chance(0.6) { dice.range(0.01, 0.12) } else { 0.0 },
            edge: V3(0.85, 0.85, 0.83) * light,
            grain: dice.range(0.0, 0.12),
            moire: 0.0,
            lines: 1.0,
            glare: if dice.chance(0.3) { dice.range(0.1, 0.6) * light } else { 0.0 },
            bend: dice.range(-0.5, 0.5),
            cut: false,
            holes: false,
        }
    }

    fn screen(dice: &mut Dice) -> Self {
        let light = dice.range(0.4, 1.4);
        Self {
            black: dice.range(0.01, 0.06),
            white: light,
            tint: V3(dice.range(0.8, 1.0), dice.range(0.92, 1.0), dice.range(1.0, 1.25)),
            border: dice.range(0.02, 0.12),
            edge: V3(0.01, 0.01, 0.012) * dice.range(0.5, 4.0),
            grain: 0.0,
            moire: if dice.chance(0.7) { dice.range(0.03, 0.25) } else { 0.0 },
            lines: dice.range(60.0, 260.0),
            glare: if dice.chance(0.6) { dice.range(0.05, 0.7) } else { 0.0 },
            bend: 0.0,
            cut: false,
            holes: false,
        }
    }

    fn mask(dice: &mut Dice) -> Self {
        let holes = dice.chance(0.5);
        Self { cut: true, holes, border: 0.0, bend: dice.range(0.2, 0.9), ..Self::paper(dice) }
    }
}

/// Puts a portrait on a carrier before what is there, so that its face comes to the spot.
fn sheet(
    studio: &Studio,
    mut image: Image,
    person: &Person,
    spot: Spot,
    carrier: Carrier,
    dice: &mut Dice,
) -> Image {
    let (photo, face) = portrait(studio, person, dice);
    let [left, top, right, bottom] = face.frame;
    let longer = (right - left).max(bottom - top);
    let (face_x, face_y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    let (w, h) = (photo.width as f32, photo.height as f32);
    // A sheet held towards the camera: turned, leaning, a little in perspective.
    let (sin, cos) = (0.12 * dice.normal()).sin_cos();
    let (yaw, pitch) = (0.3 * dice.normal(), 0.25 * dice.normal());
    let scale = longer / spot.size;
    let slope = (dice.range(-0.4, 0.4), dice.range(-0.4, 0.4));
    let shine = (dice.range(-1.0, 1.0), dice.range(-1.0, 1.0), dice.range(0.2, 0.8));
    let seed = dice.next() as u32;
    let side = image.width;
    for (n, pixel) in image.pixels.iter_mut().enumerate() {
        let (x, y) = ((n % side) as f32 + 0.5 - spot.x, (n / side) as f32 + 0.5 - spot.y);
        let (x, y) = (cos * x - sin * y, sin * x + cos * y);
        let depth = 1.0 + (yaw.sin() * x + pitch.sin() * y) / (8.0 * spot.size);
        let (u, v) = (x / (yaw.cos() * depth), y / (pitch.cos() * depth));
        let bow = carrier.bend * (u / (3.0 * spot.size)).powi(2) * 0.4 * spot.size;
        let (u, v) = (u * scale, (v + bow) * scale);
        // In faces from the middle, for cuts and light.
        let (fu, fv) = (u / longer, v / longer);
        if carrier.cut && !in_mask(fu, fv, carrier.holes, seed) {
            continue;
        }
        let (px, py) = (u + face_x, v + face_y);
        let outside = (-px).max(px - w).max(-py).max(py - h) / w;
        if outside > carrier.border {
            continue;
        }
        let value = if outside > 0.0 {
            carrier.edge
        } else {
            let p = photo.at(px, py);
            let line = (px / w * carrier.lines * std::f32::consts::TAU).sin()
                * (py / w * carrier.lines * std::f32::consts::TAU).cos();
            let rough = carrier.grain * noise(V3(px * 0.9, py * 0.9, 0.0), seed);
            let tone = |c: f32, phase: f32| {
                let moire = 1.0 + carrier.moire * (line * phase);
                (carrier.black + (carrier.white - carrier.black) * c.max(0.0).powf(2.2))
                    * moire
                    * (1.0 + rough)
            };
            V3(tone(p.0, 1.0), tone(p.1, 0.6), tone(p.2, -0.8)) * carrier.tint
        };
        let light = (1.0 + slope.0 * fu + slope.1 * fv + 0.3 * carrier.bend * fu).max(0.2);
        let spot_light = step(shine.2, 0.0, (fu - shine.0).hypot(fv - shine.1)) * carrier.glare;
        *pixel = value * light + V3(spot_light, spot_light, spot_light);
    }
    image
}

/// Whether a place of the face, in faces from its middle, is within a paper mask.
fn in_mask(u: f32, v: f32, holes: bool, seed: u32) -> bool {
    let ragged = 0.03 * noise(V3(u * 9.0, v * 9.0, 0.0), seed);
    let inside = (u / 0.43).hypot(v / 0.54) < 1.0 + ragged;
    // Eyes lie a little above the middle of the box.
    let hole = ((u.abs() - 0.18) / 0.07).hypot((v + 0.10) / 0.04) < 1.0;
    inside && !(holes && hole)
}
