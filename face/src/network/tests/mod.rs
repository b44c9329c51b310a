//! Networks from graphs that are made here: usable ones, vendors' and hostile ones.

mod hostile;
mod vendors;

use super::*;
use crate::manifest::Channels;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

/// ONNX's number for f32.
const F32: i32 = 1;

fn value(name: &str, shape: &[Option<i64>]) -> ValueInfoProto {
    let dim = |size: &Option<i64>| Dimension {
        value: Some(size.map_or_else(
            || dimension::Value::DimParam("N".to_owned()),
            dimension::Value::DimValue,
        )),
        ..Dimension::default()
    };
    let shape = TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: F32, shape: Some(shape) };
    let r#type =
        TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(r#type), ..ValueInfoProto::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: operator.to_owned(),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

/// A model of 1x3x2x2 (batch symbolic) with slopes for a PRelu.
fn model(nodes: Vec<NodeProto>, slopes: &[f32]) -> ModelProto {
    let slope = TensorProto {
        name: "slope".to_owned(),
        data_type: F32,
        dims: vec![i64::try_from(slopes.len()).unwrap(), 1, 1],
        float_data: slopes.to_vec(),
        ..TensorProto::default()
    };
    let shape = [None, Some(3), Some(2), Some(2)];
    let graph = GraphProto {
        node: nodes,
        initializer: vec![slope],
        input: vec![value("face", &shape)],
        output: vec![value("out", &shape)],
        // What exporters leave behind: a shape that is not so.
        value_info: vec![value("out", &[Some(7), Some(7)])],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: vec![opset],
        ..ModelProto::default()
    }
}

fn input() -> Input {
    Input {
        name: "face".to_owned(),
        layout: Layout::Nchw,
        width: 2,
        height: 2,
        channels: Channels::Rgb,
        mean: vec![0.0; 3],
        scale: vec![1.0; 3],
        alignment: None,
        crop_scale: None,
    }
}

fn load(model: &ModelProto) -> Result<Network, FaceError> {
    Network::load("test", &model.encode_to_vec(), &input(), "out")
}

fn refusal(model: &ModelProto) -> String {
    load(model).err().unwrap().to_string()
}

#[test]
fn prelu_takes_each_channels_slope_also_outside_of_zero_to_one() {
    let network = load(&model(vec![node("PRelu", &["face", "slope"], "out")], &[-1.5, 0.25, 2.0]));
    let input = [1.0, -1.0, 2.0, -2.0].repeat(3);
    let answer = network.unwrap().run(&input).unwrap();
    assert_eq!(answer, [1.0, 1.5, 2.0, 3.0, 1.0, -0.25, 2.0, -0.5, 1.0, -2.0, 2.0, -4.0]);
}

#[test]
fn prelu_takes_one_slope_for_all_channels() {
    let network = load(&model(vec![node("PRelu", &["face", "slope"], "out")], &[0.5])).unwrap();
    assert_eq!(network.run(&[-4.0; 12]).unwrap(), [-2.0; 12]);
    assert_eq!((network.inputs(), network.outputs()), (12, 12));
}

#[test]
fn slopes_that_fit_no_channel_are_refused() {
    let said = refusal(&model(vec![node("PRelu", &["face", "slope"], "out")], &[0.5, 0.5]));
    assert!(said.contains("one slope, or one for each channel"), "{said}");
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let whole = model(vec![node("Relu", &["face"], "out")], &[1.0]).encode_to_vec();
    // Cut after a whole field it is another model, before the graph's end it is none.
    for end in 0..whole.len() {
        let cut = Network::load("test", &whole[..end], &input(), "out");
        assert!(cut.is_err() || end > whole.len() / 2, "{end}");
    }
    assert!(Network::load("test", &[0xff; 64], &input(), "out").is_err());
}

#[test]
fn an_answer_that_is_not_finite_is_refused() {
    let network = load(&model(vec![node("Log", &["face"], "out")], &[1.0])).unwrap();
    let error = network.run(&[-1.0; 12]).err().unwrap();
    assert_eq!(error.code(), "SHK-FAC-012");
}
