//! What must hold of a graph before the runtime sees it.

use super::{NODES_MAX, TENSOR_MAX};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Operators that can repeat without end or hide a graph from the checks.
const REFUSED_OPERATORS: [&str; 5] = ["Loop", "Scan", "If", "SequenceMap", "Optional"];
/// Operators whose answer is as large as the numbers in their constant inputs say: the runtime makes
/// it while it loads the graph.
const MAKERS: [&str; 8] =
    ["ConstantOfShape", "Expand", "Tile", "Range", "OneHot", "Pad", "Resize", "Reshape"];
/// ONNX's number for 64-bit integers.
const I64: i32 = 7;
/// The most numbers of a constant that describes a shape.
const SHAPE_MAX: usize = 32;

/// What must hold before the runtime sees the graph.
pub(super) fn check(proto: &ModelProto, input: &str, output: &str) -> Result<(), String> {
    let Some(graph) = &proto.graph else { return Err("the file has no graph".to_owned()) };
    if graph.node.len() > NODES_MAX {
        return Err(format!("{} nodes, {NODES_MAX} are the most", graph.node.len()));
    }
    if let Some(node) =
        graph.node.iter().find(|node| REFUSED_OPERATORS.contains(&node.op_type.as_str()))
    {
        return Err(format!(
            "the operator {} is not allowed: export without control flow",
            node.op_type
        ));
    }
    if let Some((node, values)) =
        graph.node.iter().find_map(|node| Some((node, asked(graph, node)?)))
    {
        return Err(format!(
            "the operator {} asks for {values} values, {TENSOR_MAX} are the most",
            node.op_type
        ));
    }
    let is_outside = |location: Option<i32>| location == Some(DataLocation::External as i32);
    if graph.initializer.iter().any(|tensor| is_outside(tensor.data_location)) {
        return Err("weights lie in another file: export one file".to_owned());
    }
    let inputs = inputs(graph);
    if inputs != [input] {
        return Err(format!(
            "its inputs are {inputs:?}, the manifest says {input:?}: correct the name; models of one input can be used"
        ));
    }
    let outputs: Vec<_> = graph.output.iter().map(|value| value.name.as_str()).collect();
    if !outputs.contains(&output) {
        return Err(format!(
            "its outputs are {outputs:?}, the manifest says {output:?}: correct the name"
        ));
    }
    Ok(())
}

/// Inputs that are no weights: old exporters list those too.
fn inputs(graph: &GraphProto) -> Vec<&str> {
    let is_weight = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    graph.input.iter().map(|value| value.name.as_str()).filter(|name| !is_weight(name)).collect()
}

/// How many values a node asks for by constants; nothing when that can be had.
fn asked(graph: &GraphProto, node: &NodeProto) -> Option<u128> {
    if !MAKERS.contains(&node.op_type.as_str()) {
        return None;
    }
    let shape = |name: &String| integers(graph.initializer.iter().find(|one| one.name == *name)?);
    let product = |sides: Vec<i64>| {
        sides
            .into_iter()
            .fold(1, |all: u128, side| all.saturating_mul(side.unsigned_abs().max(1).into()))
    };
    let most = node.input.iter().filter_map(shape).map(product).max()?;
    (most > TENSOR_MAX as u128).then_some(most)
}

/// The numbers of a short constant of 64-bit integers.
fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_type != I64 {
        return None;
    }
    let raw = tensor.raw_data.chunks_exact(8).take(SHAPE_MAX);
    let raw = raw.filter_map(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)));
    let numbers = tensor.int64_data.iter().copied().take(SHAPE_MAX).chain(raw).collect::<Vec<_>>();
    Some(numbers)
}
