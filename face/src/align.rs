//! From a picture to a network's input: landmarks to the template, squares and letterboxes.

use crate::decode::Picture;
use crate::manifest::{Input, Layout};
use crate::patch::{Patch, add};
use crate::wipe::wipe;
use fearless_simd::{Level, dispatch};

/// A point in pixels; the centre of the top left pixel is (0, 0).
pub type Point = [f32; 2];

/// Where the five landmarks lie in a 112x112 face: eye at the image's left, eye at its right, tip of
/// the nose, corner of the mouth at the left, at the right. The template of ArcFace.
pub const TEMPLATE: [Point; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];
/// The side of the face that [`TEMPLATE`] describes, in pixels.
const TEMPLATE_SIDE: f32 = 112.0;
/// The most samples a side that are averaged for one pixel when a square is made smaller.
const SAMPLES_MAX: u32 = 8;
/// How many pixels lie between two samples when a face is aligned: sampling between pixels smooths by
/// itself.
const ALIGNED_SAMPLE_PIXELS: f32 = 1.5;
/// The most pixels a side that are made one before that.
const BLOCK_MAX: f32 = 64.0;

/// Turning, scaling and moving: `(x, y)` becomes `(a x - b y + dx, b x + a y + dy)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    a: f32,
    b: f32,
    dx: f32,
    dy: f32,
}

impl Similarity {
    /// The one that brings `from` nearest to `to` in the sense of least squares; nothing when the
    /// points of `from` fall together or are not finite.
    #[must_use]
    pub fn fit(from: &[Point; 5], to: &[Point; 5]) -> Option<Self> {
        let ([fx, fy], [tx, ty]) = (mean(from), mean(to));
        let (mut dot, mut cross, mut square) = (0.0, 0.0, 0.0);
        for ([x, y], [u, v]) in from.iter().zip(to) {
            let (x, y, u, v) = (x - fx, y - fy, u - tx, v - ty);
            dot += x * u + y * v;
            cross += x * v - y * u;
            square += x * x + y * y;
        }
        let (a, b) = (dot / square, cross / square);
        let fit = Self { a, b, dx: tx - (a * fx - b * fy), dy: ty - (b * fx + a * fy) };
        let is_usable = square > 1e-6 && (a * a + b * b).is_normal();
        (is_usable && fit.dx.is_finite() && fit.dy.is_finite()).then_some(fit)
    }

    /// Where a point goes.
    #[must_use]
    pub fn apply(&self, point: Point) -> Point {
        let [x, y] = self.turn(point);
        [x + self.dx, y + self.dy]
    }

    /// Turned and scaled, but not moved.
    fn turn(&self, [x, y]: Point) -> Point {
        [self.a * x - self.b * y, self.b * x + self.a * y]
    }

    /// The same into a picture of which each `block` x `block` pixels are one.
    pub(crate) fn into_blocks(self, block: u32) -> Self {
        let block = side(block);
        let place = |place: f32| (place - (block - 1.0) / 2.0) / block;
        Self { a: self.a / block, b: self.b / block, dx: place(self.dx), dy: place(self.dy) }
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self { a, b, dx: -(a * self.dx - b * self.dy), dy: -(b * self.dx + a * self.dy) }
    }
}

fn mean(points: &[Point; 5]) -> Point {
    let [x, y] = points.iter().fold([0.0, 0.0], |[x, y], [px, py]| [x + px, y + py]);
    [x / 5.0, y / 5.0]
}

/// The face with these landmarks as the input asks, aligned to [`TEMPLATE`]; black outside the picture.
/// Nothing when the landmarks make no face.
///
/// Where it is made smaller, each pixel is the mean of samples that lie between the picture's pixels, or
/// between those of a smaller picture, each of which is the mean of a block.
#[must_use]
pub fn aligned(picture: &Picture, landmarks: &[Point; 5], input: &Input) -> Option<Vec<f32>> {
    let back = Similarity::fit(landmarks, &TEMPLATE)?.inverse();
    let (sx, sy) = (TEMPLATE_SIDE / side(input.width), TEMPLATE_SIDE / side(input.height));
    let place = |x: f32, y: f32| [(x - 0.5) * sx, (y - 0.5) * sy];
    let corners = [place(0.0, 0.0), place(side(input.width), side(input.height))];
    let (block, samples) = coarseness(back.a.hypot(back.b) * sx.max(sy));
    let back = back.into_blocks(block);
    let patch = Patch::between(picture, corners, &back, input.channels, block);
    let part = 1.0 / side(samples);
    let (across, down) = (back.turn([part * sx, 0.0]), back.turn([0.0, part * sy]));
    let channels = input.channels.count();
    Some(fill(input, |x, y| {
        let first = back.apply(place(side(x) + part / 2.0, side(y) + part / 2.0));
        let mut means = [0.0; 3];
        for (channel, mean) in means.iter_mut().enumerate().take(channels) {
            *mean = patch.mean(channel, samples, [first, across, down]);
        }
        means
    }))
}

/// How many pixels a side are made one, and how many samples a side are taken of those, where `step`
/// pixels become one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between 1 and a small number"
)]
fn coarseness(step: f32) -> (u32, u32) {
    let block = step.floor().clamp(1.0, BLOCK_MAX);
    (block as u32, samples(step / block / ALIGNED_SAMPLE_PIXELS, SAMPLES_MAX))
}

/// The square of this side about a centre, made as small as the input by averaging; outside the
/// picture its edge is repeated.
///
/// Each pixel is the mean of samples on a grid, each of which lies between four of the picture's
/// pixels. Both directions are independent, so columns are made short first, for whose numbers a
/// vector unit has use, and rows narrow then.
#[must_use]
pub fn square(picture: &Picture, centre: Point, side_pixels: f32, input: &Input) -> Vec<f32> {
    let [cx, cy] = centre;
    let samples = samples(side_pixels / side(input.width), SAMPLES_MAX);
    let across = Taps::along(cx, side_pixels, input.width, samples, picture.width());
    let down = Taps::along(cy, side_pixels, input.height, samples, picture.height());
    let first = across.iter().map(|taps| taps.first).min().unwrap_or_default();
    let end = across.iter().map(Taps::end).max().unwrap_or_default();
    let lines = picture.rgb().chunks_exact(picture.width() as usize * 3);
    let mut short = vec![0.0_f32; down.len() * (end - first) * 3];
    for (taps, sums) in down.iter().zip(short.chunks_exact_mut(((end - first) * 3).max(1))) {
        for (weight, line) in taps.weights.iter().zip(lines.clone().skip(taps.first)) {
            let line = line.get(first * 3..end * 3).unwrap_or_default();
            dispatch!(Level::new(), simd => add(simd, sums, *weight, line));
        }
    }
    let values = fill(input, |x, y| {
        let Some(taps) = across.get(x as usize) else { return [0.0; 3] };
        let place = y as usize * (end - first) + taps.first - first;
        let mut sum = [0.0; 3];
        for (weight, pixel) in taps.weights.iter().zip(short.as_chunks::<3>().0.iter().skip(place))
        {
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
        }
        input.channels.of(sum)
    });
    wipe(&mut short);
    values
}

/// Of one pixel of a smaller picture, in one direction: which pixels of the larger one count, from the
/// first on, and how much each does. Together they count 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    /// The taps of all pixels of a side about a centre; places outside count for the edge.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places are held between 0 and the picture's edge"
    )]
    fn along(centre: f32, length: f32, pixels: u32, samples: u32, edge: u32) -> Vec<Self> {
        let (step, origin) = (length / side(pixels), centre - length / 2.0);
        let pixel = |pixel: u32| {
            let places = (0..samples).map(|part| {
                let place = side(pixel) + (side(part) + 0.5) / side(samples);
                (origin + place * step - 0.5).clamp(0.0, side(edge - 1))
            });
            let places: Vec<f32> = places.collect();
            let first = places.first().map_or(0, |place| *place as usize);
            let mut weights = Vec::new();
            for place in places {
                let share = place - place.floor();
                for (offset, weight) in [(0, 1.0 - share), (1, share)] {
                    let at = (place as usize + offset).saturating_sub(first);
                    if weight > 0.0 {
                        weights.resize(weights.len().max(at + 1), 0.0);
                        if let Some(sum) = weights.get_mut(at) {
                            *sum += weight / side(samples);
                        }
                    }
                }
            }
            Self { first, weights }
        };
        (0..pixels).map(pixel).collect()
    }

    /// Behind the last pixel that counts.
    fn end(&self) -> usize {
        self.first + self.weights.len()
    }
}

/// How many samples a side are as fine as `step` to one.
fn samples(step: f32, most: u32) -> u32 {
    (1..most).find(|n| side(*n) >= step).unwrap_or(most)
}

/// A tensor in the input's layout from its pixels' channels (0 to 255).
pub(crate) fn fill(input: &Input, pixel: impl Fn(u32, u32) -> [f32; 3]) -> Vec<f32> {
    let channels = input.channels.count();
    let area = input.width as usize * input.height as usize;
    let mut values = vec![0.0; area * channels];
    let normal: Vec<_> = input.mean.iter().copied().zip(input.scale.iter().copied()).collect();
    let places = (0..input.height).flat_map(|y| (0..input.width).map(move |x| (x, y)));
    for (place, (x, y)) in places.enumerate() {
        let colours = pixel(x, y);
        for (channel, (colour, (mean, scale))) in colours.iter().zip(&normal).enumerate() {
            let at = match input.layout {
                Layout::Nchw => channel * area + place,
                Layout::Nhwc => place * channels + channel,
            };
            if let Some(value) = values.get_mut(at) {
                *value = (colour - mean) * scale;
            }
        }
    }
    values
}

#[expect(clippy::cast_precision_loss, reason = "sides and counts of pixels are below 2^24")]
pub(crate) fn side(pixels: u32) -> f32 {
    pixels as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Channels;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_turned_scaled_and_moved_template_is_found_again(
            angle in -3.1_f32..3.1, scale in 0.2_f32..8.0, dx in -500.0_f32..500.0, dy in -500.0_f32..500.0,
        ) {
            let moved = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), dx, dy };
            let landmarks = TEMPLATE.map(|point| moved.apply(point));
            let back = Similarity::fit(&landmarks, &TEMPLATE).unwrap();
            for (landmark, wanted) in landmarks.iter().zip(TEMPLATE) {
                let [x, y] = back.apply(*landmark);
                prop_assert!((x - wanted[0]).abs() < 0.05 && (y - wanted[1]).abs() < 0.05);
                let [x, y] = back.inverse().apply(wanted);
                prop_assert!((x - landmark[0]).abs() < 0.5 && (y - landmark[1]).abs() < 0.5);
            }
        }
    }

    /// The colour between pixels; black outside.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a negative or huge place becomes the type's bound and is outside the picture"
    )]
    fn bilinear(picture: &Picture, [x, y]: Point) -> [f32; 3] {
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        let mut sum = [0.0; 3];
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let (px, py) = (left + dx, top + dy);
            let across = if dx > 0.0 { right_share } else { 1.0 - right_share };
            let share = across * if dy > 0.0 { lower_share } else { 1.0 - lower_share };
            if px < 0.0 || py < 0.0 || share <= 0.0 {
                continue;
            }
            if let Some(pixel) = picture.pixel(px as u32, py as u32) {
                sum.iter_mut().zip(pixel).for_each(|(sum, byte)| *sum += share * f32::from(byte));
            }
        }
        sum
    }

    /// Every sample by itself, as `square` describes it.
    fn sampled(picture: &Picture, [cx, cy]: Point, length: f32, input: &Input) -> Vec<f32> {
        let step = length / side(input.width);
        let samples = (1..SAMPLES_MAX).find(|n| side(*n) >= step).unwrap_or(SAMPLES_MAX);
        fill(input, |x, y| {
            let mut sum = [0.0; 3];
            for (i, j) in (0..samples).flat_map(|i| (0..samples).map(move |j| (i, j))) {
                let place = |pixel: u32, part: u32, centre: f32, edge: u32| {
                    let place = side(pixel) + (side(part) + 0.5) / side(samples);
                    (centre - length / 2.0 + place * step - 0.5).clamp(0.0, side(edge - 1))
                };
                let at = [place(x, i, cx, picture.width()), place(y, j, cy, picture.height())];
                let sample = bilinear(picture, at);
                sum.iter_mut().zip(sample).for_each(|(sum, value)| *sum += value);
            }
            input.channels.of(sum.map(|sum| sum / side(samples * samples)))
        })
    }

    /// Each block's mean; what one lacks at the edge is black.
    fn in_blocks(picture: &Picture, block: u32) -> Picture {
        let (width, height) = (picture.width().div_ceil(block), picture.height().div_ceil(block));
        let mut rgb = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let mut sum = [0_u32; 3];
            for (dy, dx) in (0..block).flat_map(|dy| (0..block).map(move |dx| (dy, dx))) {
                let pixel = picture.pixel(x * block + dx, y * block + dy).unwrap_or_default();
                sum.iter_mut().zip(pixel).for_each(|(sum, byte)| *sum += u32::from(byte));
            }
            rgb.extend(
                sum.map(|sum| u8::try_from((sum + block * block / 2) / (block * block)).unwrap()),
            );
        }
        Picture::from_rgb(width, height, rgb).unwrap()
    }

    fn picture(bytes: [u8; 32]) -> Picture {
        let rgb = (0..60 * 40 * 3).map(|at| bytes[at * 7 % 32]).collect();
        Picture::from_rgb(60, 40, rgb).unwrap()
    }

    fn input(channels: Channels) -> Input {
        Input {
            name: String::new(),
            layout: Layout::Nchw,
            width: 8,
            height: 8,
            channels,
            mean: vec![127.5; 3],
            scale: vec![1.0 / 127.5; 3],
            alignment: None,
            crop_scale: None,
        }
    }

    proptest! {
        #[test]
        fn an_aligned_face_is_the_mean_of_its_samples_wherever_it_lies(
            angle in -3.1_f32..3.1, scale in 0.02_f32..3.0, dx in -80.0_f32..140.0,
            dy in -80.0_f32..120.0, bytes: [u8; 32], is_grey: bool,
        ) {
            let picture = picture(bytes);
            let input = input(if is_grey { Channels::Grey } else { Channels::Bgr });
            let moved = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), dx, dy };
            let landmarks = TEMPLATE.map(|point| moved.apply(point));
            let back = Similarity::fit(&landmarks, &TEMPLATE).unwrap().inverse();
            let step = back.a.hypot(back.b) * TEMPLATE_SIDE / side(input.width);
            let (block, samples) = coarseness(step);
            let small = in_blocks(&picture, block);
            let block = side(block);
            let slow = fill(&input, |x, y| {
                let mut sum = [0.0; 3];
                for (i, j) in (0..samples).flat_map(|i| (0..samples).map(move |j| (i, j))) {
                    let place = |pixel: u32, part: u32| {
                        (side(pixel) + (side(part) + 0.5) / side(samples) - 0.5) * 14.0
                    };
                    let whole = back.apply([place(x, i), place(y, j)]);
                    let sample = bilinear(&small, whole.map(|at| (at - (block - 1.0) / 2.0) / block));
                    sum.iter_mut().zip(sample).for_each(|(sum, value)| *sum += value);
                }
                input.channels.of(sum.map(|sum| sum / side(samples * samples)))
            });
            let quick = aligned(&picture, &landmarks, &input).unwrap();
            for (one, other) in quick.iter().zip(slow) {
                // Blocks are rounded to bytes here: half a level.
                prop_assert!((one - other).abs() < 2e-3 + 0.5 / 127.5, "{one} {other}");
            }
        }

        #[test]
        fn a_square_is_the_mean_of_its_samples_wherever_it_lies(
            cx in -20.0_f32..80.0, cy in -20.0_f32..60.0, length in 1.0_f32..150.0, bytes: [u8; 32],
        ) {
            let (picture, input) = (picture(bytes), input(Channels::Rgb));
            let quick = square(&picture, [cx, cy], length, &input);
            for (one, other) in quick.iter().zip(sampled(&picture, [cx, cy], length, &input)) {
                prop_assert!((one - other).abs() < 1e-4, "{one} {other}");
            }
        }
    }

    #[test]
    fn landmarks_in_one_point_or_nowhere_make_no_face() {
        assert_eq!(Similarity::fit(&[[3.0, 4.0]; 5], &TEMPLATE), None);
        assert_eq!(Similarity::fit(&[[f32::NAN, 4.0]; 5], &TEMPLATE), None);
    }
}
