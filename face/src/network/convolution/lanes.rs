//! Sixteen channels side by side, which is how a vector unit takes them, and the way there and back
//! from the graph's order of one channel after another.

use super::Window;
use fearless_simd::{Simd, f32x4, prelude::*};

/// Channels that lie side by side.
pub(super) const LANES: usize = 16;
/// Channels that change their order in one step.
const QUAD: usize = 4;

/// One place in sixteen channels; a line of the cache, so that no vector lies in two.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lane(pub(super) [f32; LANES]);

impl Lane {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// The weights of sixteen channels for sixteen channels, those of one input channel side by side.
pub(super) type Block = [[f32; LANES]; LANES];

/// Lays rows of a group of channels side by side, zeros around them and for channels that there are not.
///
/// `first` is the first row, counted with those of the padding.
#[inline(always)]
pub(super) fn lay<S: Simd>(
    simd: S,
    window: &Window,
    input: &[f32],
    group: usize,
    first: usize,
    padded: &mut [Lane],
) {
    let plane = window.height * window.width;
    let channels = window.inputs - group * LANES;
    let input = &input[group * LANES * plane..];
    for (row, lanes) in padded.chunks_exact_mut(window.padded_width()).enumerate() {
        let inside = (first + row).checked_sub(window.top).filter(|row| *row < window.height);
        let Some(row) = inside else {
            lanes.fill(Lane::ZERO);
            continue;
        };
        let (left, lanes) = lanes.split_at_mut(window.left);
        let (lanes, right) = lanes.split_at_mut(window.width);
        left.fill(Lane::ZERO);
        right.fill(Lane::ZERO);
        let row = |channel: usize| &input[channel * plane + row * window.width..][..window.width];
        for quad in 0..LANES / QUAD {
            let channel = quad * QUAD;
            if channel + QUAD <= channels {
                let rows = [row(channel), row(channel + 1), row(channel + 2), row(channel + 3)];
                lay_quad(simd, rows, quad, lanes);
                continue;
            }
            for channel in channel..channel + QUAD {
                if channel < channels {
                    for (lane, value) in lanes.iter_mut().zip(row(channel)) {
                        lane.0[channel] = *value;
                    }
                } else {
                    for lane in lanes.iter_mut() {
                        lane.0[channel] = 0.0;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn lay_quad<S: Simd>(simd: S, rows: [&[f32]; QUAD], quad: usize, lanes: &mut [Lane]) {
    let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = [
        rows[0].as_chunks::<QUAD>(),
        rows[1].as_chunks::<QUAD>(),
        rows[2].as_chunks::<QUAD>(),
        rows[3].as_chunks::<QUAD>(),
    ];
    let (fours, rest) = lanes.as_chunks_mut::<QUAD>();
    for ((((lanes, a), b), c), d) in fours.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let columns = turned(
            simd,
            f32x4::load_array_ref(simd, a),
            f32x4::load_array_ref(simd, b),
            f32x4::load_array_ref(simd, c),
            f32x4::load_array_ref(simd, d),
        );
        for at in 0..QUAD {
            columns[at].store_array(&mut lanes[at].0.as_chunks_mut().0[quad]);
        }
    }
    for (at, lane) in rest.iter_mut().enumerate() {
        lane.0.as_chunks_mut().0[quad] = [a_rest[at], b_rest[at], c_rest[at], d_rest[at]];
    }
}

/// Adds places of a group of channels to the output, where they begin at `offset` of each channel.
#[inline(always)]
pub(super) fn spread<S: Simd>(
    simd: S,
    window: &Window,
    lanes: &[Lane],
    group: usize,
    offset: usize,
    output: &mut [f32],
) {
    let plane = window.out_height * window.out_width;
    let planes = output.chunks_mut(QUAD * plane).skip(group * (LANES / QUAD)).take(LANES / QUAD);
    for (quad, planes) in planes.enumerate() {
        if planes.len() == QUAD * plane {
            let (ab, cd) = planes.split_at_mut(2 * plane);
            let ((a, b), (c, d)) = (ab.split_at_mut(plane), cd.split_at_mut(plane));
            let part = offset..offset + lanes.len();
            let rows =
                [&mut a[part.clone()], &mut b[part.clone()], &mut c[part.clone()], &mut d[part]];
            spread_quad(simd, rows, quad, lanes);
            continue;
        }
        for (channel, plane) in planes.chunks_exact_mut(plane).enumerate() {
            for (value, lane) in plane[offset..].iter_mut().zip(lanes) {
                *value += lane.0[quad * QUAD + channel];
            }
        }
    }
}

#[inline(always)]
fn spread_quad<S: Simd>(simd: S, rows: [&mut [f32]; QUAD], quad: usize, lanes: &[Lane]) {
    let [a, b, c, d] = rows;
    let [(a, a_rest), (b, b_rest), (c, c_rest), (d, d_rest)] = [
        a.as_chunks_mut::<QUAD>(),
        b.as_chunks_mut::<QUAD>(),
        c.as_chunks_mut::<QUAD>(),
        d.as_chunks_mut::<QUAD>(),
    ];
    let (fours, rest) = lanes.as_chunks::<QUAD>();
    for ((((lanes, a), b), c), d) in fours.iter().zip(a).zip(b).zip(c).zip(d) {
        let rows = turned(
            simd,
            f32x4::load_array_ref(simd, &lanes[0].0.as_chunks().0[quad]),
            f32x4::load_array_ref(simd, &lanes[1].0.as_chunks().0[quad]),
            f32x4::load_array_ref(simd, &lanes[2].0.as_chunks().0[quad]),
            f32x4::load_array_ref(simd, &lanes[3].0.as_chunks().0[quad]),
        );
        (rows[0] + f32x4::load_array_ref(simd, a)).store_array(a);
        (rows[1] + f32x4::load_array_ref(simd, b)).store_array(b);
        (rows[2] + f32x4::load_array_ref(simd, c)).store_array(c);
        (rows[3] + f32x4::load_array_ref(simd, d)).store_array(d);
    }
    for (at, lane) in rest.iter().enumerate() {
        let [in_a, in_b, in_c, in_d] = lane.0.as_chunks().0[quad];
        a_rest[at] += in_a;
        b_rest[at] += in_b;
        c_rest[at] += in_c;
        d_rest[at] += in_d;
    }
}

/// Rows and columns of 4x4 numbers exchanged.
#[inline(always)]
fn turned<S: Simd>(
    simd: S,
    a: f32x4<S>,
    b: f32x4<S>,
    c: f32x4<S>,
    d: f32x4<S>,
) -> [f32x4<S>; QUAD] {
    let (ac_low, ac_high) = (simd.zip_low_f32x4(a, c), simd.zip_high_f32x4(a, c));
    let (bd_low, bd_high) = (simd.zip_low_f32x4(b, d), simd.zip_high_f32x4(b, d));
    [
        simd.zip_low_f32x4(ac_low, bd_low),
        simd.zip_high_f32x4(ac_low, bd_low),
        simd.zip_low_f32x4(ac_high, bd_high),
        simd.zip_high_f32x4(ac_high, bd_high),
    ]
}
