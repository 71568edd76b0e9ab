//! The summary statistics of a window.

use super::builder::Builder;
use crate::model::onnx::integer;
use crate::train::network::architecture::Architecture;
use crate::train::network::summary::{
    SummaryStatistics, VARIANCE_FLOOR, bands, lags, pairs, quantiles, rows,
};

/// Adds the statistics of a window with its channels in canonical order, [N, W, C], and returns their name, [N, F].
/// [`SummaryStatistics`] says what they are.
pub(super) fn add(graph: &mut Builder, architecture: &Architecture, ordered: &str) -> String {
    let Architecture { window, channels, .. } = *architecture;
    let channel_rows = graph.transposed(ordered, &[0, 2, 1], "channel_rows");
    let mut all = channel_rows.clone();
    if rows(channels) > channels {
        let mean = graph.reduced("ReduceMean", &channel_rows, 1, true, "mean_row");
        all = graph.joined(&[&channel_rows, &mean], 1, "rows");
    }
    let mean = row_means(graph, &all, window, "row_mean");
    let centred = graph.add("Sub", &[&all, &mean], "row_centred", vec![]);
    let squares = graph.add("Mul", &[&centred, &centred], "row_squares", vec![]);
    let variance = row_means(graph, &squares, window, "row_variance");
    let deviation = graph.add("Sqrt", &[&variance], "row_deviation", vec![]);
    let floor = graph.floats("variance_floor", &[1], &[VARIANCE_FLOOR]);
    let floored = graph.add("Add", &[&variance, &floor], "variance_with_floor", vec![]);
    let mut statistics = vec![mean, deviation, row_quantiles(graph, window, &all)];
    statistics.extend(changes(graph, window, &all, &floored));
    statistics.extend(powers(graph, architecture, &centred, &floored));
    let by_row = graph.joined(&statistics, 2, "row_statistics");
    let pairs: Vec<(usize, usize)> = pairs(channels).collect();
    if pairs.is_empty() {
        return graph.reshaped(&by_row, &[0, -1], "statistics");
    }
    let flat = graph.reshaped(&by_row, &[0, -1], "flat_row_statistics");
    let correlations = correlations(graph, architecture, &centred, &floored, &pairs);
    graph.joined(&[flat, correlations], 1, "statistics")
}

/// Adds the mean of each row of a value, [N, rows, steps] to [N, rows, 1], as a matrix product. The rounding of
/// `ReduceMean` depends on where in memory a row begins, and so on the number of windows in a run.
fn row_means(graph: &mut Builder, value: &str, steps: usize, name: &str) -> String {
    let share = format!("share_of_{steps}");
    if !graph.constants.iter().any(|constant| constant.name() == share) {
        graph.floats(&share, &[steps, 1], &vec![1.0 / steps as f32; steps]);
    }
    graph.add("MatMul", &[value, &share], name, vec![])
}

/// Adds the quantiles of each row, [N, rows, quantiles].
fn row_quantiles(graph: &mut Builder, window: usize, all: &str) -> String {
    let count = graph.integers(&format!("integer_{window}"), &[window as i64]);
    let attributes = vec![integer("axis", 2), integer("largest", 0), integer("sorted", 1)];
    graph.add_with("TopK", &[all, &count], &["row_sorted", "row_order"], attributes);
    let positions: Vec<i64> = quantiles(window).map(|position| position as i64).collect();
    let positions = graph.integers("quantile_positions", &positions);
    graph.add("Gather", &["row_sorted", &positions], "row_quantiles", vec![integer("axis", 2)])
}

/// Adds the mean absolute change of each row for each lag, and then the root of the mean squared change over twice the
/// variance, each [N, rows, 1].
fn changes(graph: &mut Builder, window: usize, all: &str, floored: &str) -> Vec<String> {
    let (mut absolute, mut squares) = (Vec::new(), Vec::new());
    for lag in lags(window) {
        let after = graph.slice(all, 2, lag as i64, i64::MAX, &format!("after{lag}"));
        let before = graph.slice(all, 2, 0, -(lag as i64), &format!("before{lag}"));
        let change = graph.add("Sub", &[&after, &before], &format!("change{lag}"), vec![]);
        let size = graph.add("Abs", &[&change], &format!("change_size{lag}"), vec![]);
        absolute.push(row_means(graph, &size, window - lag, &format!("absolute_change{lag}")));
        let square = graph.add("Mul", &[&change, &change], &format!("change_square{lag}"), vec![]);
        squares.push(row_means(graph, &square, window - lag, &format!("squared_change{lag}")));
    }
    if absolute.is_empty() {
        return Vec::new();
    }
    let squares = graph.joined(&squares, 2, "squared_changes");
    let two = graph.floats("two", &[1], &[2.0]);
    let twice = graph.add("Mul", &[floored, &two], "twice_the_variance", vec![]);
    let relative = graph.add("Div", &[&squares, &twice], "relative_squared_changes", vec![]);
    absolute.push(graph.add("Sqrt", &[&relative], "relative_changes", vec![]));
    absolute
}

/// Adds the root of the mean power of each row in each frequency band over the variance, [N, rows, bands]; nothing if a window has
/// no frequencies.
fn powers(graph: &mut Builder, architecture: &Architecture, centred: &str, floored: &str) -> Option<String> {
    let Architecture { window, channels, .. } = *architecture;
    let bands = bands(window);
    let frequencies = bands.last()?.end;
    // The transform, [2 M, W], transposed.
    let statistics = SummaryStatistics::new(window, channels);
    let transform = statistics.transform();
    let columns = (0..window).flat_map(|step| transform.iter().skip(step).step_by(window).copied());
    let transform = graph.floats("transform", &[window, 2 * frequencies], &columns.collect::<Vec<f32>>());
    // The weight of the squared cosine and sine part of each frequency in the mean of each band, [2 M, bands].
    let mut shares = vec![0.0; 2 * frequencies * bands.len()];
    for (index, band) in bands.iter().enumerate() {
        for part in 2 * band.start..2 * band.end {
            shares[part * bands.len() + index] = 1.0 / band.len() as f32;
        }
    }
    let shares = graph.floats("band_shares", &[2 * frequencies, bands.len()], &shares);
    let spectrum = graph.add("MatMul", &[centred, &transform], "spectrum", vec![]);
    let squares = graph.add("Mul", &[&spectrum, &spectrum], "spectrum_squares", vec![]);
    let powers = graph.add("MatMul", &[&squares, &shares], "band_powers", vec![]);
    let relative = graph.add("Div", &[&powers, floored], "relative_powers", vec![]);
    Some(graph.add("Sqrt", &[&relative], "relative_amplitudes", vec![]))
}

/// Adds the correlations of pairs of channels, [N, pairs].
fn correlations(
    graph: &mut Builder,
    architecture: &Architecture,
    centred: &str,
    floored: &str,
    pairs: &[(usize, usize)],
) -> String {
    let Architecture { window, channels, .. } = *architecture;
    let end = channels as i64;
    let centred = graph.slice(centred, 1, 0, end, "channels_centred");
    let floored = graph.slice(floored, 1, 0, end, "channel_variances");
    let columns = graph.transposed(&centred, &[0, 2, 1], "channels_centred_columns");
    let sums = graph.add("MatMul", &[&centred, &columns], "products", vec![]);
    let steps = graph.floats("steps", &[1], &[window as f32]);
    let covariances = graph.add("Div", &[&sums, &steps], "covariances", vec![]);
    let deviations = graph.add("Sqrt", &[&floored], "channel_deviations", vec![]);
    let rows = graph.transposed(&deviations, &[0, 2, 1], "channel_deviations_row");
    let products = graph.add("Mul", &[&deviations, &rows], "deviation_products", vec![]);
    let all = graph.add("Div", &[&covariances, &products], "all_correlations", vec![]);
    let flat = graph.reshaped(&all, &[0, -1], "flat_correlations");
    let positions: Vec<i64> = pairs.iter().map(|(one, other)| (one * channels + other) as i64).collect();
    let positions = graph.integers("pair_positions", &positions);
    graph.add("Gather", &[&flat, &positions], "correlations", vec![integer("axis", 1)])
}
