//! Puts our convolutions where a graph has some that they suit.

use super::depthwise::Depthwise;
use super::lanes::LANES;
use super::{Convolution, Window};
use crate::network::TENSOR_MAX;
use crate::network::prelu::ChannelPRelu;
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::math::{Add, Max};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

/// Replaces convolutions of a decluttered graph, with the addition and the activation after them.
pub(in crate::network) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::<()>::default().with_rule_for("convolution", replaced).rewrite(&(), model)
}

fn replaced(
    _: &(),
    model: &TypedModel,
    node: &TypedNode,
    _: &str,
    conv: &Conv,
) -> TractResult<Option<TypedModelPatch>> {
    let &[input, kernel, bias] = &*node.inputs else { return Ok(None) };
    let Some(window) = window(model.outlet_fact(input)?, conv) else { return Ok(None) };
    let (Some(kernel), Some(bias)) = (constant(model, kernel)?, constant(model, bias)?) else {
        return Ok(None);
    };
    let bias = bias.broadcast_to_shape(&[window.outputs])?.into_arc_tensor();
    if conv.group > 1 {
        let (slopes, last) = activation(model, node)?;
        let Some(operator) = Depthwise::new(window, kernel, bias, slopes) else { return Ok(None) };
        return patch(model, operator, &[input], last).map(Some);
    }
    let (other, last) = added(model, node)?;
    let (slopes, last) = activation(model, last)?;
    let kernel = kernel.try_as_plain_ram()?;
    let made = Convolution::new(window, kernel.as_slice::<f32>()?, bias, slopes)?;
    let Some(operator) = made else { return Ok(None) };
    let inputs: TVec<OutletId> = std::iter::once(input).chain(other).collect();
    patch(model, operator, &inputs, last).map(Some)
}

/// An operator instead of all up to a node.
fn patch(
    model: &TypedModel,
    operator: impl Into<Box<dyn TypedOp>>,
    inputs: &[OutletId],
    last: &TypedNode,
) -> TractResult<TypedModelPatch> {
    let mut patch = TypedModelPatch::default();
    let taps = patch.taps(model, inputs)?;
    let wires = patch.wire_node(&last.name, operator, &taps)?;
    patch.shunt_outside(model, last.id.into(), wires[0])?;
    Ok(patch)
}

/// A constant in f32.
fn constant(model: &TypedModel, outlet: OutletId) -> TractResult<Option<Arc<Tensor>>> {
    let constant = model.outlet_fact(outlet)?.konst.clone();
    Ok(constant.filter(|tensor| tensor.datum_type() == f32::datum_type() && tensor.is_plain_ram()))
}

/// Whether lanes are well filled, with fewer channels they would not be, and weights not too many.
fn do_lanes_pay(inputs: usize, outputs: usize) -> bool {
    // Sixteen numbers for each pair of channels are what the weights grow to.
    let blocks = inputs.div_ceil(LANES).saturating_mul(outputs.div_ceil(LANES));
    inputs >= LANES && outputs >= LANES && blocks <= TENSOR_MAX / (LANES * LANES * 16)
}

/// What a convolution goes over, if it is one that gains.
fn window(input: &TypedFact, conv: &Conv) -> Option<Window> {
    let &[1, inputs, height, width] = input.shape.as_concrete()? else { return None };
    let pool = &conv.pool_spec;
    let &[stride, stride_across] = &*pool.strides() else { return None };
    let outputs = conv.output_channels();
    let is_dense = conv.group == 1 && do_lanes_pay(inputs, outputs);
    let is_depthwise = conv.group > 1 && conv.group == inputs && inputs == outputs;
    let is_usual = (is_dense || is_depthwise)
        && input.datum_type == f32::datum_type()
        && conv.q_params.is_none()
        && conv.kernel_fmt == KernelFormat::OIHW
        && pool.data_format == DataFormat::NCHW
        && *pool.kernel_shape == [3, 3]
        && (1..=2).contains(&stride)
        && stride == stride_across
        && pool.dilations().iter().all(|dilation| *dilation == 1);
    if !is_usual {
        return None;
    }
    let sides = pool.computed_padding(&[height, width]);
    let [rows, columns] = &*sides else { return None };
    let are_few = |zeros: usize| zeros <= 1;
    let is_usual = [rows, columns]
        .iter()
        .all(|side| are_few(side.pad_before) && are_few(side.pad_after) && side.convoluted > 0);
    is_usual.then_some(Window {
        inputs,
        height,
        width,
        top: rows.pad_before,
        left: columns.pad_before,
        stride,
        outputs,
        out_height: rows.convoluted,
        out_width: columns.convoluted,
    })
}

/// The node that alone uses what a node answers.
fn next<'a>(model: &'a TypedModel, node: &TypedNode) -> TractResult<Option<&'a TypedNode>> {
    let outlet = OutletId::from(node.id);
    Ok(match model.outlet_successors(outlet) {
        [next] if !model.output_outlets()?.contains(&outlet) => Some(model.node(next.node)),
        _ => None,
    })
}

/// The operation of two inputs that follows a node without changing the shape, and its other input.
fn operation<'a, O: BinMiniOp>(
    model: &'a TypedModel,
    node: &TypedNode,
) -> TractResult<Option<(OutletId, &'a TypedNode)>> {
    let Some(next) = next(model, node)? else { return Ok(None) };
    let is_it = next.op_as::<TypedBinOp>().is_some_and(|operation| operation.0.is::<O>());
    let (before, after) = (model.outlet_fact(node.id.into())?, model.outlet_fact(next.id.into())?);
    if !is_it || before.shape != after.shape || before.datum_type != after.datum_type {
        return Ok(None);
    }
    let other = next.inputs.iter().copied().find(|input| input.node != node.id);
    Ok(other.map(|other| (other, next)))
}

/// What is added of the same shape, if anything is, and the node that does it.
fn added<'a>(
    model: &'a TypedModel,
    node: &'a TypedNode,
) -> TractResult<(Option<OutletId>, &'a TypedNode)> {
    let Some((other, next)) = operation::<Add>(model, node)? else { return Ok((None, node)) };
    let is_alike = model.outlet_fact(other)?.shape == model.outlet_fact(node.id.into())?.shape;
    Ok(if is_alike { (Some(other), next) } else { (None, node) })
}

/// What sums below zero are multiplied with: by the next node where it is an activation, else 1.
fn activation<'a>(
    model: &'a TypedModel,
    node: &'a TypedNode,
) -> TractResult<(Arc<Tensor>, &'a TypedNode)> {
    if let Some((other, next)) = operation::<Max>(model, node)? {
        let floor = model.outlet_fact(other)?.konst.as_ref();
        if floor.map(|floor| floor.is_all_zero()).transpose()? == Some(true) {
            return Ok((rctensor1(&[0f32]), next));
        }
    }
    if let Some(next) = next(model, node)?
        && let Some(prelu) = next.op_as::<ChannelPRelu>()
    {
        return Ok((Arc::clone(&prelu.slope), next));
    }
    Ok((rctensor1(&[1f32]), node))
}
