//! From light to the pixels of a file: lens, exposure, noise, sharpening, and the damage of
//! compression. JPEG and JPEG 2000 are imitated by what they do to pixels (quantised transforms);
//! no file is written for it.

use crate::image::{Image, luma};
use crate::math::{Dice, V3};

/// Linear light to values as files hold them, with a camera's exposure and colours.
fn develop(image: &mut Image, aim: f32, dice: &mut Dice) {
    let mut levels: Vec<f32> = image.pixels.iter().step_by(7).map(|&p| luma(p)).collect();
    levels.sort_by(f32::total_cmp);
    let middle = levels[levels.len() * 6 / 10].max(0.01);
    // Automatic exposure holds part of the way to its aim.
    let gain = (aim / middle).powf(0.75);
    let balance = V3(dice.range(0.9, 1.12), 1.0, dice.range(0.88, 1.12)) * gain;
    let gamma = dice.range(1.9, 2.5);
    let contrast = dice.range(0.0, 0.5);
    let saturation = dice.range(0.6, 1.25);
    let curve = |x: f32| {
        // Shoulder instead of a hard clip.
        let x = if x > 0.8 { 0.8 + 0.2 * (1.0 - (-(x - 0.8) / 0.3).exp()) } else { x.max(0.0) };
        let x = x.powf(1.0 / gamma);
        x + contrast * (x * x * (3.0 - 2.0 * x) - x)
    };
    // A table of the curve: light above 4 is white anyhow.
    let table: Vec<f32> = (0..=1024).map(|n| curve((n as f32 / 512.0).powi(2))).collect();
    let curve = |x: f32| table[((x.max(0.0).sqrt() * 512.0) as usize).min(1024)];
    for pixel in &mut image.pixels {
        let p = *pixel * balance;
        let p = V3(curve(p.0), curve(p.1), curve(p.2));
        let grey = luma(p);
        *pixel = V3(grey, grey, grey).mix(p, saturation);
    }
}

/// Noise of the sensor, finer in bright places.
fn sense(image: &mut Image, strength: f32, dice: &mut Dice) {
    for pixel in &mut image.pixels {
        let weight = strength * (1.2 - 0.7 * luma(*pixel));
        let common = dice.normal();
        let mut one = || weight * (0.75 * common + 0.6 * (dice.unit() - 0.5) * 2.0);
        *pixel = *pixel + V3(one(), one(), one());
    }
}

/// A kiosk's or telephone's camera. `scale` is pixels across a face, over 112.
pub(crate) fn kiosk(mut image: Image, scale: f32, dice: &mut Dice) -> Image {
    if dice.chance(0.5) {
        image = image.smoothed(dice.range(0.35, 1.3) * scale);
    }
    if dice.chance(0.15) {
        let (sin, cos) = dice.range(0.0, 3.2).sin_cos();
        let reach = dice.range(1.0, 5.0) * scale;
        image = image.shaken(reach * cos, reach * sin);
    }
    let aim = dice.range(0.08, 0.42);
    develop(&mut image, aim, dice);
    if dice.chance(0.8) {
        let strength = dice.unit().powi(2) * 0.09;
        sense(&mut image, strength, dice);
    }
    if dice.chance(0.3) {
        // Halves the resolution, as digital zoom and video modes do.
        let part = dice.range(0.45, 0.9);
        let small = |n: usize| ((n as f32 * part) as usize).max(8);
        image = image
            .resized(small(image.width), small(image.height))
            .resized(image.width, image.height);
    }
    if dice.chance(0.7) {
        let step = 2.0_f32.powf(dice.range(-6.5, -2.8));
        blocks(&mut image, step, dice);
    }
    image
}

/// A kiosk's camera that is in order: well exposed, little noise.
pub(crate) fn fair(mut image: Image, dice: &mut Dice) -> Image {
    develop(&mut image, 0.25, dice);
    sense(&mut image, 0.012, dice);
    image
}

/// The same camera where the light is out.
pub(crate) fn dark(image: Image, dice: &mut Dice) -> Image {
    let mut image = fair(image, dice);
    for pixel in &mut image.pixels {
        *pixel = *pixel * 0.06 + V3(0.01, 0.01, 0.01);
    }
    sense(&mut image, 0.02, dice);
    image
}

/// A good camera's file: what attackers print and show.
pub(crate) fn file(mut image: Image, dice: &mut Dice) -> Image {
    let aim = dice.range(0.15, 0.45);
    develop(&mut image, aim, dice);
    let step = 2.0_f32.powf(dice.range(-7.0, -4.5));
    blocks(&mut image, step, dice);
    image
}

/// The photograph of a card: studio, grey, squeezed into a few kB of JPEG 2000. `scale` as above.
pub(crate) fn card(mut image: Image, scale: f32, dice: &mut Dice) -> Image {
    if dice.chance(0.4) {
        image = image.smoothed(dice.range(0.3, 0.9) * scale);
    }
    let aim = dice.range(0.25, 0.6);
    develop(&mut image, aim, dice);
    let strength = dice.range(0.0, 0.02);
    sense(&mut image, strength, dice);
    let mut image = image.grey();
    wavelets(&mut image, 2.0_f32.powf(dice.range(-6.0, -3.4)));
    image
}

/// JPEG: 8x8 cosine transforms of brightness and colour, quantised, at any offset.
fn blocks(image: &mut Image, step: f32, dice: &mut Dice) {
    let basis: Vec<f32> = (0..64)
        .map(|n| {
            let (k, x) = ((n / 8) as f32, (n % 8) as f32);
            let norm = if k == 0.0 { 0.125_f32.sqrt() } else { 0.5 };
            norm * ((2.0 * x + 1.0) * k * std::f32::consts::PI / 16.0).cos()
        })
        .collect();
    let (ox, oy) = (dice.below(8), dice.below(8));
    for top in (oy..image.height.saturating_sub(7)).step_by(8) {
        for left in (ox..image.width.saturating_sub(7)).step_by(8) {
            for channel in 0..3 {
                block(image, (left, top), channel, step, &basis);
            }
        }
    }
}

/// One block of one channel: 0 brightness, 1 blue difference, 2 red difference.
fn block(image: &mut Image, (left, top): (usize, usize), channel: usize, step: f32, basis: &[f32]) {
    let mut values = [0.0_f32; 64];
    let place = |n: usize, width: usize| (top + n / 8) * width + left + n % 8;
    for (n, value) in values.iter_mut().enumerate() {
        let p = image.pixels[place(n, image.width)];
        *value = match channel {
            0 => luma(p),
            1 => p.2 - luma(p),
            _ => p.0 - luma(p),
        };
    }
    let before = values;
    let transformed = separable(&values, basis, false);
    for (n, value) in transformed.iter().enumerate() {
        // Coarser for fine structure and for colour, as the usual tables are.
        let coarse = 1.0 + 0.45 * ((n / 8) + (n % 8)) as f32;
        let q = step * coarse * if channel == 0 { 1.0 } else { 2.5 };
        values[n] = (value / q).round() * q;
    }
    let values = separable(&values, basis, true);
    for (n, (new, old)) in values.iter().zip(before).enumerate() {
        let d = new - old;
        let pixel = &mut image.pixels[place(n, image.width)];
        *pixel = *pixel
            + match channel {
                0 => V3(d, d, d),
                1 => V3(0.0, -0.344 * 0.564 * d, d),
                _ => V3(d, -0.714 * 0.713 * d, 0.0),
            };
    }
}

/// Applies the cosine basis to rows and columns, or its inverse.
fn separable(values: &[f32; 64], basis: &[f32], inverse: bool) -> [f32; 64] {
    let weight = |k: usize, x: usize| if inverse { basis[x * 8 + k] } else { basis[k * 8 + x] };
    let mut rows = [0.0; 64];
    let mut both = [0.0; 64];
    for n in 0..64 {
        rows[n] = (0..8).map(|x| weight(n % 8, x) * values[n / 8 * 8 + x]).sum();
    }
    for n in 0..64 {
        both[n] = (0..8).map(|y| weight(n / 8, y) * rows[y * 8 + n % 8]).sum();
    }
    both
}

/// JPEG 2000 of a grey picture: five levels of the 9/7 wavelet, quantised with a dead zone.
fn wavelets(image: &mut Image, step: f32) {
    let mut plane: Vec<f32> = image.pixels.iter().map(|p| p.0).collect();
    let levels = 5;
    let size = |level: usize| (image.width.div_ceil(1 << level), image.height.div_ceil(1 << level));
    let mut line = vec![0.0; image.width.max(image.height)];
    for level in 0..levels {
        transform(&mut plane, image.width, size(level), &mut line, split);
    }
    let low = size(levels);
    for (n, value) in plane.iter_mut().enumerate() {
        if n % image.width >= low.0 || n / image.width >= low.1 {
            let level = (value.abs() / step).floor();
            *value = if level > 0.0 { value.signum() * (level + 0.5) * step } else { 0.0 };
        }
    }
    for level in (0..levels).rev() {
        transform(&mut plane, image.width, size(level), &mut line, join);
    }
    for (pixel, value) in image.pixels.iter_mut().zip(plane) {
        *pixel = V3(value, value, value);
    }
}

/// Rows and columns of the upper left part through a filter.
fn transform(
    plane: &mut [f32],
    stride: usize,
    (width, height): (usize, usize),
    line: &mut [f32],
    filter: fn(&mut [f32], &mut [f32]),
) {
    let mut row = vec![0.0; width.max(height)];
    for y in 0..height {
        filter(&mut plane[y * stride..][..width], line);
    }
    for x in 0..width {
        for y in 0..height {
            row[y] = plane[y * stride + x];
        }
        filter(&mut row[..height], line);
        for y in 0..height {
            plane[y * stride + x] = row[y];
        }
    }
}

/// The four lifting steps of the 9/7 wavelet (ISO/IEC 15444-1, annex F), and scales of the low and
/// the high band that make it nearly orthonormal, so that one step serves all levels.
const LIFT: [f32; 4] = [-1.586_134_3, -0.052_980_12, 0.882_911_1, 0.443_506_85];
const SCALES: [f32; 2] = [1.149_604_4, 0.869_864_45];

/// Adds to every second value, from `first`, its neighbours' weighted sum; mirrored at the ends.
fn lift(line: &mut [f32], first: usize, weight: f32) {
    let last = line.len() - 1;
    for n in (first..line.len()).step_by(2) {
        let before = line[if n == 0 { 1.min(last) } else { n - 1 }];
        let after = line[if n == last { last.saturating_sub(1) } else { n + 1 }];
        line[n] += weight * (before + after);
    }
}

fn split(values: &mut [f32], line: &mut [f32]) {
    for (n, weight) in LIFT.into_iter().enumerate() {
        lift(values, 1 - n % 2, weight);
    }
    let half = values.len().div_ceil(2);
    line[..values.len()].copy_from_slice(values);
    for (n, value) in line[..values.len()].iter().enumerate() {
        values[if n % 2 == 0 { n / 2 } else { half + n / 2 }] = value * SCALES[n % 2];
    }
}

fn join(values: &mut [f32], line: &mut [f32]) {
    let half = values.len().div_ceil(2);
    line[..values.len()].copy_from_slice(values);
    for n in 0..values.len() {
        values[n] = line[if n % 2 == 0 { n / 2 } else { half + n / 2 }] / SCALES[n % 2];
    }
    for (n, weight) in LIFT.into_iter().enumerate().rev() {
        lift(values, 1 - n % 2, -weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(width: usize, height: usize) -> Image {
        let mut dice = Dice::new(9, 0);
        let mut image = Image::of(width, height, V3::default());
        for pixel in &mut image.pixels {
            let value = dice.unit();
            *pixel = V3(value, value, value);
        }
        image
    }

    fn difference(a: &Image, b: &Image) -> f32 {
        a.pixels.iter().zip(&b.pixels).map(|(p, q)| (*p - *q).length()).fold(0.0, f32::max)
    }

    /// With hardly any quantisation a transform and its inverse must give the picture back, at odd
    /// sizes too.
    #[test]
    fn both_compressions_keep_what_they_do_not_quantise() {
        for (width, height) in [(64, 64), (37, 51)] {
            let before = pattern(width, height);
            let mut after = before.clone();
            wavelets(&mut after, 1e-5);
            assert!(difference(&before, &after) < 1e-3, "wavelets {width}x{height}");
            let mut after = before.clone();
            blocks(&mut after, 1e-5, &mut Dice::new(1, 1));
            assert!(difference(&before, &after) < 1e-3, "blocks {width}x{height}");
        }
    }

    #[test]
    fn coarser_compression_damages_more() {
        let before = pattern(64, 64);
        let damage = |step| {
            let mut after = before.clone();
            wavelets(&mut after, step);
            difference(&before, &after)
        };
        assert!(damage(0.02) < damage(0.2));
    }
}
