//! The LSTM layers of all members, and the pooling of their outputs.

use super::builder::Builder;
use crate::model::onnx::integer;
use crate::train::fit::ensemble::Ensemble;
use crate::train::network::Network;
use crate::train::network::architecture::Pooling;

/// Adds the LSTM layers of all members and the pooling over the updates, and returns the name of the pooled outputs,
/// [M, N, pooled size]. `updates` is [U, N, inputs].
pub(super) fn add(graph: &mut Builder, ensemble: &Ensemble, updates: &str) -> String {
    let outputs = ensemble.members().iter().enumerate();
    let outputs: Vec<[String; 2]> = outputs
        .map(|(index, network)| add_layers(graph, network, &format!("member{index}/"), updates))
        .collect();
    let [all, last]: [Vec<&str>; 2] =
        [0, 1].map(|which| outputs.iter().map(|outputs| outputs[which].as_str()).collect());
    let pooling = &ensemble.architecture().pooling;
    let needs_all = pooling.iter().any(|pooling| *pooling != Pooling::Last);
    let all = if needs_all { graph.joined(&all, 1, "outputs") } else { String::new() };
    let pooled: Vec<String> = pooling
        .iter()
        .map(|pooling| match pooling {
            Pooling::Last => graph.joined(&last, 0, "pooled_last"),
            Pooling::Mean => graph.reduced("ReduceMean", &all, 0, false, "pooled_mean"),
            Pooling::Max => graph.reduced("ReduceMax", &all, 0, false, "pooled_max"),
        })
        .collect();
    graph.joined(&pooled, 2, "pooled")
}

/// Adds the LSTM layers of one network, and returns the names of the last layer's outputs at all updates,
/// [U, 1, N, H], and at the last one, [1, N, H].
fn add_layers(graph: &mut Builder, network: &Network, prefix: &str, updates: &str) -> [String; 2] {
    let mut input = updates.to_owned();
    let mut outputs = [String::new(), String::new()];
    for (index, (lstm, range)) in network.architecture().layers().lstm.iter().enumerate() {
        if index > 0 {
            let direction = graph.integers("integer_1", &[1]);
            input =
                graph.add("Squeeze", &[&outputs[0], &direction], &format!("{prefix}input{index}"), vec![]);
        }
        let view = lstm.view(&network.parameters()[range.clone()]);
        let units = lstm.units;
        let mut bias = gates(view.bias, units, 1);
        // ONNX has a second bias, of the recurrent product, which is 0 here.
        bias.resize(8 * units, 0.0);
        let kernel = gates(view.kernel, units, lstm.inputs);
        let kernel = graph.floats(&format!("{prefix}kernel{index}"), &[1, 4 * units, lstm.inputs], &kernel);
        let recurrent = gates(view.recurrent, units, units);
        let recurrent =
            graph.floats(&format!("{prefix}recurrent{index}"), &[1, 4 * units, units], &recurrent);
        let bias = graph.floats(&format!("{prefix}bias{index}"), &[1, 8 * units], &bias);
        outputs = [format!("{prefix}outputs{index}"), format!("{prefix}last{index}")];
        let attributes = vec![integer("hidden_size", units as i64)];
        graph.add_with(
            "LSTM",
            &[&input, &kernel, &recurrent, &bias],
            &[&outputs[0], &outputs[1]],
            attributes,
        );
    }
    outputs
}

/// Transposes an LSTM kernel, [rows, 4 units], to the layout of ONNX, [4 units, rows]. The trainer's gates
/// are in the order input, forget, cell, output; those of ONNX in the order input, output, forget, cell.
fn gates(kernel: &[f32], units: usize, rows: usize) -> Vec<f32> {
    let columns = [0, 3, 1, 2].into_iter().flat_map(|gate| gate * units..(gate + 1) * units);
    columns.flat_map(|column| (0..rows).map(move |row| kernel[row * 4 * units + column])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_transposed_and_put_in_the_order_of_onnx() {
        // Two rows and one unit; the columns are input, forget, cell, output.
        let kernel = [1., 2., 3., 4., 10., 20., 30., 40.];
        assert_eq!(gates(&kernel, 1, 2), [1., 10., 4., 40., 2., 20., 3., 30.]);
    }
}
