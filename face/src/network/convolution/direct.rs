//! A 3x3 convolution as one matrix product: a place is an output, and depends on nine inputs of each
//! channel. For strides other than 1.

use super::Window;
use super::lanes::Lane;

/// Weights of a pair of channels.
pub(super) const TAPS: usize = 9;
/// Weights of a pair of channels, each way.
const SIDE: usize = 3;

/// Copies the inputs of a group of channels, `rows` of places from the first of `padded`.
///
/// `values` has `depth` times `strip` for each strip of places, of which these are those of `group`.
#[inline(always)]
pub(super) fn take(
    window: &Window,
    padded: &[Lane],
    (group, depth, strip): (usize, usize, usize),
    values: &mut [Lane],
) {
    let width = window.padded_width();
    let (mut at, mut inside) = (group * TAPS * strip, 0);
    for padded in padded.windows(SIDE * width).step_by(window.stride * width) {
        for place in 0..window.out_width {
            let mut to = at + inside;
            for row in padded.chunks_exact(width) {
                for from in &row[place * window.stride..][..SIDE] {
                    values[to] = *from;
                    to += strip;
                }
            }
            inside += 1;
            if inside == strip {
                (at, inside) = (at + depth * strip, 0);
            }
        }
    }
}
