//! A window's summary statistics, which stand beside the recurrent state.

/// Statistics a channel.
pub const FEATURES: usize = 5;

/// Appends the summary of a window, row-major [W, C]: for each channel the mean; then for each the standard deviation, the
/// smallest value, the largest, and the mean absolute first difference. C times [`FEATURES`] values in all.
pub fn summarise(window: &[f32], channels: usize, summary: &mut Vec<f32>) {
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
    for channel in 0..channels {
        let pairs = column(channel).zip(column(channel).skip(1));
        summary.push(mean(&mut pairs.map(|(before, after)| (after - before).abs()), steps - 1));
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
        assert_eq!(summary, [2.0, 10.0, deviation, 0.0, 1.0, 10.0, 3.0, 10.0, 1.0, 0.0]);
    }
}
