//! Estimates the error that no classifier can avoid, from the error of the nearest neighbour.

use crate::train::baseline::Features;
use crate::train::data::dataset::Dataset;
use crate::train::robust::OutlierLimits;

/// The maximum number of windows. Each is compared with every other, so the time grows with the square.
const MAX_WINDOWS: usize = 2000;

/// The error of the nearest neighbour, with the interval that the least possible error would lie in if there
/// were infinitely many windows.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct NeighbourError {
    /// The share of the windows whose nearest neighbour in another group of recordings has another label.
    pub error: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval, which is the error of the nearest neighbour.
    pub high: f64,
}

impl NeighbourError {
    /// The numbers where there was no time for any window.
    pub(crate) fn unknown() -> Self {
        Self { error: f64::NAN, low: f64::NAN, high: f64::NAN }
    }
}

/// Measures the error of the nearest neighbour on features that are scaled to a standard deviation of 1 without
/// their outliers, which are clipped to the range of the other windows. For an error e and K labels, the interval is that of Cover and Hart (1967): from (K - 1) / K · (1 - √(1 - K /
/// (K - 1) · e)) to e. If `expired` becomes true, the windows that were compared until then count; without any,
/// the numbers are NaN.
pub(crate) fn nearest_neighbours(
    dataset: &Dataset,
    features: &Features,
    expired: impl Fn() -> bool,
) -> NeighbourError {
    let every = dataset.len().div_ceil(MAX_WINDOWS).max(1);
    let windows: Vec<usize> = (0..dataset.len()).step_by(every).collect();
    let columns = features.columns;
    let column = |column: usize| windows.iter().map(move |window| features.row(*window)[column]);
    let scales: Vec<FeatureScale> =
        (0..columns).map(|index| FeatureScale::of(column(index), windows.len())).collect();
    let scaled = |window: &usize| -> Vec<f32> {
        features.row(*window).iter().zip(&scales).map(|(value, scale)| scale.apply(*value)).collect()
    };
    let rows: Vec<Vec<f32>> = windows.iter().map(scaled).collect();
    let wrong = |one: usize| {
        let group = |index: usize| &dataset.recordings[dataset.recording_of_window[windows[index]]].group;
        let others = (0..rows.len()).filter(|other| group(*other) != group(one));
        let distance = |other: &usize| -> f32 {
            rows[one].iter().zip(&rows[*other]).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let nearest = others.map(|other| (distance(&other), other)).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.is_none_or(|(_, other)| dataset.labels[windows[other]] != dataset.labels[windows[one]])
    };
    // At equal distances, so that an early end leaves windows of every recording.
    const PARTS: usize = 16;
    let order = (0..PARTS).flat_map(|part| (part..rows.len()).step_by(PARTS));
    let compared: Vec<bool> = order.take_while(|_| !expired()).map(wrong).collect();
    let error = compared.iter().filter(|wrong| **wrong).count() as f64 / compared.len() as f64;
    let labels = dataset.card.labels.len() as f64;
    let share = (labels - 1.0) / labels;
    NeighbourError { error, low: share * (1.0 - above_zero(1.0 - error / share).sqrt()), high: error }
}

/// The scale of a feature, measured without its outliers.
#[derive(Debug)]
struct FeatureScale {
    deviation: f32,
    low: f32,
    high: f32,
}

impl FeatureScale {
    /// The standard deviation and the range of `values`, of which there are `count`.
    fn of(values: impl Iterator<Item = f32> + Clone, count: usize) -> Self {
        let limits = OutlierLimits::of(values.clone(), count);
        let inside = || values.clone().filter(|value| limits.contains(*value));
        let count = inside().count().max(1) as f32;
        let mean = inside().sum::<f32>() / count;
        let deviation = (inside().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt().max(1e-9);
        Self { deviation, low: inside().fold(mean, f32::min), high: inside().fold(mean, f32::max) }
    }

    /// The value scaled to a standard deviation of 1, within the range. A value that is not a number becomes the
    /// lowest.
    fn apply(&self, value: f32) -> f32 {
        value.max(self.low).min(self.high) / self.deviation
    }
}

/// The number, or 0 if it is below. Unlike [`f64::max`], this keeps NaN.
fn above_zero(number: f64) -> f64 {
    if number < 0.0 { 0.0 } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    fn features(dataset: &Dataset) -> Features {
        Features::of(dataset, &|| false).unwrap()
    }

    #[test]
    fn sine_waves_of_different_frequency_have_neighbours_of_their_own_label() {
        let dataset = sine_waves(3, 4, 4);
        let found = nearest_neighbours(&dataset, &features(&dataset), || false);
        assert!(found.error < 0.1, "{found:?}");
        let none = nearest_neighbours(&dataset, &features(&dataset), || true);
        assert!(none.error.is_nan() && none.low.is_nan());
        let mut shuffled = dataset.clone();
        (0..shuffled.len()).for_each(|window| shuffled.labels[window] = window % 3);
        let found = nearest_neighbours(&shuffled, &features(&shuffled), || false);
        assert!(found.error > 0.4 && found.low > 0.2 && found.high == found.error, "{found:?}");
        // Cover and Hart: the nearest neighbour's error is at most low * (2 - low * K / (K - 1)).
        let most = found.low * (2.0 - found.low * 3.0 / 2.0);
        assert!((most - found.error.min(2.0 / 3.0)).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn wrong_values_in_few_windows_do_not_ruin_the_scale_of_all_others() {
        let mut dataset = sine_waves(3, 8, 8);
        let sound = nearest_neighbours(&dataset, &features(&dataset), || false);
        (dataset.steps[77], dataset.steps[1500]) = (4_294_967_295.0, 3e38);
        let found = nearest_neighbours(&dataset, &features(&dataset), || false);
        assert!(found.error <= sound.error + 0.02, "{found:?} {sound:?}");
    }
}
