//! Graphs as other people's exporters write them.

use super::*;

fn loaded(model: &ModelProto, input: &Input) -> Network {
    Network::load("vendor", &model.encode_to_vec(), input, "out").unwrap()
}

/// The model's graph.
fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

fn weights(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        data_type: F32,
        dims: dims.to_vec(),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

#[test]
fn a_model_that_takes_rows_of_pixels_gets_them_in_that_order() {
    let mut model = model(vec![node("ReduceSum", &["face", "axes"], "out")], &[1.0]);
    let axes = TensorProto {
        name: "axes".to_owned(),
        data_type: 7,
        dims: vec![2],
        int64_data: vec![1, 2],
        ..TensorProto::default()
    };
    graph(&mut model).initializer.push(axes);
    graph(&mut model).input = vec![value("face", &[None, Some(2), Some(2), Some(3)])];
    graph(&mut model).output = vec![value("out", &[None, Some(1), Some(1), Some(3)])];
    let input = Input { layout: Layout::Nhwc, ..input() };
    let network = loaded(&model, &input);
    assert_eq!((network.inputs(), network.outputs()), (12, 3));
    // Red, green, blue of four pixels: summed over rows and columns.
    let pixels =
        crate::align::fill(&input, |x, y| [1.0, crate::align::side(x), crate::align::side(y)]);
    assert_eq!(network.run(&pixels).unwrap(), [4.0, 2.0, 2.0]);
}

#[test]
fn a_batch_of_any_size_and_open_sides_become_those_of_the_manifest() {
    let fine = || model(vec![node("Relu", &["face"], "out")], &[1.0]);
    for shape in [
        [None, Some(3), Some(2), Some(2)],
        [None, None, None, None],
        [Some(32), Some(3), Some(2), Some(2)],
        [Some(1), Some(3), None, None],
        [Some(0), Some(3), Some(-1), Some(-1)],
    ] {
        let mut open = fine();
        graph(&mut open).input = vec![value("face", &shape)];
        graph(&mut open).output = vec![value("out", &shape)];
        assert_eq!(loaded(&open, &input()).outputs(), 12, "{shape:?}");
    }
}

#[test]
fn sides_other_than_the_usual_ones_can_be_used() {
    for (width, height) in [(1, 1), (96, 112), (160, 160)] {
        let mut model = model(vec![node("GlobalAveragePool", &["face"], "out")], &[1.0]);
        graph(&mut model).input = vec![value("face", &[Some(1), Some(3), None, None])];
        let network = loaded(&model, &Input { width, height, ..input() });
        let values: Vec<_> = (0..network.inputs()).map(|_| 0.5).collect();
        assert_eq!((values.len(), network.outputs()), ((width * height * 3) as usize, 3));
        assert_eq!(network.run(&values).unwrap(), [0.5; 3]);
    }
}

#[test]
fn weights_that_old_exporters_list_as_inputs_are_no_inputs() {
    let mut old = model(vec![node("PRelu", &["face", "slope"], "out")], &[0.5]);
    graph(&mut old).input.push(value("slope", &[Some(1), Some(1), Some(1)]));
    assert_eq!(loaded(&old, &input()).run(&[-2.0; 12]).unwrap(), [-1.0; 12]);
}

#[test]
fn of_several_outputs_the_one_that_the_manifest_names_is_used() {
    let nodes = vec![node("Relu", &["face"], "first"), node("Neg", &["face"], "out")];
    let mut several = model(nodes, &[1.0]);
    graph(&mut several).output.insert(0, value("first", &[None]));
    assert_eq!(loaded(&several, &input()).run(&[2.0; 12]).unwrap(), [-2.0; 12]);
}

#[test]
fn an_embedding_head_of_normalising_flattening_and_a_matrix_runs() {
    let nodes = vec![
        node("BatchNormalization", &["face", "gain", "bias", "mean", "var"], "normal"),
        node("Flatten", &["normal"], "flat"),
        node("MatMul", &["flat", "matrix"], "out"),
    ];
    let mut head = model(nodes, &[1.0]);
    let matrix: Vec<_> = (0..24).map(|at| if at % 2 == 0 { 1.0 } else { 0.0 }).collect();
    graph(&mut head).initializer.extend([
        weights("gain", &[3], &[2.0; 3]),
        weights("bias", &[3], &[1.0; 3]),
        weights("mean", &[3], &[0.0; 3]),
        weights("var", &[3], &[1.0; 3]),
        weights("matrix", &[12, 2], &matrix),
    ]);
    let answer = loaded(&head, &input()).run(&[1.0; 12]).unwrap();
    assert!((answer[0] - 36.0).abs() < 1e-3 && answer[1].abs() < 1e-3, "{answer:?}");
}
