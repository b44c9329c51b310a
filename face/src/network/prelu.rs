//! PRelu as one vectorised pass in place.
//!
//! The runtime's own lowering is a product, a comparison and a selection with scalar loops, which
//! is 60 % of the time of a MobileFaceNet. `max(x, slope * x)` would be wrong: slopes of real models
//! lie outside 0..1.

use fearless_simd::{Level, dispatch};
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// The ONNX operator; becomes [`ChannelPRelu`] once its slopes are known.
#[derive(Clone, Debug)]
struct PRelu;

/// What the ONNX reader calls for each `PRelu` node.
pub(super) fn read(
    _: &ParsingContext<'_>,
    _: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(PRelu), vec![]))
}

impl Expansion for PRelu {
    fn name(&self) -> StaticName {
        "PRelu".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        let (Some(input), Some(output)) = (inputs.first(), outputs.first()) else {
            bail!("PRelu needs an input and an output");
        };
        solver.equals(&input.datum_type, &output.datum_type)?;
        solver.equals(&input.shape, &output.shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let &[data, slope] = inputs else { bail!("PRelu needs data and slopes") };
        let Some(slope) = model.outlet_fact(slope)?.konst.clone() else {
            bail!("the slopes of PRelu must be constants of the model");
        };
        let channels = model.outlet_fact(data)?.shape.get(1).cloned();
        if slope.len() != 1 && channels != Some(slope.len().to_dim()) {
            bail!("PRelu needs one slope, or one for each channel");
        }
        model.wire_node(prefix, ChannelPRelu { slope }, &[data])
    }
}

/// `x` where it is positive, else `slope * x`; one slope for all channels (axis 1) or one for each.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct ChannelPRelu {
    pub(super) slope: Arc<Tensor>,
}

impl Op for ChannelPRelu {
    fn name(&self) -> StaticName {
        "ChannelPRelu".into()
    }

    op_as_typed_op!();
}

impl EvalOp for ChannelPRelu {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let Some(data) = inputs.pop() else { bail!("PRelu without an input") };
        let mut data = data.into_tensor();
        let slopes = self.slope.try_as_plain_ram()?.as_slice::<f32>()?;
        // Values that follow one another and share a slope.
        let run = match slopes {
            [_] => data.len(),
            _ => data.shape().iter().skip(2).product(),
        };
        let mut view = data.try_as_plain_ram_mut()?;
        let values = view.as_slice_mut::<f32>()?;
        dispatch!(Level::new(), _ => bend(values, run.max(1), slopes));
        Ok(tvec!(data.into_tvalue()))
    }
}

/// Multiplies what is below zero in each run of so many values with that run's slope.
#[inline(always)]
fn bend(values: &mut [f32], run: usize, slopes: &[f32]) {
    // Slopes by value: one that had to be read where it is needed would be gathered lane by lane.
    for (values, &slope) in values.chunks_exact_mut(run).zip(slopes.iter().cycle()) {
        for value in values {
            // A choice and not two limits, whose rules for NaN would cost as much again.
            *value = if *value < 0.0 { slope * *value } else { *value };
        }
    }
}

impl TypedOp for ChannelPRelu {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let Some(input) = inputs.first() else { bail!("PRelu without an input") };
        Ok(tvec!(input.without_value()))
    }

    as_op!();
}
