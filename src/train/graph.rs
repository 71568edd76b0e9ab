//! A trained network as an ONNX graph.

use super::network::Network;
use crate::model::onnx::{GraphProto, floats, integer, integers, integers_of, node, value};

/// Input `window` float32 [N, W, C], in the channels' units; outputs `probabilities` [N, K] and `embedding` [N, H],
/// which is the LSTM's last output; N is free.
pub(super) fn graph(network: &Network) -> GraphProto {
    let (sizes, parts, scaling) = (network.sizes(), network.parts(), network.scaling());
    let (hidden, channels, classes) = (sizes.hidden, sizes.channels, sizes.classes);
    let mut bias = gates(parts.lstm.bias, hidden, 1);
    // The recurrent half of ONNX's bias.
    bias.resize(8 * hidden, 0.0);
    let initializer = vec![
        floats("mean", &[channels], &scaling.mean),
        floats("factor", &[channels], &scaling.factor),
        floats("kernel", &[1, 4 * hidden, channels], &gates(parts.lstm.kernel, hidden, channels)),
        floats("recurrent", &[1, 4 * hidden, hidden], &gates(parts.lstm.recurrent, hidden, hidden)),
        floats("bias", &[1, 8 * hidden], &bias),
        integers("first_axis", &[0]),
        floats("dense_kernel", &[hidden, classes], parts.dense_kernel),
        floats("dense_bias", &[classes], parts.dense_bias),
    ];
    let order = integers_of("perm", &[1, 0, 2]);
    let node = vec![
        node("Sub", &["window", "mean"], &["centred"], vec![]),
        node("Mul", &["centred", "factor"], &["scaled"], vec![]),
        node("Transpose", &["scaled"], &["steps"], vec![order]),
        node(
            "LSTM",
            &["steps", "kernel", "recurrent", "bias"],
            &["", "last"],
            vec![integer("hidden_size", hidden as i64)],
        ),
        node("Squeeze", &["last", "first_axis"], &["embedding"], vec![]),
        node("Gemm", &["embedding", "dense_kernel", "dense_bias"], &["logits"], vec![]),
        node("Softmax", &["logits"], &["probabilities"], vec![integer("axis", -1)]),
    ];
    GraphProto {
        node,
        name: Some("underfoot".into()),
        initializer,
        input: vec![value("window", &[sizes.window, channels])],
        output: vec![value("probabilities", &[classes]), value("embedding", &[hidden])],
    }
}

/// A kernel [rows, 4 units] with gates input, forget, cell, output as ONNX has it: [4 units, rows], with gates input,
/// output, forget, cell.
fn gates(kernel: &[f32], units: usize, rows: usize) -> Vec<f32> {
    let columns = [0, 3, 1, 2].into_iter().flat_map(|gate| gate * units..(gate + 1) * units);
    columns.flat_map(|column| (0..rows).map(move |row| kernel[row * 4 * units + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_turned_and_put_in_the_order_of_onnx() {
        // 2 rows, 1 unit: columns i, f, c, o.
        let kernel = [1., 2., 3., 4., 10., 20., 30., 40.];
        assert_eq!(gates(&kernel, 1, 2), [1., 10., 4., 40., 2., 20., 3., 30.]);
    }
}
