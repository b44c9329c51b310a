//! Depthwise 3x3 convolutions, one filter for each channel, with the activation that follows.
//!
//! The runtime takes pixels at the border one by one, and with stride 2 all of them, which is most of a
//! face of 7x7 or 14x14. Here a channel is copied between zeros, so that all of its rows are one long row.

use super::lanes::LANES;
use super::{BAND_LANES_MAX, Scratch, Window, part};
use fearless_simd::{Level, Simd, dispatch, f32x16, prelude::*};
use tract_onnx::tract_hir::internal::*;

/// Weights of a channel.
const TAPS: usize = 9;
/// About how many values are summed before they are copied, so that they stay in the first cache: 8 KiB.
const RUN: usize = 2048;

/// A depthwise 3x3 convolution of a batch of one, in f32, in the order channel, row, column.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct Depthwise {
    window: Window,
    /// Nine for each channel.
    weights: Arc<Tensor>,
    /// One for each channel.
    bias: Arc<Tensor>,
    /// What a sum below zero is multiplied with: one, or one for each channel.
    slopes: Arc<Tensor>,
}

impl Depthwise {
    /// The operator; nothing where it would need too much memory.
    pub(super) fn new(
        window: Window,
        weights: Arc<Tensor>,
        bias: Arc<Tensor>,
        slopes: Arc<Tensor>,
    ) -> Option<Self> {
        let made = Self { window, weights, bias, slopes };
        (made.padded() <= BAND_LANES_MAX * LANES).then_some(made)
    }

    /// Numbers of a channel with the zeros around it; the last sums of a run reach further than its last row.
    fn padded(&self) -> usize {
        self.rows() * self.window.padded_width() + 2 * LANES
    }

    /// Rows of a channel with the zeros around it.
    const fn rows(&self) -> usize {
        (self.window.out_height - 1) * self.window.stride + 3
    }

    /// Runs with the instructions of a level.
    pub(super) fn answer(
        &self,
        level: Level,
        mut inputs: TVec<TValue>,
    ) -> TractResult<TVec<TValue>> {
        let output = Tensor::zero::<f32>(&self.window.out_shape())?;
        let input = inputs.pop().context("no input")?;
        self.window.over(&input, output, |input, output, scratch| {
            dispatch!(level, simd => self.fill(simd, input, output, scratch))
        })
    }

    #[inline(always)]
    fn fill<S: Simd>(
        &self,
        simd: S,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut Scratch,
    ) -> TractResult<()> {
        let Window { height, width, top, left, stride, out_height, out_width, .. } = self.window;
        let (weights, bias) = (self.weights.try_as_plain_ram()?, self.bias.try_as_plain_ram()?);
        let slopes = self.slopes.try_as_plain_ram()?;
        let weights = weights.as_slice::<f32>()?.as_chunks::<TAPS>().0;
        let numbers = weights.iter().zip(bias.as_slice::<f32>()?);
        let numbers = numbers.zip(slopes.as_slice::<f32>()?.iter().cycle());
        let across = self.window.padded_width();
        let padded = part(&mut scratch.line, self.padded(), 0.0);
        padded.fill(0.0);
        let at_once = if stride == 1 { (RUN / across).max(1) } else { 1 };
        let planes =
            input.chunks_exact(height * width).zip(output.chunks_exact_mut(out_height * out_width));
        for ((input, output), ((weights, bias), slope)) in planes.zip(numbers) {
            let lines = padded[left..].chunks_mut(across).take(self.rows()).skip(top);
            for (line, values) in lines.zip(input.chunks_exact(width)) {
                line[..width].copy_from_slice(values);
            }
            let mut first = 0;
            for output in output.chunks_mut(at_once * out_width) {
                let count = output.len() / out_width;
                let values = (count - 1) * across + (out_width - 1) * stride + 1;
                let sums = part(&mut scratch.line_sums, values.next_multiple_of(LANES), 0.0);
                let from = &padded[first * stride * across..];
                simd.vectorize(
                    #[inline(always)]
                    || {
                        sum(simd, from, across, weights, *bias, *slope, sums);
                        let lines = sums.chunks(across);
                        for (output, sums) in output.chunks_exact_mut(out_width).zip(lines) {
                            for (value, sum) in output.iter_mut().zip(sums.iter().step_by(stride)) {
                                *value = *sum;
                            }
                        }
                    },
                );
                first += count;
            }
        }
        Ok(())
    }
}

/// Sums at each place, the rows below being `across` further on.
#[inline(always)]
fn sum<S: Simd>(
    simd: S,
    from: &[f32],
    across: usize,
    weights: &[f32; TAPS],
    bias: f32,
    slope: f32,
    sums: &mut [f32],
) {
    let (bias, slope) = (f32x16::splat(simd, bias), f32x16::splat(simd, slope));
    let zero = f32x16::splat(simd, 0.0);
    for (at, sums) in sums.chunks_exact_mut(LANES).enumerate() {
        let from = &from[at * LANES..];
        let mut sum = bias;
        for (row, weights) in weights.chunks_exact(3).enumerate() {
            let row = &from[row * across..][..LANES + 2];
            for (column, weight) in weights.iter().enumerate() {
                let values = f32x16::from_slice(simd, &row[column..column + LANES]);
                sum = values.mul_add(*weight, sum);
            }
        }
        sum.simd_lt(zero).select(sum * slope, sum).store_slice(sums);
    }
}

impl Op for Depthwise {
    fn name(&self) -> StaticName {
        "DepthwiseConvolution".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Depthwise {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.answer(Level::new(), inputs)
    }
}

impl TypedOp for Depthwise {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.window.out_shape())))
    }

    as_op!();
}
