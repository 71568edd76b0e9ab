//! The steps of a window as the LSTM layers and the summary statistics take them: clipped, scaled, and the channels in
//! their canonical order.

use super::builder::Builder;
use crate::model::onnx::integer;
use crate::train::fit::ensemble::Ensemble;
use crate::train::network::architecture::Architecture;

/// The names of the steps in the graph.
pub(super) struct Steps {
    /// The input of the first LSTM layer, [U, N, inputs].
    pub(super) updates: String,
    /// The scaled window with its channels in canonical order, [N, W, C].
    pub(super) ordered: String,
}

/// Adds the preprocessing of the steps, which all members have in common.
pub(super) fn add(graph: &mut Builder, ensemble: &Ensemble) -> Steps {
    let (architecture, Some(member)) = (ensemble.architecture(), ensemble.members().first()) else {
        return Steps { updates: "window".into(), ordered: "window".into() };
    };
    let preprocessing = member.preprocessing();
    let clipped = match preprocessing.clip() {
        None => "window".into(),
        Some(clip) => {
            let [low, high] = [("lowest", &clip.low), ("highest", &clip.high)]
                .map(|(name, values)| graph.floats_of_steps(name, architecture.window, values));
            let above = graph.add("Max", &["window", &low], "above_lowest", vec![]);
            graph.add("Min", &[&above, &high], "clipped", vec![])
        }
    };
    let scaling = preprocessing.scaling();
    let [mean, factor] = [("scaled_mean", &scaling.mean), ("scaled_factor", &scaling.factor)]
        .map(|(name, values)| graph.floats_of_steps(name, architecture.window, values));
    let scaled = graph.centred(&clipped, [&mean, &factor], "scaled");
    let ordered = ordered(graph, architecture, &scaled);
    let mut steps = if preprocessing.ordered_steps() { ordered.clone() } else { scaled };
    if let Some(factors) = preprocessing.differences() {
        steps = with_differences(graph, &steps, architecture.window, factors);
    }
    let left_out = architecture.window % architecture.patch.max(1);
    if left_out > 0 {
        steps = graph.slice(&steps, 1, left_out as i64, i64::MAX, "whole_patches");
    }
    let (updates, inputs) = (architecture.updates() as i64, architecture.inputs() as i64);
    if architecture.patch > 1 {
        steps = graph.reshaped(&steps, &[0, updates, inputs], "patches");
    }
    Steps { updates: graph.transposed(&steps, &[1, 0, 2], "updates"), ordered }
}

/// Puts the channels of a window, [N, W, C], into their canonical order, see
/// [`Preprocessing`](crate::train::network::preprocessing::Preprocessing).
///
/// The order with the highest score is chosen. A score is the sum of the channels' means, weighted by their
/// positions in the order: the first channel counts C times, the last once.
fn ordered(graph: &mut Builder, architecture: &Architecture, scaled: &str) -> String {
    let Architecture { orders, channels, .. } = architecture;
    if orders.len() < 2 {
        return scaled.into();
    }
    // A matrix [C, orders]: the weight of each channel in each order.
    let mut weights = vec![0.0; channels * orders.len()];
    for (index, order) in orders.iter().enumerate() {
        for (position, channel) in order.iter().enumerate() {
            weights[channel * orders.len() + index] = (channels - position) as f32;
        }
    }
    let flat_orders: Vec<i64> = orders.iter().flatten().map(|channel| *channel as i64).collect();
    let weights = graph.floats("order_weights", &[*channels, orders.len()], &weights);
    let orders = graph.integer_matrix("orders", &[orders.len(), *channels], &flat_orders);
    let means = graph.reduced("ReduceMean", scaled, 1, false, "channel_means");
    let scores = graph.add("MatMul", &[&means, &weights], "order_scores", vec![]);
    let last = vec![integer("axis", 1), integer("keepdims", 0)];
    let index = graph.add("ArgMax", &[&scores], "order_index", last);
    let order = graph.add("Gather", &[&orders, &index], "order", vec![]);
    let axis = graph.integers("integer_1", &[1]);
    let order = graph.add("Unsqueeze", &[&order, &axis], "order_of_a_step", vec![]);
    let shape = graph.add("Shape", &[scaled], "window_shape", vec![]);
    let order = graph.add("Expand", &[&order, &shape], "order_of_each_step", vec![]);
    graph.add("GatherElements", &[scaled, &order], "ordered", vec![integer("axis", 2)])
}

/// Appends each channel's scaled first differences to the steps, [N, W, C] to [N, W, 2 C]. The differences of the
/// first step are 0.
fn with_differences(graph: &mut Builder, steps: &str, window: usize, factors: &[f32]) -> String {
    let after = graph.slice(steps, 1, 1, i64::MAX, "after");
    let before = graph.slice(steps, 1, 0, -1, "before");
    let first = graph.slice(steps, 1, 0, 1, "first");
    let none = graph.add("Sub", &[&first, &first], "no_difference", vec![]);
    let rest = graph.add("Sub", &[&after, &before], "difference", vec![]);
    let all = graph.joined(&[none, rest], 1, "differences");
    let factors = graph.floats_of_steps("difference_factor", window, factors);
    let scaled = graph.add("Mul", &[&all, &factors], "scaled_differences", vec![]);
    graph.joined(&[steps, &scaled], 2, "steps_and_differences")
}
