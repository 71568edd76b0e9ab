//! A window's summary statistics, which stand beside the recurrent state.

/// Steps over which changes are taken: what a spectrum would tell of rollers and rough ground, without one.
pub(crate) const LAGS: [usize; 4] = [1, 2, 4, 8];

/// Those of [`LAGS`] that fit into a window of so many steps.
pub(crate) fn lags(window: usize) -> impl Iterator<Item = usize> {
    LAGS.into_iter().filter(move |lag| *lag < window)
}

/// Statistics a channel in a window of so many steps.
pub(crate) fn features(window: usize) -> usize {
    4 + lags(window).count()
}

/// Appends the summary of a window, row-major [W, C]: for each channel the mean; then for each the standard deviation, the
/// smallest value, the largest, and the mean absolute difference of steps so far apart, for each of [`lags`]. C times [`features`]
/// values in all.
pub(crate) fn summarise(window: &[f32], channels: usize, summary: &mut Vec<f32>) {
    let steps = (window.len() / channels.max(1)).max(1);
    let column = |channel: usize| window.iter().skip(channel).step_by(channels.max(1)).copied();
    let mean = |values: &mut dyn Iterator<Item = f32>, count: usize| {
        (values.map(f64::from).sum::<f64>() / count.max(1) as f64) as f32
    };
    let first = summary.len();
    summary.extend((0..channels).map(|channel| mean(&mut column(channel), steps)));
    for channel in 0..channels {
        let centre = summary[first + channel];
        let squares = &mut column(channel).map(|value| (value - centre) * (value - centre));
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
    fn a_summary_agrees_with_values_worked_out_by_hand() {
        let window = [1.0, 10.0, 3.0, 10.0, 2.0, 10.0, 2.0, 10.0];
        let mut summary = Vec::new();
        summarise(&window, 2, &mut summary);
        let deviation = 0.5f32.sqrt();
        assert_eq!(summary, [2.0, 10.0, deviation, 0.0, 1.0, 10.0, 3.0, 10.0, 1.0, 0.0, 1.0, 0.0]);
        assert_eq!(summary.len(), 2 * features(4));
    }
}
