//! Builds the ONNX graph of a trained ensemble.
//!
//! Preprocessing, all members, their mean and the softmax are nodes of the graph, so that the daemon passes
//! raw windows to the model. Every member's nodes and constants have names of their own, with the prefix
//! `member<index>/`.

use crate::model::onnx::{
    AttributeProto, GraphProto, NodeProto, TensorProto, floats, integer, integer_tensor, integers,
    integers_attribute, node, value,
};
use crate::train::fit::ensemble::Ensemble;
use crate::train::network::Network;
use crate::train::network::architecture::Pooling;
use crate::train::network::preprocessing::Scaling;
use crate::train::network::summary::lags;

/// Builds the graph. N, the number of windows, is dynamic.
///
/// - Input `window`, float32 [N, W, C], in the channels' units.
/// - Output `probabilities`, float32 [N, K].
/// - Output `embedding`, float32 [N, H]: the pooled outputs of the last LSTM layer, one member after the
///   other.
pub(crate) fn graph(ensemble: &Ensemble) -> GraphProto {
    let architecture = ensemble.architecture();
    let mut graph = Builder::default();
    graph.order_constants(&architecture.orders, architecture.channels);
    let mut logits = Vec::new();
    let mut embeddings = Vec::new();
    for (index, network) in ensemble.members().iter().enumerate() {
        let mut member = GraphMember { graph: &mut graph, network, prefix: format!("member{index}/") };
        let clipped = member.clipped();
        let ordered = member.ordered(&clipped);
        let embedding = member.embedding(&clipped, &ordered);
        logits.push(member.logits(&ordered, &embedding));
        embeddings.push(embedding);
    }
    let names: Vec<&str> = logits.iter().map(String::as_str).collect();
    graph.add("Mean", &names, "logits", vec![]);
    graph.add("Softmax", &["logits"], "probabilities", vec![integer("axis", -1)]);
    let names: Vec<&str> = embeddings.iter().map(String::as_str).collect();
    graph.add("Concat", &names, "embedding", vec![integer("axis", 1)]);
    let embedded = architecture.pooled_size() * ensemble.members().len();
    GraphProto {
        node: graph.nodes,
        name: Some("underfoot".into()),
        initializer: graph.constants,
        input: vec![value("window", &[architecture.window, architecture.channels])],
        output: vec![value("probabilities", &[architecture.classes]), value("embedding", &[embedded])],
    }
}

/// The nodes and constants of a graph under construction.
#[derive(Default)]
struct Builder {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Builder {
    /// Adds an operator with one output.
    fn add(&mut self, kind: &str, input: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        self.nodes.push(node(kind, input, &[output], attributes));
    }

    /// Adds the constants by which every member puts the channels into their canonical order, if there are
    /// several orders.
    fn order_constants(&mut self, orders: &[Vec<usize>], channels: usize) {
        if orders.len() < 2 {
            return;
        }
        // A matrix [C, orders]: the weight of each channel in each order.
        let mut weights = vec![0.0; channels * orders.len()];
        for (index, order) in orders.iter().enumerate() {
            for (position, channel) in order.iter().enumerate() {
                weights[channel * orders.len() + index] = (channels - position) as f32;
            }
        }
        let flat_orders: Vec<i64> = orders.iter().flatten().map(|channel| *channel as i64).collect();
        self.constants.push(floats("order_weights", &[channels, orders.len()], &weights));
        self.constants.push(integer_tensor("orders", &[orders.len(), channels], &flat_orders));
        self.constants.push(integers("step_axis", &[1]));
    }
}

/// Builds the part of the graph that belongs to one network.
struct GraphMember<'a> {
    graph: &'a mut Builder,
    network: &'a Network,
    /// All names of this part begin with it.
    prefix: String,
}

impl GraphMember<'_> {
    /// The full name of a node or constant of this member.
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Adds an operator with one output and returns the output's full name. Inputs are full names, `output`
    /// is without prefix.
    fn add(&mut self, kind: &str, input: &[&str], output: &str, attributes: Vec<AttributeProto>) -> String {
        let output = self.name(output);
        self.graph.add(kind, input, &output, attributes);
        output
    }

    /// Adds a float32 constant and returns its full name.
    fn floats(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> String {
        let name = self.name(name);
        self.graph.constants.push(floats(&name, sizes, values));
        name
    }

    /// Adds an int64 constant and returns its full name.
    fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let name = self.name(name);
        self.graph.constants.push(integers(&name, values));
        name
    }

    /// Adds (value - mean) * factor and returns its full name.
    fn scaled(&mut self, value: &str, scaling: &Scaling, name: &str) -> String {
        let mean = self.floats(&format!("{name}_mean"), &[scaling.mean.len()], &scaling.mean);
        let factor = self.floats(&format!("{name}_factor"), &[scaling.factor.len()], &scaling.factor);
        let centred = self.add("Sub", &[value, &mean], &format!("{name}_centred"), vec![]);
        self.add("Mul", &[&centred, &factor], name, vec![])
    }

    /// Adds the clipping of the window and returns the full name of the result, [N, W, C].
    fn clipped(&mut self) -> String {
        let Some(clip) = self.network.preprocessing().clip() else { return "window".into() };
        let [low, high] = [("lowest", &clip.low), ("highest", &clip.high)]
            .map(|(name, values)| self.floats(name, &[values.len()], values));
        let above = self.add("Max", &["window", &low], "above_lowest", vec![]);
        self.add("Min", &[&above, &high], "clipped", vec![])
    }

    /// Puts the channels into their canonical order, see
    /// [`Preprocessing`](crate::train::network::preprocessing::Preprocessing), and returns the full name of
    /// the result, [N, W, C].
    ///
    /// The order with the highest score is chosen. A score is the sum of the channels' means, weighted by
    /// their positions in the order: the first channel counts C times, the last once.
    fn ordered(&mut self, clipped: &str) -> String {
        if self.network.architecture().orders.len() < 2 {
            return clipped.into();
        }
        let steps = || vec![integers_attribute("axes", &[1]), integer("keepdims", 0)];
        let means = self.add("ReduceMean", &[clipped], "channel_means", steps());
        let scores = self.add("MatMul", &[&means, "order_weights"], "order_scores", vec![]);
        let last = vec![integer("axis", 1), integer("keepdims", 0)];
        let index = self.add("ArgMax", &[&scores], "order_index", last);
        let order = self.add("Gather", &["orders", &index], "order", vec![]);
        let order = self.add("Unsqueeze", &[&order, "step_axis"], "order_of_a_step", vec![]);
        let shape = self.add("Shape", &[clipped], "window_shape", vec![]);
        let order = self.add("Expand", &[&order, &shape], "order_of_each_step", vec![]);
        self.add("GatherElements", &[clipped, &order], "ordered", vec![integer("axis", 2)])
    }

    /// Adds preprocessing, the LSTM layers and pooling, and returns the full name of the pooled outputs, [N,
    /// H].
    fn embedding(&mut self, clipped: &str, ordered: &str) -> String {
        let network = self.network;
        let (architecture, preprocessing) = (network.architecture(), network.preprocessing());
        let window = if preprocessing.ordered_steps() { ordered } else { clipped };
        let scaled = self.scaled(window, preprocessing.scaling(), "scaled");
        let mut steps =
            self.add("Transpose", &[&scaled], "steps", vec![integers_attribute("perm", &[1, 0, 2])]);
        if let Some(factors) = preprocessing.differences() {
            steps = self.with_differences(&steps, factors);
        }
        let direction = self.integers("direction_axis", &[1]);
        let layers = architecture.layers();
        let mut last = String::new();
        for (index, (lstm, range)) in layers.lstm.iter().enumerate() {
            let view = lstm.view(&network.parameters()[range.clone()]);
            let units = lstm.units;
            let mut bias = gates(view.bias, units, 1);
            // ONNX has a second bias, of the recurrent product, which is 0 here.
            bias.resize(8 * units, 0.0);
            let sizes = [1, 4 * units, lstm.inputs];
            let kernel =
                self.floats(&format!("kernel{index}"), &sizes, &gates(view.kernel, units, lstm.inputs));
            let sizes = [1, 4 * units, units];
            let recurrent =
                self.floats(&format!("recurrent{index}"), &sizes, &gates(view.recurrent, units, units));
            let bias = self.floats(&format!("bias{index}"), &[1, 8 * units], &bias);
            let (all, end) = (self.name(&format!("outputs{index}_all")), self.name(&format!("last{index}")));
            let attributes = vec![integer("hidden_size", units as i64)];
            let inputs = [steps.as_str(), &kernel, &recurrent, &bias];
            self.graph.nodes.push(node("LSTM", &inputs, &[&all, &end], attributes));
            steps = self.add("Squeeze", &[&all, &direction], &format!("outputs{index}"), vec![]);
            last = end;
        }
        let first = self.integers("first_axis", &[0]);
        let over_steps = || vec![integers_attribute("axes", &[0]), integer("keepdims", 0)];
        let pooled: Vec<String> = architecture
            .pooling
            .iter()
            .map(|pooling| match pooling {
                Pooling::Last => self.add("Squeeze", &[&last, &first], "pooled_last", vec![]),
                Pooling::Mean => self.add("ReduceMean", &[&steps], "pooled_mean", over_steps()),
                Pooling::Max => self.add("ReduceMax", &[&steps], "pooled_max", over_steps()),
            })
            .collect();
        self.joined(&pooled, 1, "embedding")
    }

    /// Adds the concatenation of `parts` along an axis and returns its full name.
    fn joined(&mut self, parts: &[String], axis: i64, name: &str) -> String {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.add("Concat", &parts, name, vec![integer("axis", axis)])
    }

    /// Appends each channel's scaled first differences to time-major steps, [W, N, C] to [W, N, 2 C]. The
    /// differences of the first step are 0.
    fn with_differences(&mut self, steps: &str, factors: &[f32]) -> String {
        let [zero, one] = [self.integers("zero", &[0]), self.integers("one", &[1])];
        let minus = self.integers("minus_one", &[-1]);
        let end = self.integers("end", &[i64::MAX]);
        let after = self.add("Slice", &[steps, &one, &end, &zero], "after", vec![]);
        let before = self.add("Slice", &[steps, &zero, &minus, &zero], "before", vec![]);
        let first = self.add("Slice", &[steps, &zero, &one, &zero], "first", vec![]);
        let none = self.add("Sub", &[&first, &first], "no_difference", vec![]);
        let rest = self.add("Sub", &[&after, &before], "difference", vec![]);
        let all = self.joined(&[none, rest], 0, "differences");
        let factors = self.floats("difference_factor", &[factors.len()], factors);
        let scaled = self.add("Mul", &[&all, &factors], "scaled_differences", vec![]);
        self.joined(&[steps.to_owned(), scaled], 2, "steps_and_differences")
    }

    /// Adds the scaled summary of the window, see [`summarise`](crate::train::network::summary::summarise),
    /// and returns its full name. It is [N, C F] for F statistics of each channel.
    fn summary(&mut self, ordered: &str, scaling: &Scaling) -> String {
        let network = self.network;
        let over_steps = |keep: i64| vec![integers_attribute("axes", &[1]), integer("keepdims", keep)];
        let mean = self.add("ReduceMean", &[ordered], "window_mean", over_steps(0));
        let kept = self.add("ReduceMean", &[ordered], "window_mean_kept", over_steps(1));
        let centred = self.add("Sub", &[ordered, &kept], "window_centred", vec![]);
        let squares = self.add("Mul", &[&centred, &centred], "window_squares", vec![]);
        let variance = self.add("ReduceMean", &[&squares], "window_variance", over_steps(0));
        let deviation = self.add("Sqrt", &[&variance], "window_deviation", vec![]);
        let smallest = self.add("ReduceMin", &[ordered], "window_smallest", over_steps(0));
        let largest = self.add("ReduceMax", &[ordered], "window_largest", over_steps(0));
        let [from, end] = [self.integers("from_step", &[0]), self.integers("to_end", &[i64::MAX])];
        let axis = self.integers("step_axis", &[1]);
        let mut all = vec![mean, deviation, smallest, largest];
        for lag in lags(network.architecture().window) {
            let name = |what: &str| format!("window_{what}{lag}");
            let [later, earlier] = [("lag", lag as i64), ("back", -(lag as i64))]
                .map(|(what, steps)| self.integers(&name(what), &[steps]));
            let after = self.add("Slice", &[ordered, &later, &end, &axis], &name("after"), vec![]);
            let before = self.add("Slice", &[ordered, &from, &earlier, &axis], &name("before"), vec![]);
            let difference = self.add("Sub", &[&after, &before], &name("difference"), vec![]);
            let size = self.add("Abs", &[&difference], &name("change"), vec![]);
            all.push(self.add("ReduceMean", &[&size], &name("mean_change"), over_steps(0)));
        }
        let all = self.joined(&all, 1, "window_summary");
        self.scaled(&all, scaling, "summary")
    }

    /// Adds the layers from the embedding, and the summary if the network has one, to the logits, and returns
    /// the full name of the logits, [N, K].
    fn logits(&mut self, ordered: &str, embedding: &str) -> String {
        let network = self.network;
        let layers = network.architecture().layers();
        let mut features = embedding.to_owned();
        if let Some(scaling) = network.preprocessing().summary() {
            let summary = self.summary(ordered, scaling);
            features = self.joined(&[features, summary], 1, "features");
        }
        if let Some((layer, range)) = &layers.batch_norm {
            let (scale, shift) = layer.folded(&network.parameters()[range.clone()], network.moving());
            let scale = self.floats("norm_scale", &[scale.len()], &scale);
            let shift = self.floats("norm_shift", &[shift.len()], &shift);
            let scaled = self.add("Mul", &[&features, &scale], "norm_scaled", vec![]);
            features = self.add("Add", &[&scaled, &shift], "normal", vec![]);
        }
        if let Some((dense, range)) = &layers.dense {
            let (kernel, bias) = dense.view(&network.parameters()[range.clone()]);
            let kernel = self.floats("dense_kernel", &[dense.inputs, dense.outputs], kernel);
            let bias = self.floats("dense_bias", &[dense.outputs], bias);
            let linear = self.add("Gemm", &[&features, &kernel, &bias], "dense_linear", vec![]);
            features = self.add("Relu", &[&linear], "dense", vec![]);
        }
        let (output, range) = &layers.output;
        let (kernel, bias) = output.view(&network.parameters()[range.clone()]);
        let kernel = self.floats("output_kernel", &[output.inputs, output.outputs], kernel);
        let bias = self.floats("output_bias", &[output.outputs], bias);
        self.add("Gemm", &[&features, &kernel, &bias], "member_logits", vec![])
    }
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
