//! Aligned faces for the embedding network: a grey card photograph or a live view.

use crate::background;
use crate::camera;
use crate::image::Image;
use crate::light::Lighting;
use crate::math::Dice;
use crate::person::Person;
use crate::piece::Similarity;
use crate::raster::Canvas;
use crate::scene::{Aim, Body, Dress, Expression, Pose, Studio};

/// Side of a crop in pixels, and where the five points of a face come to lie in it: the ArcFace
/// template, which counts from the first pixel's centre, half a pixel from its corner.
pub(crate) const SIDE: usize = 112;
pub(crate) const TEMPLATE: [(f32, f32); 5] = [
    (38.7946, 52.1963),
    (74.0318, 52.0014),
    (56.5252, 72.2366),
    (42.0493, 92.8655),
    (71.2299, 92.7041),
];

/// How far a detector's landmarks are off, in pixels of the crop.
const LANDMARK_ERROR: f32 = 1.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Card,
    Live,
    /// Live, by a camera that is in order.
    Fair,
}

/// How a face is taken and aligned.
pub(crate) struct Shot {
    pub(crate) aim: Aim,
    pub(crate) lighting: Lighting,
    pub(crate) kind: Kind,
    /// The side that the camera sees it in, in pixels: the template's is reached by resampling.
    pub(crate) side: usize,
    /// How far landmarks are off as a rule, in pixels of the crop.
    pub(crate) error: f32,
}

/// A face before the camera of its kind, aligned as a detector would.
pub(crate) fn crop(studio: &Studio, body: &Body, kind: Kind, dice: &mut Dice) -> Image {
    let (aim, lighting, expression) = match kind {
        Kind::Card => (Aim::formal(dice), Lighting::studio(dice), Expression::calm(dice)),
        Kind::Live | Kind::Fair => {
            let strength = dice.unit();
            (Aim::kiosk(dice), Lighting::room(dice), Expression::lively(dice, strength))
        }
    };
    let glare = if kind == Kind::Live && dice.chance(0.3) { dice.range(0.1, 0.7) } else { 0.0 };
    let pose = Pose::new(studio, body, &expression, glare);
    let side = match kind {
        Kind::Card => 144,
        Kind::Live | Kind::Fair => [72, 96, 112, 128][dice.below(4)],
    };
    taken(studio, &pose, &Shot { aim, lighting, kind, side, error: LANDMARK_ERROR }, dice)
}

/// The picture of a face, aligned.
pub(crate) fn taken(studio: &Studio, pose: &Pose, shot: &Shot, dice: &mut Dice) -> Image {
    let Shot { aim, lighting, kind, side, error } = shot;
    let side = *side;
    let scale = side as f32 / SIDE as f32;
    let error = error * if dice.chance(0.2) { 2.0 } else { 1.0 };
    let to = TEMPLATE
        .map(|(x, y)| (scale * (x + error * dice.normal()), scale * (y + error * dice.normal())));
    let flat = aim.stance(Similarity { a: 1.0, b: 0.0, x: 0.0, y: 0.0 });
    let onto = Similarity::between(&pose.five().map(|p| flat.plane(p)), &to);
    let background = match kind {
        Kind::Card => background::wall(side, side, dice),
        Kind::Live | Kind::Fair => background::room(side, side, dice),
    };
    let mut canvas = Canvas::new(&background, &studio.grain);
    pose.draw(&mut canvas, &aim.stance(onto), lighting);
    let image = canvas.into_image();
    let image = match kind {
        Kind::Card => camera::card(image, scale, dice),
        Kind::Live => camera::kiosk(image, scale, dice),
        Kind::Fair => camera::fair(image, dice),
    };
    image.resized(SIDE, SIDE)
}

/// Views of one person: the card's first, then live ones, of two days.
pub(crate) fn views(
    studio: &Studio,
    person: u64,
    count: usize,
    dice: &mut Dice,
) -> Vec<(Kind, Image)> {
    let person = Person::new(person, studio.head.identity_modes);
    let formal = Body::new(studio, &person, Dress::Formal, dice);
    let everyday = Body::new(studio, &person, Dress::Everyday, dice);
    (0..count)
        .map(|number| match number {
            0 => (Kind::Card, crop(studio, &formal, Kind::Card, dice)),
            n if n % 3 == 1 => (Kind::Live, crop(studio, &formal, Kind::Live, dice)),
            _ => (Kind::Live, crop(studio, &everyday, Kind::Live, dice)),
        })
        .collect()
}
