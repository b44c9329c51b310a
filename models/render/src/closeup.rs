//! Aligned faces with some of what is around them, for the network that makes landmarks exact:
//! training cuts its crops out of these, moved, turned and scaled as a detector is wrong.

use crate::background;
use crate::camera;
use crate::crops::TEMPLATE;
use crate::image::Image;
use crate::light::Lighting;
use crate::math::Dice;
use crate::person::Person;
use crate::piece::Similarity;
use crate::raster::Canvas;
use crate::scene::{Aim, Body, Dress, Expression, Pose, Studio};

/// Side in pixels: an aligned crop of 112 and a margin on each side.
pub(crate) const SIDE: usize = 112 + 2 * MARGIN;
const MARGIN: usize = 32;
/// Sides that cameras see a close-up in: faces larger and smaller than the network does.
const SIZES: [usize; 4] = [88, 120, 144, SIDE];

/// A grey picture, and where its landmarks are in pixels.
pub(crate) struct CloseUp {
    pub(crate) image: Image,
    pub(crate) five: [(f32, f32); 5],
}

/// Anybody, on a card or before a kiosk.
pub(crate) fn anybody(studio: &Studio, dice: &mut Dice) -> CloseUp {
    let person = Person::new(dice.next(), studio.head.identity_modes);
    let is_card = dice.chance(0.2);
    let side = SIZES[dice.below(SIZES.len())];
    let strength = dice.unit();
    let (dress, aim, lighting, expression, background) = if is_card {
        let wall = background::wall(side, side, dice);
        (Dress::Formal, Aim::formal(dice), Lighting::studio(dice), Expression::calm(dice), wall)
    } else {
        let dress = match dice.below(8) {
            0 => Dress::Masked,
            1..=3 => Dress::Formal,
            _ => Dress::Everyday,
        };
        let expression = Expression::lively(dice, strength);
        let room = background::room(side, side, dice);
        (dress, Aim::kiosk(dice), Lighting::room(dice), expression, room)
    };
    let glare = if dice.chance(0.2) { dice.range(0.1, 0.7) } else { 0.0 };
    let body = Body::new(studio, &person, dress, dice);
    let pose = Pose::new(studio, &body, &expression, glare);
    let flat = aim.stance(Similarity { a: 1.0, b: 0.0, x: 0.0, y: 0.0 });
    let scale = side as f32 / SIDE as f32;
    let margin = MARGIN as f32;
    let to = TEMPLATE.map(|(x, y)| (scale * (x + margin), scale * (y + margin)));
    let onto = Similarity::between(&pose.five().map(|p| flat.plane(p)), &to);
    let stance = aim.stance(onto);
    let mut canvas = Canvas::new(&background, &studio.grain);
    pose.draw(&mut canvas, &stance, &lighting);
    let image = canvas.into_image();
    let image =
        if is_card { camera::card(image, scale, dice) } else { camera::kiosk(image, scale, dice) };
    let five = pose.five().map(|p| stance.pixel(p)).map(|(x, y)| (x / scale, y / scale));
    CloseUp { image: image.resized(SIDE, SIDE).grey(), five }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landmarks_lie_about_the_template_and_never_on_the_margin() {
        let studio = Studio::new();
        for seed in 0..12 {
            let CloseUp { image, five } = anybody(&studio, &mut Dice::new(seed, 6));
            assert_eq!((image.width, image.height), (SIDE, SIDE));
            for ((x, y), (u, v)) in five.into_iter().zip(TEMPLATE) {
                let margin = MARGIN as f32;
                assert!((x - u - margin).hypot(y - v - margin) < 25.0, "seed {seed}: {x} {y}");
            }
        }
    }
}
