//! What is behind people: plain walls for cards, rooms for kiosks. Linear light.

use crate::image::Image;
use crate::math::{Dice, V3, fractal, step};

fn colour(dice: &mut Dice, brightest: f32) -> V3 {
    let level = dice.range(0.01, brightest);
    V3(dice.range(0.6, 1.2), dice.range(0.7, 1.1), dice.range(0.6, 1.2)) * level
}

/// The plain wall of a photographer.
pub(crate) fn wall(width: usize, height: usize, dice: &mut Dice) -> Image {
    let level = dice.range(0.25, 0.95);
    let mut image = Image::of(width, height, V3(level, level, level));
    let slope = dice.range(-0.15, 0.15);
    for (n, pixel) in image.pixels.iter_mut().enumerate() {
        *pixel = *pixel * (1.0 + slope * (n / width) as f32 / height as f32);
    }
    image
}

/// A room: soft clouds of two colours, and edges of furniture, doors and windows.
pub(crate) fn room(width: usize, height: usize, dice: &mut Dice) -> Image {
    let brightest = if dice.chance(0.15) { 1.2 } else { 0.5 };
    let (first, second) = (colour(dice, brightest), colour(dice, brightest));
    let (scale, seed) = (dice.range(1.0, 8.0), dice.next() as u32);
    // Smooth enough to be made small and enlarged.
    let (w, h) = (width.div_ceil(8).max(4), height.div_ceil(8).max(4));
    let mut small = Image::of(w, h, first);
    for (n, pixel) in small.pixels.iter_mut().enumerate() {
        let p = V3((n % w) as f32 / w as f32 * scale, (n / w) as f32 / w as f32 * scale, 0.0);
        *pixel = first.mix(second, step(-0.35, 0.35, fractal(p, 3, seed)));
    }
    let mut image = small.resized(width, height);
    for _ in 0..dice.below(9) {
        rectangle(&mut image, colour(dice, brightest), dice);
    }
    let blur = dice.range(0.0, 0.03) * width as f32;
    if blur > 0.6 {
        image.resized(w * 4, h * 4).smoothed(blur / 2.0).resized(width, height)
    } else {
        image
    }
}

/// An upright or slightly leaning rectangle somewhere.
fn rectangle(image: &mut Image, colour: V3, dice: &mut Dice) {
    let (w, h) = (image.width as f32, image.height as f32);
    let (x, y) = (dice.range(-0.2, 1.0) * w, dice.range(-0.2, 1.0) * h);
    let (wide, high) = (dice.range(0.02, 0.6) * w, dice.range(0.02, 0.9) * h);
    let lean = dice.range(-0.1, 0.1);
    for row in 0..image.height {
        let across = row as f32 - y;
        if across < 0.0 || across > high {
            continue;
        }
        let from = (x + lean * across).clamp(0.0, w) as usize;
        let to = (x + lean * across + wide).clamp(0.0, w) as usize;
        for pixel in &mut image.pixels[row * image.width + from..row * image.width + to.max(from)] {
            *pixel = colour;
        }
    }
}
