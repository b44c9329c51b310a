//! Winograd's F(2x2, 3x3): four outputs of a 3x3 convolution of stride 1 from sixteen products
//! instead of 36.
//!
//! A place is a tile of 2x2 outputs, which depends on 4x4 inputs. Inputs and weights are transformed so
//! that a product for each of the sixteen positions, summed over channels, transforms into the outputs.
//! The transforms of inputs and outputs only add and subtract, so that little precision is lost.

use super::Window;
use super::lanes::Lane;
use fearless_simd::{Simd, f32x16, prelude::*};

/// Products of a place.
pub(super) const PRODUCTS: usize = 16;
/// Outputs of a place, each way.
pub(super) const SIDE: usize = 2;
/// Inputs of a place, each way.
const REACH: usize = 4;

/// The sixteen weights of a pair of channels from its 3x3.
pub(super) fn weights(kernel: &[f32; 9]) -> [f32; PRODUCTS] {
    // In f64, so that only the last step rounds.
    let transformed = |[a, b, c]: [f64; 3]| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    let of_column =
        |column: usize| transformed([0, 3, 6].map(|row| f64::from(kernel[row + column])));
    let columns = [of_column(0), of_column(1), of_column(2)];
    let mut weights = [0.0; PRODUCTS];
    for (row, to) in weights.as_chunks_mut::<REACH>().0.iter_mut().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32 throughout")]
        let rounded = transformed(columns.map(|column| column[row])).map(|value| value as f32);
        *to = rounded;
    }
    weights
}

/// Transforms the inputs of a group of channels, rows of places from the first of `padded` on.
///
/// `values` has `depth` times `strip` for each strip of places, of which these are number `group`, and
/// that for each product.
#[inline(always)]
pub(super) fn take<S: Simd>(
    simd: S,
    window: &Window,
    padded: &[Lane],
    (group, depth, strip): (usize, usize, usize),
    values: &mut [Lane],
) {
    let across = window.out_width.div_ceil(SIDE);
    let width = window.padded_width();
    let each = values.len() / PRODUCTS;
    let mut products = values.chunks_exact_mut(each);
    let products: [&mut [Lane]; PRODUCTS] =
        std::array::from_fn(|_| products.next().unwrap_or_default());
    let (mut at, mut inside) = (group * strip, 0);
    for padded in padded.windows(REACH * width).step_by(SIDE * width) {
        let (above, below) = padded.split_at(2 * width);
        let ((first, second), (third, fourth)) = (above.split_at(width), below.split_at(width));
        let rows = [first, second, third, fourth];
        let (mut a, mut b) = (column(simd, rows, 0), column(simd, rows, 1));
        for place in 0..across {
            let x = SIDE * place;
            let (c, d) = (column(simd, rows, x + 2), column(simd, rows, x + 3));
            for row in 0..REACH {
                (a[row] - c[row]).store_array(&mut products[row * REACH][at + inside].0);
                (b[row] + c[row]).store_array(&mut products[row * REACH + 1][at + inside].0);
                (c[row] - b[row]).store_array(&mut products[row * REACH + 2][at + inside].0);
                (b[row] - d[row]).store_array(&mut products[row * REACH + 3][at + inside].0);
            }
            (a, b) = (c, d);
            inside += 1;
            if inside == strip {
                (at, inside) = (at + depth * strip, 0);
            }
        }
    }
}

/// A column of a tile, transformed.
#[inline(always)]
fn column<S: Simd>(simd: S, rows: [&[Lane]; REACH], x: usize) -> [f32x16<S>; REACH] {
    let a = f32x16::load_array_ref(simd, &rows[0][x].0);
    let b = f32x16::load_array_ref(simd, &rows[1][x].0);
    let c = f32x16::load_array_ref(simd, &rows[2][x].0);
    let d = f32x16::load_array_ref(simd, &rows[3][x].0);
    [a - c, b + c, c - b, b - d]
}

/// Transforms the sums of a group of channels back into rows of outputs.
///
/// `sums` has the places of each of so many groups, for each product.
#[inline(always)]
pub(super) fn give<S: Simd>(
    simd: S,
    window: &Window,
    sums: &[Lane],
    (group, groups): (usize, usize),
    pixels: &mut [Lane],
) {
    let each = sums.len() / PRODUCTS;
    let places = each / groups;
    let products: [&[Lane]; PRODUCTS] =
        std::array::from_fn(|product| &sums[product * each + group * places..][..places]);
    let across = window.out_width.div_ceil(SIDE);
    for (row, pixels) in pixels.chunks_mut(SIDE * window.out_width).enumerate() {
        let (upper, lower) = pixels.split_at_mut(window.out_width);
        for place in 0..across {
            let mut above = [f32x16::splat(simd, 0.0); REACH];
            let mut below = above;
            let at = row * across + place;
            for column in 0..REACH {
                let a = f32x16::load_array_ref(simd, &products[column][at].0);
                let b = f32x16::load_array_ref(simd, &products[REACH + column][at].0);
                let c = f32x16::load_array_ref(simd, &products[2 * REACH + column][at].0);
                let d = f32x16::load_array_ref(simd, &products[3 * REACH + column][at].0);
                above[column] = a + b + c;
                below[column] = b - c - d;
            }
            let x = SIDE * place;
            let is_whole = x + 1 < window.out_width;
            (above[0] + above[1] + above[2]).store_array(&mut upper[x].0);
            if is_whole {
                (above[1] - above[2] - above[3]).store_array(&mut upper[x + 1].0);
            }
            // The last row of tiles may have no lower half.
            if !lower.is_empty() {
                (below[0] + below[1] + below[2]).store_array(&mut lower[x].0);
                if is_whole {
                    (below[1] - below[2] - below[3]).store_array(&mut lower[x + 1].0);
                }
            }
        }
    }
}
