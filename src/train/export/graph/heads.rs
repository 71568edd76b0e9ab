//! The heads of all members, from the pooled outputs and the summary statistics to the mean of their logits.

use std::ops::Range;

use super::builder::Builder;
use crate::model::onnx::integer;
use crate::train::fit::ensemble::Ensemble;
use crate::train::layer::dense::Dense;
use crate::train::network::Network;
use crate::train::network::summary::SummaryEncoding;

/// Adds the heads of all members and returns the name of the mean of their logits, [N, K]. `pooled` is
/// [M, N, pooled size], and `statistics` is [N, F].
pub(super) fn add(
    graph: &mut Builder,
    ensemble: &Ensemble,
    pooled: &str,
    statistics: Option<&str>,
) -> String {
    let layers = ensemble.architecture().layers();
    let mut features = pooled.to_owned();
    if let Some(statistics) = statistics {
        let encoded = encoded(graph, ensemble, statistics);
        features = graph.joined(&[pooled, &encoded], 2, "features");
    }
    if let Some((layer, range)) = &layers.batch_norm {
        let folded = |network: &Network| layer.folded(&network.parameters()[range.clone()], network.moving());
        let (scale, shift): (Vec<_>, Vec<_>) = ensemble.members().iter().map(folded).unzip();
        let sizes = [ensemble.members().len(), 1, layer.features];
        let scale = graph.floats("norm_scale", &sizes, &scale.concat());
        let shift = graph.floats("norm_shift", &sizes, &shift.concat());
        let scaled = graph.add("Mul", &[&features, &scale], "norm_scaled", vec![]);
        features = graph.add("Add", &[&scaled, &shift], "normal", vec![]);
    }
    let heads = ensemble.members().iter().enumerate();
    let logits: Vec<String> = heads
        .map(|(index, network)| {
            let [name, position] = ["features", "index"].map(|what| format!("member{index}/{what}"));
            let position = graph.integer_matrix(&position, &[], &[index as i64]);
            let features = graph.add("Gather", &[&features, &position], &name, vec![integer("axis", 0)]);
            head(graph, network, &format!("member{index}/"), features)
        })
        .collect();
    let logits: Vec<&str> = logits.iter().map(String::as_str).collect();
    graph.add("Mean", &logits, "logits", vec![])
}

/// Adds the dense layers of one network, [N, features] to its logits, [N, K].
///
/// Each is a `Gemm` of its own. A `MatMul` of all members at once, [M, N, features], rounds a window alone in another way than
/// one among others, because ONNX Runtime cannot pack its kernels in advance.
fn head(graph: &mut Builder, network: &Network, prefix: &str, mut features: String) -> String {
    let layers = network.architecture().layers();
    let dense = |graph: &mut Builder, layer: Dense, range: &Range<usize>, features: &str, name: &str| {
        let (kernel, bias) = layer.view(&network.parameters()[range.clone()]);
        let [kernel_name, bias_name, name] =
            ["_kernel", "_bias", ""].map(|part| format!("{prefix}{name}{part}"));
        let kernel = graph.floats(&kernel_name, &[layer.inputs, layer.outputs], kernel);
        let bias = graph.floats(&bias_name, &[layer.outputs], bias);
        graph.add("Gemm", &[features, &kernel, &bias], &name, vec![])
    };
    if let Some((layer, range)) = &layers.dense {
        let linear = dense(graph, *layer, range, &features, "dense");
        features = graph.add("Relu", &[&linear], &format!("{prefix}rectified"), vec![]);
    }
    let (layer, range) = &layers.output;
    dense(graph, *layer, range, &features, "output")
}

/// Adds the statistics as each member encodes them, [M, N, summary size].
fn encoded(graph: &mut Builder, ensemble: &Ensemble, statistics: &str) -> String {
    let encodings: Vec<&SummaryEncoding> = ensemble
        .members()
        .iter()
        .filter_map(|network| network.preprocessing().summary().map(|(_, encoding)| encoding))
        .collect();
    let architecture = ensemble.architecture();
    let sizes = [encodings.len(), 1, architecture.summary_size()];
    let parts = encodings.iter().map(|encoding| match encoding {
        SummaryEncoding::Scaled(scaling) => (scaling.mean.as_slice(), scaling.factor.as_slice()),
        SummaryEncoding::PiecewiseLinear(bins) => (bins.middle(), bins.factor()),
    });
    let (mean, factor): (Vec<&[f32]>, Vec<&[f32]>) = parts.unzip();
    let (mean, factor) = (mean.concat(), factor.concat());
    let Some(SummaryEncoding::PiecewiseLinear(bins)) = encodings.first() else {
        return graph.scaled(statistics, &sizes, [&mean, &factor], "scaled_statistics");
    };
    // All statistics once for each bin, [N, B F].
    let repeated = graph.joined(&vec![statistics; bins.bins()], 1, "statistics_of_bins");
    let scaled = graph.scaled(&repeated, &sizes, [&mean, &factor], "position_in_bin");
    let [low, high] = [("bin_start", -0.5), ("bin_end", 0.5)].map(|(name, value)| graph.scalar(name, value));
    graph.add("Clip", &[&scaled, &low, &high], "encoded_statistics", vec![])
}
