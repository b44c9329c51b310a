//! Graphs that are wrong by accident or on purpose: each is refused by name, none panics.

use super::*;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{AttributeProto, StringStringEntryProto};

fn refusal(model: &ModelProto) -> String {
    load(model).err().unwrap().to_string()
}

fn fine() -> ModelProto {
    model(vec![node("Relu", &["face"], "out")], &[1.0])
}

/// The usable model with something done to its graph.
fn with(change: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = fine();
    change(model.graph.as_mut().unwrap());
    model
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: 7,
        dims: vec![i64::try_from(values.len()).unwrap()],
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// The usable model with one node that takes these numbers as a second input.
fn maker(operator: &str, values: &[i64]) -> ModelProto {
    with(|graph| {
        graph.initializer.push(integers("shape", values));
        graph.node = vec![node(operator, &["face", "shape"], "out")];
    })
}

#[test]
fn the_usable_model_is_usable() {
    assert!(load(&fine()).is_ok());
}

#[test]
fn unusable_graphs_are_refused_with_what_is_wrong() {
    let other_name = with(|graph| graph.input[0].name = "data".to_owned());
    let no_output = with(|graph| graph.output[0].name = "answer".to_owned());
    let two_inputs = with(|graph| graph.input.push(value("second", &[Some(1)])));
    let outside = with(|graph| {
        graph.initializer[0].data_location = Some(DataLocation::External as i32);
        graph.initializer[0].external_data =
            vec![StringStringEntryProto { key: "location".into(), value: "elsewhere.bin".into() }];
    });
    let many = model(vec![node("Relu", &["face"], "out"); NODES_MAX + 1], &[1.0]);
    let values = model(vec![node("NonZero", &["face"], "out")], &[1.0]);
    let cases = [
        (other_name, r#"its inputs are ["data"]"#),
        (no_output, r#"its outputs are ["answer"]"#),
        (two_inputs, "models of one input"),
        (outside, "another file"),
        (many, "8193 nodes"),
        (model(vec![node("Nonesuch", &["face"], "out")], &[1.0]), "Nonesuch"),
        (model(vec![node("Loop", &["face"], "out")], &[1.0]), "Loop"),
        (model(vec![node("Scan", &["face"], "out")], &[1.0]), "Scan"),
        (model(vec![node("If", &["face"], "out")], &[1.0]), "control flow"),
        (model(vec![node("Relu", &["missing"], "out")], &[1.0]), "cannot be loaded"),
        (values, "cannot be loaded"),
        (ModelProto::default(), "no graph"),
    ];
    for (model, wanted) in cases {
        let said = refusal(&model);
        assert!(said.contains(wanted), "{said}: {wanted}");
    }
}

#[test]
fn graphs_that_ask_for_more_memory_than_there_is_are_refused_before_they_get_it() {
    let huge = 1 << 40;
    let cases = [
        with(|graph| {
            graph.initializer.push(integers("shape", &[huge]));
            graph.node = vec![node("ConstantOfShape", &["shape"], "out")];
        }),
        maker("Expand", &[1 << 20, 3, 2, 2, 1 << 20]),
        maker("Tile", &[1 << 10, 1 << 10, 1 << 10, 1]),
        maker("Reshape", &[i64::MAX, i64::MAX, 1, 1]),
        maker("Pad", &[0, 0, huge, huge, 0, 0, huge, huge]),
    ];
    for model in cases {
        let said = refusal(&model);
        assert!(said.contains("are the most"), "{said}");
    }
    // A product that grows inside: a column of the face times a row of it, wider each time.
    let mut nodes = vec![node("Flatten", &["face"], "flat0")];
    for step in 0..12 {
        let (from, to) = (format!("flat{step}"), format!("flat{}", step + 1));
        let mut doubled = node("Concat", &[&from, &from], &to);
        doubled.attribute = vec![integer("axis", 1)];
        nodes.push(doubled);
    }
    nodes.push(node("Transpose", &["flat12"], "column"));
    nodes.push(node("MatMul", &["column", "flat12"], "out"));
    let said = refusal(&model(nodes, &[1.0]));
    assert!(said.contains("values") || said.contains("cannot be loaded"), "{said}");
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: value,
        r#type: tract_onnx::pb::attribute_proto::AttributeType::Int as i32,
        ..AttributeProto::default()
    }
}

#[test]
fn weights_that_are_not_what_they_say_are_refused() {
    let prelu = |change: fn(&mut TensorProto)| {
        let mut model = model(vec![node("PRelu", &["face", "slope"], "out")], &[0.5, 0.5, 0.5]);
        change(&mut model.graph.as_mut().unwrap().initializer[0]);
        model
    };
    assert!(load(&prelu(|_| ())).is_ok());
    let cases: [fn(&mut TensorProto); 8] = [
        |slope| slope.dims = vec![1 << 40],
        |slope| slope.dims = vec![i64::MAX, i64::MAX],
        |slope| slope.dims = vec![-3],
        |slope| slope.dims = vec![2],
        |slope| slope.data_type = 99,
        |slope| slope.data_type = 0,
        |slope| {
            slope.float_data.clear();
            slope.raw_data = vec![0; 11];
        },
        |slope| slope.float_data.clear(),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        assert!(load(&prelu(case)).is_err(), "case {number}");
    }
}

#[test]
fn graphs_that_bite_their_own_tail_or_repeat_a_name_are_refused_or_run() {
    let circle = vec![
        node("Relu", &["b"], "a"),
        node("Relu", &["a"], "b"),
        node("Add", &["a", "face"], "out"),
    ];
    assert!(load(&model(circle, &[1.0])).is_err());
    assert!(load(&model(vec![node("Relu", &["out"], "out")], &[1.0])).is_err());
    // Twice the same name breaks the standard's rule; whatever is taken, it is one of the two.
    let twice = vec![node("Relu", &["face"], "out"), node("Neg", &["face"], "out")];
    if let Ok(network) = load(&model(twice, &[1.0])) {
        let answer = network.run(&[1.0; 12]).unwrap();
        assert!(answer == [1.0; 12] || answer == [-1.0; 12]);
    }
}

#[test]
fn numbers_that_are_none_are_refused_when_they_are_answered() {
    for slopes in [[f32::NAN; 3], [f32::INFINITY; 3]] {
        let network =
            load(&model(vec![node("PRelu", &["face", "slope"], "out")], &slopes)).unwrap();
        assert_eq!(network.run(&[-1.0; 12]).err().unwrap().code(), "SHK-FAC-012");
    }
    let network = load(&fine()).unwrap();
    // The runtime's own check of what it is given.
    assert_eq!(network.run(&[0.0; 11]).err().unwrap().code(), "SHK-FAC-011");
}

#[test]
fn bytes_that_change_anywhere_never_panic() {
    let whole =
        model(vec![node("PRelu", &["face", "slope"], "out")], &[0.5, 0.25, 2.0]).encode_to_vec();
    for at in 0..whole.len() {
        for byte in [0x00, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            if let Ok(network) = Network::load("test", &bytes, &input(), "out") {
                let _ = network.run(&[-1.0; 12]);
            }
        }
    }
}
