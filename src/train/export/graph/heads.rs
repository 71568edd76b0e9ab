//! The heads of all members, from the pooled outputs and the summary statistics to the mean of their logits.

use super::builder::Builder;
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
    if let Some((layer, range)) = &layers.dense {
        let linear = dense(graph, ensemble, *layer, range, &features, "dense");
        features = graph.add("Relu", &[&linear], "rectified", vec![]);
    }
    let (layer, range) = &layers.output;
    let logits = dense(graph, ensemble, *layer, range, &features, "output");
    graph.reduced("ReduceMean", &logits, 0, false, "logits")
}

/// Adds the dense layer of all members, whose parameters are in `range`: [M, N, inputs] to [M, N, outputs].
fn dense(
    graph: &mut Builder,
    ensemble: &Ensemble,
    layer: Dense,
    range: &std::ops::Range<usize>,
    features: &str,
    name: &str,
) -> String {
    let views = ensemble.members().iter().map(|network| layer.view(&network.parameters()[range.clone()]));
    let (kernels, biases): (Vec<&[f32]>, Vec<&[f32]>) = views.unzip();
    let members = kernels.len();
    let kernel =
        graph.floats(&format!("{name}_kernel"), &[members, layer.inputs, layer.outputs], &kernels.concat());
    let bias = graph.floats(&format!("{name}_bias"), &[members, 1, layer.outputs], &biases.concat());
    let product = graph.add("MatMul", &[features, &kernel], &format!("{name}_product"), vec![]);
    graph.add("Add", &[&product, &bias], name, vec![])
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
