//! Graphs that were rewritten answer what they answered before.

use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::math::{add, max};
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Of the greatest number, between a graph and its rewritten self.
const DIFFERENCE_MAX: f32 = 1e-5;

/// What follows a convolution.
#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    Relu,
    PRelu,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    inputs: usize,
    outputs: usize,
    is_depthwise: bool,
    height: usize,
    width: usize,
    padding: usize,
    stride: usize,
    has_bias: bool,
    is_added: bool,
    after: After,
}

impl Case {
    /// A convolution that is rewritten.
    const fn dense(inputs: usize, outputs: usize, height: usize, width: usize) -> Self {
        Self {
            inputs,
            outputs,
            is_depthwise: false,
            height,
            width,
            padding: 1,
            stride: 1,
            has_bias: true,
            is_added: true,
            after: After::PRelu,
        }
    }

    fn out_side(&self, side: usize) -> usize {
        (side + 2 * self.padding - 3) / self.stride + 1
    }

    fn input(&self) -> Tensor {
        numbers(1, &[1, self.inputs, self.height, self.width])
    }

    fn model(&self) -> TypedModel {
        let mut model = TypedModel::default();
        let shape = [1, self.inputs, self.height, self.width];
        let face = model.add_source("face", f32::fact(shape)).unwrap();
        let outputs = if self.is_depthwise { self.inputs } else { self.outputs };
        let of_each = if self.is_depthwise { 1 } else { self.inputs };
        let kernel = model.add_const("kernel", numbers(2, &[outputs, of_each, 3, 3])).unwrap();
        let bias = if self.has_bias { numbers(3, &[outputs]) } else { tensor0(0f32) };
        let bias = model.add_const("bias", bias).unwrap();
        let pool_spec = PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec!(3, 3),
            padding: PaddingSpec::Explicit(tvec!(self.padding; 2), tvec!(self.padding; 2)),
            dilations: None,
            strides: Some(tvec!(self.stride; 2)),
            input_channels: self.inputs,
            output_channels: outputs,
        };
        let group = if self.is_depthwise { self.inputs } else { 1 };
        let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group, q_params: None };
        let mut wire = model.wire_node("conv", conv, &[face, kernel, bias]).unwrap();
        if self.is_added {
            let shape = [1, outputs, self.out_side(self.height), self.out_side(self.width)];
            let other = model.add_const("other", numbers(4, &shape)).unwrap();
            wire = model.wire_node("added", add(), &[wire[0], other]).unwrap();
        }
        wire = match self.after {
            After::Nothing => wire,
            After::Relu => {
                let zero = model.add_const("zero", Tensor::zero::<f32>(&[1; 4]).unwrap()).unwrap();
                model.wire_node("relu", max(), &[wire[0], zero]).unwrap()
            }
            After::PRelu => {
                let slope = numbers(5, &[outputs]).into_arc_tensor();
                let prelu = super::super::prelu::ChannelPRelu { slope };
                model.wire_node("prelu", prelu, &wire).unwrap()
            }
        };
        model.select_output_outlets(&wire).unwrap();
        model.into_decluttered().unwrap()
    }
}

/// Numbers from -1 to 1.
fn numbers(seed: u64, shape: &[usize]) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let number = |_| (random.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_shape(shape, &numbers).unwrap()
}

fn answer(model: TypedModel, input: Tensor) -> Vec<f32> {
    let plan = model.into_optimized().unwrap().into_runnable().unwrap();
    values(&plan.run(tvec!(input.into_tvalue())).unwrap())
}

fn values(answers: &[TValue]) -> Vec<f32> {
    answers[0].try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
}

/// The names of the operators of a rewritten graph.
fn operators(model: &TypedModel) -> Vec<String> {
    model.nodes().iter().map(|node| node.op().name().into_owned()).collect()
}

fn check_alike(case: Case, answered: &[f32], wanted: &[f32]) {
    assert_eq!(answered.len(), wanted.len(), "{case:?}");
    let greatest = wanted.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    for (answered, wanted) in answered.iter().zip(wanted) {
        let difference = (answered - wanted).abs();
        assert!(difference <= DIFFERENCE_MAX * greatest, "{case:?}: {answered} for {wanted}");
    }
}

fn check(case: Case) {
    let mut rewritten = case.model();
    rewrite(&mut rewritten).unwrap();
    let plain = answer(case.model(), case.input());
    check_alike(case, &answer(rewritten, case.input()), &plain);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_rewritten_graph_answers_what_it_did(
        (inputs, outputs) in (1usize..=70, 1usize..=70),
        (height, width) in (3usize..=33, 3usize..=33),
        (padding, stride) in (0usize..=1, 1usize..=2),
        (is_depthwise, has_bias, is_added) in any::<(bool, bool, bool)>(),
        after in prop::sample::select(vec![After::Nothing, After::Relu, After::PRelu]),
    ) {
        check(Case {
            inputs, outputs, is_depthwise, height, width, padding, stride, has_bias, is_added, after,
        });
    }
}

#[test]
fn sides_and_channels_at_the_edges_of_bands_tiles_and_lanes_are_right() {
    let whole = Case::dense(16, 16, 4, 4);
    for case in [
        whole,
        Case { padding: 0, ..whole },
        Case { height: 3, width: 3, padding: 0, ..whole },
        Case { height: 1, width: 1, ..whole },
        Case { height: 1, width: 40, ..whole },
        Case { height: 40, width: 1, ..whole },
        Case { height: 5, width: 7, ..whole },
        Case { inputs: 17, outputs: 31, ..whole },
        Case { inputs: 64, outputs: 48, height: 61, width: 47, ..whole },
        Case { inputs: 48, outputs: 64, height: 61, width: 47, stride: 2, ..whole },
        Case { inputs: 192, outputs: 192, height: 7, width: 7, ..whole },
        Case { inputs: 3, is_depthwise: true, is_added: false, height: 97, width: 101, ..whole },
        Case { inputs: 3, is_depthwise: true, stride: 2, height: 98, width: 3, ..whole },
        Case { inputs: 1, is_depthwise: true, height: 1, width: 1, ..whole },
    ] {
        check(case);
    }
}

#[test]
fn what_follows_a_convolution_becomes_part_of_it() {
    let mut model = Case::dense(16, 32, 8, 8).model();
    rewrite(&mut model).unwrap();
    assert_eq!(operators(&model), ["Source", "Const", "WinogradConvolution"]);
    let mut model = Case { stride: 2, after: After::Relu, ..Case::dense(16, 32, 8, 8) }.model();
    rewrite(&mut model).unwrap();
    assert_eq!(operators(&model), ["Source", "Const", "DirectConvolution"]);
}

#[test]
fn convolutions_of_few_channels_stay_as_they_are() {
    let mut model = Case::dense(3, 64, 8, 8).model();
    rewrite(&mut model).unwrap();
    assert!(operators(&model).contains(&"Conv".to_owned()));
}

#[test]
fn a_band_that_would_need_too_much_memory_is_not_made() {
    let wide = 1 << 20;
    let mut model = Case { is_added: false, ..Case::dense(16, 16, 1, wide) }.model();
    rewrite(&mut model).unwrap();
    assert!(operators(&model).contains(&"Conv".to_owned()));
}

#[test]
fn every_instruction_set_answers_the_same() {
    let best = Level::new();
    let levels = [best.as_avx2().map(|level| level.level()), Some(Level::baseline())];
    for case in [
        Case::dense(33, 50, 15, 20),
        Case { stride: 2, ..Case::dense(33, 50, 15, 20) },
        Case { is_depthwise: true, is_added: false, ..Case::dense(5, 5, 15, 20) },
    ] {
        let mut model = case.model();
        rewrite(&mut model).unwrap();
        let node = model.nodes().iter().find(|node| node.name == "prelu").unwrap();
        let mut inputs = tvec!(case.input().into_tvalue());
        if case.is_added {
            let other = model.outlet_fact(node.inputs[1]).unwrap().konst.clone().unwrap();
            inputs.push(other.into_tvalue());
        }
        let run = |level| match node.op_as::<Convolution>() {
            Some(dense) => dense.answer(level, inputs.clone()).unwrap(),
            None => {
                let depthwise = node.op_as::<depthwise::Depthwise>().unwrap();
                depthwise.answer(level, inputs.clone()).unwrap()
            }
        };
        let wanted = values(&run(best));
        for level in levels.into_iter().flatten() {
            check_alike(case, &values(&run(level)), &wanted);
        }
    }
}
