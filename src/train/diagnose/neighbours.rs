//! What the nearest neighbour says of the error that no classifier can avoid.

use crate::train::baseline::Features;
use crate::train::data::dataset::Dataset;

/// Windows that are looked at, at most: each is compared with each.
const MOST: usize = 2000;

/// The nearest neighbour's error, and the interval in which the least possible error lies if there were endlessly many windows.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Neighbours {
    /// The share of the windows whose nearest neighbour in another recording has another label.
    pub error: f64,
    /// The least error that is possible by it.
    pub low: f64,
    /// The nearest neighbour's error, which bounds it from above.
    pub high: f64,
}

/// Measures on features of a deviation of 1, over windows of other recordings. The interval is Cover and Hart's (1967), for K labels:
/// (K - 1) / K · (1 - √(1 - K / (K - 1) · e)) to e.
pub(crate) fn neighbours(dataset: &Dataset, features: &Features) -> Neighbours {
    let every = dataset.len().div_ceil(MOST).max(1);
    let windows: Vec<usize> = (0..dataset.len()).step_by(every).collect();
    let columns = features.columns;
    let count = windows.len().max(1) as f32;
    let mean: Vec<f32> =
        (0..columns).map(|c| windows.iter().map(|w| features.row(*w)[c]).sum::<f32>() / count).collect();
    let deviation = |column: usize| {
        let far = windows.iter().map(|w| (features.row(*w)[column] - mean[column]).powi(2)).sum::<f32>();
        (far / count).sqrt().max(1e-9)
    };
    let deviations: Vec<f32> = (0..columns).map(deviation).collect();
    let scaled = |window: &usize| -> Vec<f32> {
        features.row(*window).iter().zip(&deviations).map(|(value, by)| value / by).collect()
    };
    let rows: Vec<Vec<f32>> = windows.iter().map(scaled).collect();
    let wrong = |one: usize| {
        let group = |index: usize| &dataset.recordings[dataset.sources[windows[index]]].group;
        let others = (0..rows.len()).filter(|other| group(*other) != group(one));
        let far = |other: &usize| -> f32 {
            rows[one].iter().zip(&rows[*other]).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let nearest = others.map(|other| (far(&other), other)).min_by(|a, b| a.0.total_cmp(&b.0));
        nearest.is_none_or(|(_, other)| dataset.labels[windows[other]] != dataset.labels[windows[one]])
    };
    let error = (0..rows.len()).filter(|one| wrong(*one)).count() as f64 / f64::from(count);
    let labels = dataset.card.labels.len() as f64;
    let share = (labels - 1.0) / labels;
    Neighbours { error, low: share * (1.0 - (1.0 - error / share).max(0.0).sqrt()), high: error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::waves;

    #[test]
    fn waves_of_different_frequency_have_neighbours_of_their_own_label() {
        let dataset = waves(3, 4, 4);
        let found = neighbours(&dataset, &Features::of(&dataset));
        assert!(found.error < 0.1 && found.low <= found.high, "{found:?}");
        let mut shuffled = dataset.clone();
        (0..shuffled.len()).for_each(|window| shuffled.labels[window] = window % 3);
        let found = neighbours(&shuffled, &Features::of(&shuffled));
        assert!(found.error > 0.4 && found.low > 0.2, "{found:?}");
    }
}
