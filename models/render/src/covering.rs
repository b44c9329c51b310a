//! Aligned faces that a mask, dark glasses or closed eyes hide, and faces that can be seen, for the
//! network that tells them apart. What looks like hidden and is not has bits of its own in the label,
//! so that its rates can be told: ordinary glasses, beards, dark skin, smiles.

use crate::crops::{Kind, Shot, taken};
use crate::image::{Image, luma};
use crate::light::Lighting;
use crate::math::{Dice, V3};
use crate::person::{Glasses, Person};
use crate::scene::{Aim, Body, Dress, Expression, Pose, Studio};
use crate::wear;

/// What hides a part of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Covers {
    /// A mask over the mouth and mostly over the nose.
    pub(crate) mask: bool,
    /// Glasses through which no eyes are seen.
    pub(crate) glasses: bool,
    /// Eyes that are shut.
    pub(crate) eyes: bool,
}

impl Covers {
    pub(crate) const NONE: Self = Self { mask: false, glasses: false, eyes: false };

    /// Two faces in five are hidden by nothing.
    fn some(dice: &mut Dice) -> Self {
        let (mask, glasses) = (dice.chance(0.3), dice.chance(0.2));
        // Behind dark glasses nobody sees what eyes do.
        Self { mask, glasses, eyes: dice.chance(0.3) && !glasses }
    }
}

/// Sides that the camera sees a face in, in pixels: smaller ones are told to come nearer.
const SIZES: [usize; 4] = [104, 112, 128, 152];
/// How far landmarks are off, in pixels of the crop; a mask hides what two of them are found by.
const LANDMARK_ERROR: f32 = 1.3;
const LANDMARK_ERROR_MASKED: f32 = 2.2;
/// Skin that reflects less of the light counts as dark.
const DARK_SKIN: f32 = 0.18;

/// Views of one person on one day, each with its label: from the lowest bit on mask, dark glasses,
/// closed eyes; ordinary glasses, beard, dark skin, smile.
pub(crate) fn views(
    studio: &Studio,
    person: u64,
    count: usize,
    dice: &mut Dice,
) -> Vec<(u32, Image)> {
    let person = Person::new(person, studio.head.identity_modes);
    let dress = if dice.chance(0.5) { Dress::Formal } else { Dress::Everyday };
    let mut body = Body::new(studio, &person, dress, dice);
    (0..count).map(|_| view(studio, &mut body, Covers::some(dice), dice)).collect()
}

fn view(studio: &Studio, body: &mut Body, covers: Covers, dice: &mut Dice) -> (u32, Image) {
    body.mask = mask(studio, body, covers.mask, dice);
    body.glasses = if covers.glasses {
        Some(Glasses::dark(dice))
    } else {
        dice.chance(0.35).then(|| Glasses::clear(dice))
    };
    let strength = dice.unit();
    let expression = Expression::lively(dice, strength);
    let expression = if covers.eyes {
        expression.with_eyes_shut(studio, body, dice.range(0.97, 1.1))
    } else {
        expression.with_eyes_open()
    };
    // More would hide the eyes behind clear glasses too.
    let glare = if dice.chance(0.3) { dice.range(0.1, 0.4) } else { 0.0 };
    let pose = Pose::new(studio, body, &expression, glare);
    let shot = Shot {
        aim: Aim::kiosk(dice),
        lighting: if dice.chance(0.25) { Lighting::studio(dice) } else { Lighting::room(dice) },
        // The quality gate lets nothing through that is much blurred or dark.
        kind: if dice.chance(0.5) { Kind::Fair } else { Kind::Live },
        side: SIZES[dice.below(SIZES.len())],
        error: if covers.mask { LANDMARK_ERROR_MASKED } else { LANDMARK_ERROR },
    };
    let bits = [
        covers.mask,
        covers.glasses,
        covers.eyes,
        body.glasses.is_some() && !covers.glasses,
        body.is_bearded(),
        luma(body.skin()) < DARK_SKIN,
        expression.is_smile(),
    ];
    let label = bits.iter().enumerate().map(|(bit, &is_set)| u32::from(is_set) << bit).sum();
    (label, taken(studio, &pose, &shot, dice))
}

/// A mask where it belongs, or now and then one below the chin, or none.
fn mask(studio: &Studio, body: &Body, is_worn: bool, dice: &mut Dice) -> Option<wear::Layer> {
    let head = &studio.head;
    if !is_worn {
        let colour = any_colour(body, dice);
        return dice.chance(0.06).then(|| wear::lowered_mask(head, colour, dice));
    }
    Some(if dice.chance(0.5) {
        wear::mask(head, dice)
    } else {
        let colour = any_colour(body, dice);
        wear::mask_of(head, colour, dice)
    })
}

/// A colour of cloth; every third one like the wearer's skin.
fn any_colour(body: &Body, dice: &mut Dice) -> V3 {
    let bright = dice.range(0.03, 0.8);
    if dice.chance(0.35) {
        return body.skin() * dice.range(0.7, 1.5);
    }
    V3(dice.range(0.6, 1.0), dice.range(0.6, 1.0), dice.range(0.6, 1.0)) * bright
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Sitter, Spot, draw};

    /// Mean light of a face about its right eye and about its mouth.
    fn seen(studio: &Studio, change: impl FnOnce(&mut Body)) -> [f32; 2] {
        let person = Person::new(3, studio.head.identity_modes);
        let mut body = Body::new(studio, &person, Dress::Formal, &mut Dice::new(3, 3));
        body.glasses = None;
        change(&mut body);
        let pose = Pose::new(studio, &body, &Expression::default(), 0.0);
        let aim = Aim { yaw: 0.0, pitch: 0.0, roll: 0.0, distance: 80.0 };
        let sitter = Sitter::new(studio, pose, aim, Spot { x: 100.0, y: 100.0, size: 180.0 });
        let wall = Image::of(200, 200, V3::default());
        let light = Lighting::studio(&mut Dice::new(3, 4));
        let (image, faces) = draw(studio, &wall, &[sitter], &light);
        let [eye, _, _, right, left] = faces[0].five;
        [eye, ((right.0 + left.0) / 2.0, right.1)].map(|(x, y)| {
            let places = (-7..=7).flat_map(|dy| (-7..=7).map(move |dx| (dx as f32, dy as f32)));
            places.map(|(dx, dy)| luma(image.at(x + dx, y + dy))).sum::<f32>() / 225.0
        })
    }

    #[test]
    fn a_mask_is_seen_over_the_mouth_and_dark_glasses_over_the_eyes() {
        let studio = Studio::new();
        let [eye, mouth] = seen(&studio, |_| ());
        let white = V3(0.9, 0.9, 0.9);
        let dice = || Dice::new(5, 5);
        let [same, masked] = seen(&studio, |body| {
            body.mask = Some(wear::mask_of(&studio.head, white, &mut dice()));
        });
        assert!(masked > 1.3 * mouth && (same / eye - 1.0).abs() < 0.01);
        let [_, lowered] = seen(&studio, |body| {
            body.mask = Some(wear::lowered_mask(&studio.head, white, &mut dice()));
        });
        assert!((lowered / mouth - 1.0).abs() < 0.05, "{lowered} {mouth}");
        let [dark, same] = seen(&studio, |body| body.glasses = Some(Glasses::dark(&mut dice())));
        assert!(dark < 0.8 * eye && (same / mouth - 1.0).abs() < 0.01, "{dark} {eye}");
    }
}
