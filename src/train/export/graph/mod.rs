//! Builds the ONNX graph of a trained ensemble.
//!
//! Preprocessing, all members, their mean and the softmax are nodes of the graph, so that the daemon passes
//! raw windows to the model. What the members have in common is computed once: the scaled steps and the summary
//! statistics. What follows is computed together where it can be, with the member as the first axis, M; each member has LSTM
//! nodes and dense layers of its own. The novelty takes the summary statistics, too.
//!
//! The answer to a window is the same, bit for bit, whatever other windows are in a run. So operators whose rounding in ONNX
//! Runtime depends on that are avoided: reductions along a row, and products of matrices that it cannot pack in advance.

mod builder;
mod heads;
mod lstm;
mod novelty;
mod statistics;
mod steps;

use self::builder::Builder;
use crate::model::onnx::{GraphProto, integer, value};
use crate::train::fit::ensemble::Ensemble;

/// Builds the graph. N, the number of windows, is dynamic.
///
/// - Input `window`, float32 [N, W, C], in the channels' units.
/// - Output `probabilities`, float32 [N, K].
/// - Output `embedding`, float32 [N, H]: the pooled outputs of the last LSTM layer, one member after the
///   other.
/// - Output `novelty`, float32 `[N]`, from 0 to 1, if the ensemble has a novelty score and takes summary statistics.
pub(crate) fn graph(ensemble: &Ensemble) -> GraphProto {
    let architecture = ensemble.architecture();
    let mut graph = Builder::default();
    let steps = steps::add(&mut graph, ensemble);
    let pooled = lstm::add(&mut graph, ensemble, &steps.updates);
    let members = ensemble.members().len();
    let embedded = members * architecture.pooled_size();
    let by_window = graph.transposed(&pooled, &[1, 0, 2], "pooled_by_window");
    graph.reshaped(&by_window, &[0, embedded as i64], "embedding");
    let statistics = architecture.summary.then(|| statistics::add(&mut graph, architecture, &steps.ordered));
    let logits = heads::add(&mut graph, ensemble, &pooled, statistics.as_deref());
    graph.add("Softmax", &[&logits], "probabilities", vec![integer("axis", -1)]);
    let mut output = vec![value("probabilities", &[architecture.classes]), value("embedding", &[embedded])];
    if let (Some(score), Some(statistics)) = (ensemble.novelty(), &statistics) {
        novelty::add(&mut graph, score, statistics);
        output.push(value("novelty", &[]));
    }
    GraphProto {
        node: graph.nodes,
        name: Some("underfoot".into()),
        initializer: graph.constants,
        input: vec![value("window", &[architecture.window, architecture.channels])],
        output,
    }
}
