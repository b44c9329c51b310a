//! 3x3 convolutions, with the addition and the activation that follow them, on sixteen channels at a time.
//!
//! The runtime makes one matrix product of a convolution. Here those of stride 1 need 2.25 times fewer
//! multiplications (`winograd`), all of them work on bands of rows that stay in the second cache, and
//! what follows is done while a band is there. `rewrite` puts them into a graph.

#![expect(
    clippy::indexing_slicing,
    reason = "places follow from a window whose sides were compared with the tensors; checks stay"
)]

mod depthwise;
mod direct;
mod lanes;
mod product;
mod rewrite;
#[cfg(test)]
mod tests;
mod winograd;

pub(super) use rewrite::rewrite;

use fearless_simd::{Level, Simd, dispatch};
use lanes::{Block, LANES, Lane};
use product::Depth;
use std::cell::RefCell;
use std::ops::Range;
use tract_onnx::tract_hir::internal::*;

/// About how many lanes of a band stay in the second cache: 512 KiB.
const BAND_LANES: usize = 8192;
/// The fewest places of a band, so that weights are not read for too few: 7x7.
const BAND_PLACES_MIN: usize = 49;
/// The most lanes of a band that a network may need, 32 MiB: of a row of 1280 pixels with 512 channels.
const BAND_LANES_MAX: usize = 512 << 10;

/// What a convolution goes over.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
struct Window {
    /// Channels of the input.
    inputs: usize,
    /// Rows and columns of the input.
    height: usize,
    width: usize,
    /// Zeros before the first row and column.
    top: usize,
    left: usize,
    stride: usize,
    /// Channels of the output.
    outputs: usize,
    /// Rows and columns of the output.
    out_height: usize,
    out_width: usize,
}

impl Window {
    /// The input's shape.
    const fn shape(&self) -> [usize; 4] {
        [1, self.inputs, self.height, self.width]
    }

    /// The output's shape.
    const fn out_shape(&self) -> [usize; 4] {
        [1, self.outputs, self.out_height, self.out_width]
    }

    /// Has work done on the numbers of both, with the thread's memory; the output is the answer.
    fn over(
        &self,
        input: &Tensor,
        mut output: Tensor,
        work: impl FnOnce(&[f32], &mut [f32], &mut Scratch) -> TractResult<()>,
    ) -> TractResult<TVec<TValue>> {
        ensure!(input.shape() == self.shape() && output.shape() == self.out_shape());
        let input = input.try_as_plain_ram()?;
        let mut to = output.try_as_plain_ram_mut()?;
        SCRATCH.with_borrow_mut(|scratch| {
            work(input.as_slice::<f32>()?, to.as_slice_mut::<f32>()?, scratch)
        })?;
        Ok(tvec!(output.into_tvalue()))
    }

    /// Columns of a row with the zeros around it.
    fn padded_width(&self) -> usize {
        // An even number of outputs, because a place of `winograd` has two.
        let needed = (self.out_width.next_multiple_of(winograd::SIDE) - 1) * self.stride + 3;
        needed.max(self.left + self.width)
    }
}

/// How the sums are found.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Method {
    Winograd,
    Direct,
}

impl Method {
    /// Matrix products.
    const fn products(self) -> usize {
        match self {
            Self::Winograd => winograd::PRODUCTS,
            Self::Direct => 1,
        }
    }

    /// Weights of a pair of channels in one product.
    const fn taps(self) -> usize {
        match self {
            Self::Winograd => 1,
            Self::Direct => direct::TAPS,
        }
    }

    /// Outputs of a place, each way.
    const fn side(self) -> usize {
        match self {
            Self::Winograd => winograd::SIDE,
            Self::Direct => 1,
        }
    }
}

/// A 3x3 convolution of a batch of one, in f32, in the order channel, row, column. A second input is
/// added to its sums.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Convolution {
    window: Window,
    method: Method,
    /// `Block`s for each product, group of output channels and depth.
    weights: Arc<Tensor>,
    /// One for each output channel.
    bias: Arc<Tensor>,
    /// What a sum below zero is multiplied with: one, or one for each output channel. ReLU is 0; it makes
    /// of an infinite sum what is no number, and the answer is refused.
    slopes: Arc<Tensor>,
}

/// Memory that the runs of a thread share.
#[derive(Default)]
struct Scratch {
    padded: Vec<Lane>,
    values: Vec<Lane>,
    sums: Vec<Lane>,
    pixels: Vec<Lane>,
    /// For numbers that lie one after another.
    line: Vec<f32>,
    line_sums: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The first so many of a memory that grows when it has fewer.
fn part<T: Clone>(memory: &mut Vec<T>, count: usize, empty: T) -> &mut [T] {
    if memory.len() < count {
        memory.resize(count, empty);
    }
    &mut memory[..count]
}

impl Convolution {
    /// The operator for weights in the order output, input, row, column; nothing where it would need too
    /// much memory.
    fn new(
        window: Window,
        weights: &[f32],
        bias: Arc<Tensor>,
        slopes: Arc<Tensor>,
    ) -> TractResult<Option<Self>> {
        let tiles =
            window.out_height.div_ceil(winograd::SIDE) * window.out_width.div_ceil(winograd::SIDE);
        let is_less =
            tiles * winograd::PRODUCTS < window.out_height * window.out_width * direct::TAPS;
        let method = if window.stride == 1 && is_less { Method::Winograd } else { Method::Direct };
        let empty = Tensor::zero::<f32>(&[0])?.into_arc_tensor();
        let mut made = Self { window, method, weights: empty, bias, slopes };
        if made.rows_at_once() * made.row_lanes() > BAND_LANES_MAX {
            return Ok(None);
        }
        made.weights = made.blocks(weights)?.into_arc_tensor();
        Ok(Some(made))
    }

    /// Weights as the products take them.
    fn blocks(&self, weights: &[f32]) -> TractResult<Tensor> {
        let (depth, groups) = (self.depth(), self.groups());
        let mut blocks =
            Tensor::zero::<f32>(&[self.method.products(), groups, depth, LANES, LANES])?;
        let mut view = blocks.try_as_plain_ram_mut()?;
        let to = view.as_slice_mut::<f32>()?.as_chunks_mut::<LANES>().0;
        let kernels = weights.as_chunks::<{ direct::TAPS }>().0;
        for (output, kernels) in kernels.chunks_exact(self.window.inputs).enumerate() {
            let (group, lane) = (output / LANES, output % LANES);
            for (input, kernel) in kernels.iter().enumerate() {
                let (inputs, row) = (input / LANES, input % LANES);
                match self.method {
                    Method::Winograd => {
                        for (product, weight) in winograd::weights(kernel).into_iter().enumerate() {
                            let block = (product * groups + group) * depth + inputs;
                            to[block * LANES + row][lane] = weight;
                        }
                    }
                    Method::Direct => {
                        for (tap, weight) in kernel.iter().enumerate() {
                            let block = group * depth + inputs * direct::TAPS + tap;
                            to[block * LANES + row][lane] = *weight;
                        }
                    }
                }
            }
        }
        Ok(blocks)
    }

    /// Blocks that are summed for a group of output channels.
    fn depth(&self) -> usize {
        self.window.inputs.div_ceil(LANES) * self.method.taps()
    }

    /// Groups of output channels.
    fn groups(&self) -> usize {
        self.window.outputs.div_ceil(LANES)
    }

    /// Places of a row.
    fn across(&self) -> usize {
        self.window.out_width.div_ceil(self.method.side())
    }

    /// Lanes of a row of places.
    fn row_lanes(&self) -> usize {
        self.across() * self.method.products() * (self.depth() + self.groups())
    }

    /// Rows of places in a band, so that all bands are about as large.
    fn rows_at_once(&self) -> usize {
        let rows = self.window.out_height.div_ceil(self.method.side());
        let fewest = BAND_PLACES_MIN.div_ceil(self.across());
        let most = (BAND_LANES / self.row_lanes()).max(fewest);
        rows.div_ceil(rows.div_ceil(most))
    }

    /// Runs with the instructions of a level.
    fn answer(&self, level: Level, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shape = self.window.out_shape();
        let output = match inputs.len() {
            1 => Tensor::zero::<f32>(&shape)?,
            _ => inputs.pop().context("no second input")?.into_tensor(),
        };
        let input = inputs.pop().context("no input")?;
        self.window.over(&input, output, |input, output, scratch| {
            dispatch!(level, simd => self.add(simd, input, output, scratch))
        })
    }

    /// Adds the sums to `output` and lets bias and activation follow.
    #[inline(always)]
    fn add<S: Simd>(
        &self,
        simd: S,
        input: &[f32],
        output: &mut [f32],
        scratch: &mut Scratch,
    ) -> TractResult<()> {
        let window = &self.window;
        let weights = self.weights.try_as_plain_ram()?;
        let weights: &[Block] =
            weights.as_slice::<f32>()?.as_chunks::<LANES>().0.as_chunks::<LANES>().0;
        let (depth, groups, across) = (self.depth(), self.groups(), self.across());
        let (products, side) = (self.method.products(), self.method.side());
        let inside = Depth {
            blocks: depth,
            whole: window.inputs / LANES * self.method.taps(),
            rest: window.inputs % LANES,
        };
        let rows = window.out_height.div_ceil(side);
        let at_once = self.rows_at_once();
        for first in (0..rows).step_by(at_once) {
            let rows = at_once.min(rows - first);
            let strip = product::strip::<S>(rows * across);
            let places = (rows * across).next_multiple_of(strip);
            let padded_rows = (rows * side - 1) * window.stride + 3;
            let padded = part(&mut scratch.padded, padded_rows * window.padded_width(), Lane::ZERO);
            let values = part(&mut scratch.values, products * depth * places, Lane::ZERO);
            let sums = part(&mut scratch.sums, products * groups * places, Lane::ZERO);
            for group in 0..window.inputs.div_ceil(LANES) {
                simd.vectorize(
                    #[inline(always)]
                    || {
                        lanes::lay(
                            simd,
                            window,
                            input,
                            group,
                            first * side * window.stride,
                            padded,
                        );
                        let into = (group, depth, strip);
                        match self.method {
                            Method::Winograd => winograd::take(simd, window, padded, into, values),
                            Method::Direct => direct::take(window, padded, into, values),
                        }
                    },
                );
            }
            let of_products = weights
                .chunks_exact(groups * depth)
                .zip(values.chunks_exact(depth * places))
                .zip(sums.chunks_exact_mut(groups * places));
            for ((weights, values), sums) in of_products {
                product::multiply(simd, strip, inside, weights, values, sums);
            }
            let out_rows = (rows * side).min(window.out_height - first * side);
            let pixels = part(&mut scratch.pixels, out_rows * window.out_width, Lane::ZERO);
            let offset = first * side * window.out_width;
            for group in 0..groups {
                simd.vectorize(
                    #[inline(always)]
                    || match self.method {
                        Method::Winograd => {
                            winograd::give(simd, window, sums, (group, groups), pixels);
                            lanes::spread(simd, window, pixels, group, offset, output);
                        }
                        Method::Direct => {
                            let sums = &sums[group * places..][..pixels.len()];
                            lanes::spread(simd, window, sums, group, offset, output);
                        }
                    },
                );
            }
            simd.vectorize(
                #[inline(always)]
                || self.settle(offset..offset + pixels.len(), output),
            )?;
        }
        Ok(())
    }

    /// Adds the bias to a part of each channel and lets the activation follow.
    #[inline(always)]
    fn settle(&self, part: Range<usize>, output: &mut [f32]) -> TractResult<()> {
        let (bias, slopes) = (self.bias.try_as_plain_ram()?, self.slopes.try_as_plain_ram()?);
        let numbers = bias.as_slice::<f32>()?.iter().zip(slopes.as_slice::<f32>()?.iter().cycle());
        let planes = output.chunks_exact_mut(self.window.out_height * self.window.out_width);
        for (plane, (&bias, &slope)) in planes.zip(numbers) {
            for value in &mut plane[part.clone()] {
                let sum = *value + bias;
                *value = if sum < 0.0 { slope * sum } else { sum };
            }
        }
        Ok(())
    }
}

impl Op for Convolution {
    fn name(&self) -> StaticName {
        match self.method {
            Method::Winograd => "WinogradConvolution".into(),
            Method::Direct => "DirectConvolution".into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for Convolution {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.answer(Level::new(), inputs)
    }
}

impl TypedOp for Convolution {
    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.window.out_shape())))
    }

    as_op!();
}
