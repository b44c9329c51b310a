//! The part of a picture that a face takes, in the channels of a network, for sampling between pixels;
//! of a large face in blocks, each of which is the mean of its pixels.

use crate::align::{Point, Similarity, side};
use crate::decode::Picture;
use crate::manifest::Channels;
use crate::wipe::wipe;
use fearless_simd::{Level, Simd, dispatch};
use std::ops::Range;

/// Black pixels around a patch: one before its first, and two behind its last, because a sample lies
/// between a pixel and the next.
const BEFORE: usize = 1;
const AROUND: usize = 3;

/// Channels of a part of a picture, black around it. Overwritten when it is dropped.
///
/// A column or row of it is one of blocks, which begin at the picture's upper left. What the last ones
/// lack is black.
pub(crate) struct Patch {
    /// The column and row of the first number of a plane.
    left: f32,
    top: f32,
    /// The last column and row from which there is a next.
    right: f32,
    bottom: f32,
    width: usize,
    /// As many as the network has channels.
    planes: Vec<Vec<f32>>,
}

impl Drop for Patch {
    fn drop(&mut self) {
        self.planes.iter_mut().for_each(|plane| wipe(plane));
    }
}

impl Patch {
    /// What samples need whose places go from `first` to `last` (upper left and lower right) and are
    /// brought by `back` into the picture of which each `block` x `block` pixels are one.
    pub(crate) fn between(
        picture: &Picture,
        [first, last]: [Point; 2],
        back: &Similarity,
        channels: Channels,
        block: u32,
    ) -> Self {
        let corners = [first, [last[0], first[1]], last, [first[0], last[1]]];
        let corners = corners.map(|corner| back.apply(corner));
        let columns = part(corners.map(|[x, _]| x), picture.width(), block);
        let rows = part(corners.map(|[_, y]| y), picture.height(), block);
        let (width, height) = (columns.len() + AROUND, rows.len() + AROUND);
        let mut patch = Self {
            left: place(columns.start) - place(BEFORE),
            top: place(rows.start) - place(BEFORE),
            right: place(width - 2),
            bottom: place(height - 2),
            width,
            planes: vec![vec![0.0; width * height]; channels.count()],
        };
        dispatch!(Level::new(), simd => patch.take(simd, picture, [columns, rows], channels, block));
        patch
    }

    /// Takes columns and rows of blocks.
    #[inline(always)]
    fn take<S: Simd>(
        &mut self,
        simd: S,
        picture: &Picture,
        [columns, rows]: [Range<usize>; 2],
        channels: Channels,
        block: u32,
    ) {
        let share = 1.0 / side(block * block);
        let (bytes, block) = (picture.width() as usize * 3, block as usize);
        let end = (columns.end * block * 3).min(bytes);
        let of_row = columns.start * block * 3..end;
        let mut sums = vec![0.0; of_row.len()];
        let mut line = vec![0.0; of_row.len() / 3];
        let lines = picture.rgb().chunks_exact(bytes);
        for (at, row) in rows.enumerate() {
            sums.fill(0.0);
            for line in lines.clone().skip(row * block).take(block) {
                add(simd, &mut sums, share, line.get(of_row.clone()).unwrap_or_default());
            }
            for (channel, plane) in self.planes.iter_mut().enumerate() {
                let to = plane.chunks_exact_mut(self.width).nth(BEFORE + at).unwrap_or_default();
                let to = to.get_mut(BEFORE..).unwrap_or_default();
                if block == 1 {
                    one_channel(simd, channels, channel, &sums, to);
                    continue;
                }
                one_channel(simd, channels, channel, &sums, &mut line);
                for (value, pixels) in to.iter_mut().zip(line.chunks(block)) {
                    *value = pixels.iter().sum();
                }
            }
        }
        wipe(&mut sums);
        wipe(&mut line);
    }

    /// A channel at a place of the picture, between its four pixels; black outside the patch.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "held within the patch"
    )]
    #[inline(always)]
    pub(crate) fn sample(&self, channel: usize, [x, y]: Point) -> f32 {
        let x = (x - self.left).clamp(0.0, self.right);
        let y = (y - self.top).clamp(0.0, self.bottom);
        let (column, row) = (x as u32, y as u32);
        let (right, lower) = (x - side(column), y - side(row));
        let at = row as usize * self.width + column as usize;
        let pair = |at: usize| {
            self.planes
                .get(channel)
                .and_then(|plane| <[f32; 2]>::try_from(plane.get(at..at + 2)?).ok())
        };
        let (Some([a, b]), Some([c, d])) = (pair(at), pair(at + self.width)) else { return 0.0 };
        let (upper, under) = (a + right * (b - a), c + right * (d - c));
        upper + lower * (under - upper)
    }

    /// The mean of a channel over `samples` x `samples` places: the first one, and how far it is to the
    /// next, across and down.
    #[inline(always)]
    pub(crate) fn mean(
        &self,
        channel: usize,
        samples: u32,
        [first, across, down]: [Point; 3],
    ) -> f32 {
        let mut sum = 0.0;
        for j in 0..samples {
            let mut place = moved(first, down, side(j));
            for _ in 0..samples {
                sum += self.sample(channel, place);
                place = moved(place, across, 1.0);
            }
        }
        sum / side(samples * samples)
    }
}

/// The blocks of a side that places lie on and between.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held between 0 and the picture's edge"
)]
fn part(places: [f32; 4], edge: u32, block: u32) -> Range<usize> {
    let edge = side(edge.div_ceil(block));
    let held = |place: f32| place.clamp(0.0, edge) as usize;
    let first = held(places.into_iter().fold(f32::INFINITY, f32::min).floor());
    let end = held(places.into_iter().fold(f32::NEG_INFINITY, f32::max).ceil() + 1.0);
    first..end
}

/// Adds so much of a row's bytes to sums.
#[inline(always)]
pub(crate) fn add<S: Simd>(simd: S, sums: &mut [f32], weight: f32, line: &[u8]) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (sum, byte) in sums.iter_mut().zip(line) {
                *sum += weight * f32::from(*byte);
            }
        },
    );
}

/// Takes one of the channels of pixels.
#[inline(always)]
fn one_channel<S: Simd>(
    simd: S,
    channels: Channels,
    channel: usize,
    pixels: &[f32],
    values: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (value, pixel) in values.iter_mut().zip(pixels.as_chunks::<3>().0) {
                *value = channels.of(*pixel).get(channel).copied().unwrap_or_default();
            }
        },
    );
}

fn moved([x, y]: Point, [dx, dy]: Point, times: f32) -> Point {
    [x + times * dx, y + times * dy]
}

#[expect(clippy::cast_precision_loss, reason = "a picture's sides are below 2^24")]
fn place(pixel: usize) -> f32 {
    pixel as f32
}
