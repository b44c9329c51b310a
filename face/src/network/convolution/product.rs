//! The inner loop: matrix products whose sums stay in the vector unit's registers.

use super::lanes::{Block, LANES, Lane};
use fearless_simd::{Simd, f32x16, prelude::*};

/// What is summed for one place.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    /// Blocks of sixteen channels.
    pub(super) blocks: usize,
    /// Those of them at the beginning in which all channels are used.
    pub(super) whole: usize,
    /// Channels that are used in the others.
    pub(super) rest: usize,
}

/// How many places are multiplied at a time: what fits the registers, with the fewest left over.
///
/// With 32 registers of 512 bits 24 of them hold sums, with 16 of 256 or 128 bits 12.
#[inline(always)]
pub(super) fn strip<S: Simd>(places: usize) -> usize {
    let strips: &[usize] = match S::f32s::LEN {
        16 => &[12, 10, 8],
        8 => &[6, 5, 4],
        _ => &[3, 2],
    };
    strips.iter().copied().min_by_key(|strip| places.next_multiple_of(*strip)).unwrap_or(1)
}

/// Sums for each group of output channels and each place.
///
/// `weights` are blocks for each group, `values` strips of as many times `strip` places, `sums` the places
/// of each group.
#[inline(always)]
pub(super) fn multiply<S: Simd>(
    simd: S,
    strip: usize,
    depth: Depth,
    weights: &[Block],
    values: &[Lane],
    sums: &mut [Lane],
) {
    match (S::f32s::LEN, strip) {
        (16, 12) => by_two::<S, 12>(simd, depth, weights, values, sums),
        (16, 10) => by_two::<S, 10>(simd, depth, weights, values, sums),
        (16, _) => by_two::<S, 8>(simd, depth, weights, values, sums),
        (8, 6) => by_one::<S, 6>(simd, depth, weights, values, sums),
        (8, 5) => by_one::<S, 5>(simd, depth, weights, values, sums),
        (8, _) => by_one::<S, 4>(simd, depth, weights, values, sums),
        (_, 3) => by_one::<S, 3>(simd, depth, weights, values, sums),
        _ => by_one::<S, 2>(simd, depth, weights, values, sums),
    }
}

/// Two groups of output channels at a time.
#[inline(always)]
fn by_two<S: Simd, const STRIP: usize>(
    simd: S,
    depth: Depth,
    weights: &[Block],
    values: &[Lane],
    sums: &mut [Lane],
) {
    let places = values.len() / depth.blocks;
    for (weights, sums) in weights.chunks(2 * depth.blocks).zip(sums.chunks_mut(2 * places)) {
        let ((first, second), (to_first, to_second)) =
            (weights.split_at(depth.blocks), sums.split_at_mut(places));
        if second.is_empty() {
            strips::<S, 1, STRIP>(simd, depth, [first], values, [to_first]);
        } else {
            strips::<S, 2, STRIP>(simd, depth, [first, second], values, [to_first, to_second]);
        }
    }
}

/// One group of output channels at a time.
#[inline(always)]
fn by_one<S: Simd, const STRIP: usize>(
    simd: S,
    depth: Depth,
    weights: &[Block],
    values: &[Lane],
    sums: &mut [Lane],
) {
    let places = values.len() / depth.blocks;
    for (weights, sums) in weights.chunks_exact(depth.blocks).zip(sums.chunks_exact_mut(places)) {
        strips::<S, 1, STRIP>(simd, depth, [weights], values, [sums]);
    }
}

#[expect(
    clippy::needless_range_loop,
    reason = "plain counts, which the compiler unrolls so that the sums get registers"
)]
#[inline(always)]
fn strips<S: Simd, const GROUPS: usize, const STRIP: usize>(
    simd: S,
    depth: Depth,
    weights: [&[Block]; GROUPS],
    values: &[Lane],
    mut sums: [&mut [Lane]; GROUPS],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            for (number, values) in values.chunks_exact(depth.blocks * STRIP).enumerate() {
                let mut inside = [[f32x16::splat(simd, 0.0); STRIP]; GROUPS];
                for (at, values) in values.chunks_exact(STRIP).enumerate() {
                    let blocks = weights.map(|weights| &weights[at]);
                    let channels = if at < depth.whole { LANES } else { depth.rest };
                    for channel in 0..channels.min(LANES) {
                        let mut row = [f32x16::splat(simd, 0.0); GROUPS];
                        for group in 0..GROUPS {
                            row[group] = f32x16::load_array_ref(simd, &blocks[group][channel]);
                        }
                        // Places outside: the other way round all values would stay in registers.
                        for place in 0..STRIP {
                            let value = f32x16::splat(simd, values[place].0[channel]);
                            for group in 0..GROUPS {
                                inside[group][place] =
                                    row[group].mul_add(value, inside[group][place]);
                            }
                        }
                    }
                }
                for group in 0..GROUPS {
                    let sums = &mut sums[group][number * STRIP..][..STRIP];
                    for place in 0..STRIP {
                        inside[group][place].store_array(&mut sums[place].0);
                    }
                }
            }
        },
    );
}
