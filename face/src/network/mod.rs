//! One neural network: read from ONNX with limits, fixed to a batch of one, run on one thread.

mod convolution;
mod graph;
mod prelu;
#[cfg(test)]
mod tests;

use crate::FaceError;
use crate::manifest::{Input, Layout};
use crate::wipe::wipe;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::prelude::*;

/// The most bytes of a model: an IResNet-100 in f32 has 260 MB.
pub const MODEL_BYTES_MAX: u64 = 512 << 20;
/// The most nodes of a graph: an IResNet-100 has about 600.
pub const NODES_MAX: usize = 8192;
/// The most numbers that a model may answer: 2 MB.
pub const OUTPUTS_MAX: usize = 512 << 10;
/// The most numbers of one tensor inside a network, 256 MB: a detector of 1280x1280 pixels needs 100.
pub const TENSOR_MAX: usize = 64 << 20;

/// A network, ready to run. May be shared between threads; each run has its own memory.
#[derive(Clone)]
pub struct Network {
    name: String,
    shape: [usize; 4],
    plan: Arc<TypedRunnableModel>,
    outputs: usize,
}

impl Network {
    /// Reads and optimises a network: tens of milliseconds for a small one.
    ///
    /// Recorded shapes of intermediate values are ignored, because exporters leave wrong ones; a
    /// symbolic batch becomes 1.
    ///
    /// # Errors
    /// [`FaceError::ModelGraph`] with what the graph does that cannot be run.
    pub fn load(name: &str, onnx: &[u8], input: &Input, output: &str) -> Result<Self, FaceError> {
        let refuse = |reason: String| FaceError::ModelGraph { name: name.to_owned(), reason };
        if onnx.len() as u64 > MODEL_BYTES_MAX {
            return Err(refuse(format!("its file has more than {MODEL_BYTES_MAX} bytes")));
        }
        let channels = input.channels.count();
        let shape = match input.layout {
            Layout::Nchw => [1, channels, input.height as usize, input.width as usize],
            Layout::Nhwc => [1, input.height as usize, input.width as usize, channels],
        };
        // The reader of the graph stops by panicking where names lead nowhere.
        let plan = catch_unwind(AssertUnwindSafe(|| plan(onnx, &input.name, shape, output)));
        let (plan, outputs) = match plan {
            Ok(Ok(planned)) => planned,
            Ok(Err(reason)) => return Err(refuse(reason)),
            Err(_) => {
                return Err(refuse("the graph is not consistent: export it again".to_owned()));
            }
        };
        Ok(Self { name: name.to_owned(), shape, plan, outputs })
    }

    /// How many numbers the network answers.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many numbers the network takes.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.shape.iter().product()
    }

    /// Runs the network on what was somebody's picture, which is overwritten, whatever comes of it.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_once(&self, mut values: Vec<f32>) -> Result<Vec<f32>, FaceError> {
        let answer = self.run(&values);
        wipe(&mut values);
        answer
    }

    /// Runs the network on one input in its own memory order.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] when the runtime fails or panics, [`FaceError::ModelOutput`] when the
    /// answer is not finite.
    pub fn run(&self, values: &[f32]) -> Result<Vec<f32>, FaceError> {
        let failed = |reason: String| FaceError::ModelRun { name: self.name.clone(), reason };
        let run = || -> TractResult<Vec<f32>> {
            let input = Tensor::from_shape(&self.shape, values)?;
            let answers = self.plan.run(tvec!(input.into_tvalue()))?;
            let answer = answers.first().map(|answer| answer.try_as_plain_ram()).transpose()?;
            Ok(answer
                .map(|answer| answer.as_slice::<f32>().map(<[f32]>::to_vec))
                .transpose()?
                .unwrap_or_default())
        };
        let answer = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failed(format!("{error:#}"))),
            Err(_) => return Err(failed("the runtime panicked".to_owned())),
        };
        if !answer.iter().all(|value| value.is_finite()) {
            return Err(FaceError::ModelOutput {
                name: self.name.clone(),
                what: "numbers that are not finite",
            });
        }
        Ok(answer)
    }
}

/// The runnable plan and how many numbers it answers; or, in words, why there is none.
fn plan(
    mut onnx: &[u8],
    input: &str,
    shape: [usize; 4],
    output: &str,
) -> Result<(Arc<TypedRunnableModel>, usize), String> {
    let mut reader = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_types(true);
    reader.op_register.insert("PRelu", prelu::read);
    let proto = reader.proto_model_for_read(&mut onnx).map_err(|_| {
        "the file is cut off or no ONNX model: export or download it again".to_owned()
    })?;
    graph::check(&proto, input, output)?;
    let said = |error: TractError| format!("{error:#}");
    let plan = || -> TractResult<_> {
        let mut model = reader.model_for_proto_model(&proto)?;
        model.select_outputs_by_name([output])?;
        let model = model.with_input_fact(0, f32::fact(shape).into())?.into_typed()?;
        if let Some(large) = model.nodes().iter().find(|node| is_too_large(node)) {
            return Err(TractError::msg(format!(
                "{} has more than {TENSOR_MAX} values: shrink the input or the model",
                large.name
            )));
        }
        let mut model = model.into_decluttered()?;
        convolution::rewrite(&mut model)?;
        model.into_optimized()?.into_runnable()
    };
    let plan = plan().map_err(said)?;
    let fact = plan.model().output_fact(0).map_err(said)?;
    let outputs = fact.shape.as_concrete().map(|shape| shape.iter().product::<usize>());
    match outputs {
        Some(outputs)
            if (1..=OUTPUTS_MAX).contains(&outputs) && fact.datum_type == f32::datum_type() =>
        {
            Ok((plan, outputs))
        }
        Some(outputs) => Err(format!(
            "its output has {outputs} values of {:?}: 1 to {OUTPUTS_MAX} in f32 can be used",
            fact.datum_type
        )),
        None => {
            Err("its output's shape depends on the input's values: export it with fixed shapes"
                .to_owned())
        }
    }
}

/// Whether a node answers more than a network may hold.
fn is_too_large(node: &TypedNode) -> bool {
    node.outputs.iter().any(|output| {
        let sides = output.fact.shape.as_concrete();
        let values =
            sides.map(|sides| sides.iter().try_fold(1, |all: usize, side| all.checked_mul(*side)));
        values.is_some_and(|values| values.is_none_or(|values| values > TENSOR_MAX))
    })
}
