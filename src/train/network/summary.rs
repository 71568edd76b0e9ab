//! The summary statistics of a window, which the head takes beside the pooled outputs of the LSTM layers.

/// The distances, in steps, between the values whose mean absolute difference is taken. Together they
/// distinguish fast from slow changes, as a spectrum would.
pub(crate) const LAGS: [usize; 4] = [1, 2, 4, 8];

/// Those of [`LAGS`] that are shorter than a window of `window` steps.
pub(crate) fn lags(window: usize) -> impl Iterator<Item = usize> {
    LAGS.into_iter().filter(move |lag| *lag < window)
}

/// The number of statistics per channel for windows of `window` steps.
pub(crate) fn features(window: usize) -> usize {
    4 + lags(window).count()
}

/// Appends the summary of a window, row-major [W, C], to `summary`: C · [`features`] values, row-major
/// [features, C].
///
/// The features are the mean, the standard deviation (without Bessel's correction), the minimum and the
/// maximum of each channel, and for each of the [`lags`] the mean absolute difference of the values that many
/// steps apart.
pub(crate) fn summarise(window: &[f32], channels: usize, summary: &mut Vec<f32>) {
    let steps = (window.len() / channels.max(1)).max(1);
    let column = |channel: usize| window.iter().skip(channel).step_by(channels.max(1)).copied();
    let mean = |values: &mut dyn Iterator<Item = f32>, count: usize| {
        (values.map(f64::from).sum::<f64>() / count.max(1) as f64) as f32
    };
    let first = summary.len();
    summary.extend((0..channels).map(|channel| mean(&mut column(channel), steps)));
    for channel in 0..channels {
        let average = summary[first + channel];
        let squares = &mut column(channel).map(|value| (value - average) * (value - average));
        summary.push(mean(squares, steps).sqrt());
    }
    summary.extend((0..channels).map(|channel| column(channel).fold(f32::INFINITY, f32::min)));
    summary.extend((0..channels).map(|channel| column(channel).fold(f32::NEG_INFINITY, f32::max)));
    for lag in lags(steps) {
        for channel in 0..channels {
            let pairs = column(channel).zip(column(channel).skip(lag));
            summary.push(mean(&mut pairs.map(|(before, after)| (after - before).abs()), steps - lag));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_agrees_with_values_computed_by_hand() {
        let window = [1.0, 10.0, 3.0, 10.0, 2.0, 10.0, 2.0, 10.0];
        let mut summary = Vec::new();
        summarise(&window, 2, &mut summary);
        let deviation = 0.5f32.sqrt();
        assert_eq!(summary, [2.0, 10.0, deviation, 0.0, 1.0, 10.0, 3.0, 10.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(summary.len(), 2 * features(4));
    }
}
