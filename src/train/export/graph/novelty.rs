//! The novelty of a window, from its summary statistics.
//!
//! [`NoveltyScore`] says what it is. For a window alone, what counts is the number of nodes, so each expert ends in one
//! value of which the table of all surprises is a matrix product, a clip and another product. There is no `Log`,
//! `ReduceSum` or `ReduceMean`, whose rounding in ONNX Runtime depends on the number of windows in a run.

use ndarray::{Array2, Axis};

use super::builder::Builder;
use crate::train::novelty::experts::{CLIP, EXPERTS, Experts};
use crate::train::novelty::score::NoveltyScore;
use crate::train::novelty::surprise_table::SurpriseTable;

/// Adds the output `novelty`, `[N]`, from the summary statistics, [N, F].
pub(super) fn add(graph: &mut Builder, score: &NoveltyScore, statistics: &str) {
    let experts = score.experts();
    let (mean, factor) = (single(&experts.mean), single(&experts.factor));
    let scaled = graph.scaled(statistics, &[score.statistics()], [&mean, &factor], "novelty_scaled");
    let [low, high] =
        [("novelty_low", -CLIP), ("novelty_high", CLIP)].map(|(name, at)| graph.scalar(name, at as f32));
    let clipped = graph.add("Clip", &[&scaled, &low, &high], "novelty_clipped", vec![]);
    let mut measures = distances(graph, experts, &clipped).to_vec();
    measures.push(log_densities(graph, experts, &clipped));
    let measures = graph.joined(&measures, 1, "novelty_measures");
    let (surprises, novelty) = score.tables();
    let share = shares(graph, &measures, surprises, novelty);
    // Rounding must not lead out of the range.
    let [none, all] = ["novelty_share_low", "novelty_share_high"].map(String::from);
    let share = graph.add("Clip", &[&share, &none, &all], "novelty_share", vec![]);
    graph.reshaped(&share, &[-1], "novelty");
}

/// Adds -1 times the squared distance to the nearest prototype, and the highest answer of the ridge regression, each
/// [N, 1].
fn distances(graph: &mut Builder, experts: &Experts, clipped: &str) -> [String; 2] {
    let Experts { weights, prototypes, coefficients, .. } = experts;
    let factor = graph.floats("novelty_weights", &[weights.len()], &single(weights));
    let weighted = graph.add("Mul", &[clipped, &factor], "novelty_weighted", vec![]);
    let squares = graph.reduced("ReduceSumSquare", &weighted, 1, true, "novelty_squares");
    let own = -(prototypes * prototypes).sum_axis(Axis(1));
    let products = gemm(graph, &weighted, &(2.0 * &prototypes.t()), Some(&single(&own)), "novelty_products");
    let nearness = graph.add("Sub", &[&products, &squares], "novelty_nearness", vec![]);
    let kernel = graph.add("Exp", &[&nearness], "novelty_kernel", vec![]);
    let answers = gemm(graph, &kernel, coefficients, None, "novelty_answers");
    [("novelty_nearest", nearness), ("novelty_answer", answers)]
        .map(|(name, of)| graph.reduced("ReduceMax", &of, 1, true, name))
}

/// Adds the logarithm of the density of the surfaces over that of one broad distribution, up to a constant, [N, 1].
fn log_densities(graph: &mut Builder, experts: &Experts, clipped: &str) -> String {
    let discriminants = &experts.discriminants;
    let soft = graph.add("Tanh", &[clipped], "novelty_soft", vec![]);
    let squares = graph.add("Mul", &[&soft, &soft], "novelty_soft_squares", vec![]);
    let both = graph.joined(&[soft, squares], 1, "novelty_soft_statistics");
    let offset = single(&discriminants.offset);
    let projected = gemm(graph, &both, &discriminants.directions, Some(&offset), "novelty_projected");
    let shifts = single(&discriminants.shifts);
    let whitened = gemm(graph, &projected, &discriminants.factors, Some(&shifts), "novelty_whitened");
    let squares = graph.add("Mul", &[&whitened, &whitened], "novelty_whitened_squares", vec![]);
    // The sum of the squares of each surface, taken from that of the broad distribution.
    let (size, surfaces) = (discriminants.offset.len(), discriminants.determinants.len());
    let sums = Array2::from_shape_fn(((surfaces + 1) * size, surfaces), |(row, surface)| match row / size {
        part if part == surfaces => 0.5,
        part if part == surface => -0.5,
        _ => 0.0,
    });
    let constants = single(&(-0.5 * &discriminants.determinants));
    let logs = gemm(graph, &squares, &sums, Some(&constants), "novelty_log_densities");
    graph.reduced("ReduceLogSumExp", &logs, 1, true, "novelty_log_density")
}

/// Adds the share of known windows that are less novel, [N, 1]. `measures`, [N, 3], are lower the less a window
/// resembles those of the training.
fn shares(
    graph: &mut Builder,
    measures: &str,
    surprises: &[SurpriseTable],
    novelty: &SurpriseTable,
) -> String {
    // The measures of the experts are these constants less those of the graph.
    let constants: [f64; EXPERTS] = [0.0, 1.0, 0.0];
    let segments = || {
        surprises.iter().zip(constants).enumerate().flat_map(|(expert, (table, constant))| {
            table.segments().iter().map(move |segment| (expert, constant, segment))
        })
    };
    let count = segments().count();
    let mut slopes = Array2::zeros((EXPERTS, count));
    let mut starts = Vec::with_capacity(count);
    for (column, (expert, constant, segment)) in segments().enumerate() {
        slopes[[expert, column]] = -1.0 / segment.width;
        starts.push(((constant - segment.start) / segment.width) as f32);
    }
    // The heights, added up and at once put into the segments of the last table.
    let last = novelty.segments();
    let heights: Vec<f64> = segments().map(|(_, _, segment)| segment.height).collect();
    let sums = Array2::from_shape_fn((count, last.len()), |(row, column)| heights[row] / last[column].width);
    let last_starts: Vec<f32> = last.iter().map(|segment| (-segment.start / segment.width) as f32).collect();
    let last_heights = Array2::from_shape_fn((last.len(), 1), |(row, _)| last[row].height);
    let [none, all] =
        [("novelty_share_low", 0.0), ("novelty_share_high", 1.0)].map(|(name, at)| graph.scalar(name, at));
    let places = gemm(graph, measures, &slopes, Some(&starts), "novelty_places");
    let places = graph.add("Clip", &[&places, &none, &all], "novelty_clipped_places", vec![]);
    let sums = gemm(graph, &places, &sums, Some(&last_starts), "novelty_sums");
    let sums = graph.add("Clip", &[&sums, &none, &all], "novelty_clipped_sums", vec![]);
    gemm(graph, &sums, &last_heights, None, "novelty_sum")
}

/// Adds the product of a value, [N, rows], with a matrix, plus a constant row if there is one.
fn gemm(graph: &mut Builder, value: &str, matrix: &Array2<f64>, row: Option<&[f32]>, name: &str) -> String {
    let values: Vec<f32> = matrix.iter().map(|value| *value as f32).collect();
    let matrix = graph.floats(&format!("{name}_matrix"), &[matrix.nrows(), matrix.ncols()], &values);
    match row {
        None => graph.add("MatMul", &[value, &matrix], name, vec![]),
        Some(row) => {
            let row = graph.floats(&format!("{name}_row"), &[row.len()], row);
            graph.add("Gemm", &[value, &matrix, &row], name, vec![])
        }
    }
}

/// Numbers in single precision.
fn single(values: &ndarray::Array1<f64>) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
