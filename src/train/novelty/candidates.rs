//! Which surfaces are candidates for a window: those that are probable enough that the right one is among them.

use super::windows::recording_weights;

/// The share of windows whose candidates are to hold the right surface, on average over recordings.
const INSIDE: f64 = 0.95;
/// The parts of the recordings that the threshold is tried on, after it was found on the others.
const PARTS: usize = 5;

/// The candidates of a window are all surfaces with at least a certain probability, and always the most probable one.
///
/// The probability is a conformal quantile over held-out windows (Vovk, Gammerman and Shafer 2005). Each recording
/// counts the same, and one more counts as if its windows were all wrong, as for hierarchical data (Lee, Barber and
/// Willett 2023, "Distribution-free inference with hierarchical data"). With fewer than 19 recordings no quantile is high
/// enough, and the lowest probability of a right surface is taken.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct CandidateSets {
    /// The least probability of a candidate.
    pub least: f64,
    /// The share of windows whose candidates hold the right surface, on average over recordings that the threshold
    /// was not found with.
    pub inside: f64,
    /// The number of candidates of these windows, on average over the recordings.
    pub size: f64,
}

impl CandidateSets {
    /// Finds the threshold from the calibrated probabilities of held-out windows, row-major [N, K], with the actual
    /// surface, the recording and the group of recordings of each. `None` without windows, and if all are of one group.
    pub(crate) fn measure(
        probabilities: &[f32],
        labels: &[usize],
        recordings: &[usize],
        groups: &[usize],
    ) -> Option<Self> {
        let classes = probabilities.len().checked_div(labels.len())?;
        let rows: Vec<&[f32]> = probabilities.chunks_exact(classes.max(1)).collect();
        let right: Vec<f64> = rows.iter().zip(labels).map(|(row, label)| f64::from(row[*label])).collect();
        let weights = recording_weights(recordings);
        let least = threshold(right.iter().copied().zip(weights.iter().copied()))?;
        let (mut inside, mut size, mut total) = (0.0, 0.0, 0.0);
        for part in 0..PARTS {
            let is_in = |index: &usize| groups[*index] % PARTS == part;
            let others = (0..labels.len()).filter(|index| !is_in(index));
            let Some(least) = threshold(others.map(|index| (right[index], weights[index]))) else { continue };
            for index in (0..labels.len()).filter(is_in) {
                let highest = rows[index].iter().copied().fold(0.0, f32::max);
                let is_candidate = |value: f32| f64::from(value) >= least || value == highest;
                total += weights[index];
                inside += weights[index] * f64::from(u8::from(is_candidate(rows[index][labels[index]])));
                size +=
                    weights[index] * rows[index].iter().filter(|value| is_candidate(**value)).count() as f64;
            }
        }
        (total > 0.0).then(|| Self { least, inside: inside / total, size: size / total })
    }
}

/// The threshold for windows with these probabilities of the right surface and weights, of which each recording's add
/// up to 1. `None` without windows, and if a probability is not a number.
fn threshold(windows: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let mut windows: Vec<(f64, f64)> = windows.collect();
    if windows.iter().any(|(probability, _)| probability.is_nan()) {
        return None;
    }
    windows.sort_by(|one, other| other.0.total_cmp(&one.0));
    let recordings: f64 = windows.iter().map(|(_, weight)| weight).sum();
    let needed = INSIDE * (recordings + 1.0);
    let mut sum = 0.0;
    let found = windows.iter().find(|(_, weight)| {
        sum += weight;
        sum >= needed - 1e-9
    });
    found.or(windows.last()).map(|(probability, _)| probability.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_the_probability_that_enough_right_surfaces_have() {
        // 39 recordings of two windows: 38 of 40 must be inside.
        let windows = (0..78).map(|index| (1.0 - f64::from(index) / 100.0, 0.5));
        assert!((threshold(windows).unwrap() - (1.0 - 0.75)).abs() < 1e-12);
        let few = (0..10).map(|index| (1.0 - f64::from(index) / 100.0, 1.0));
        assert!((threshold(few).unwrap() - 0.91).abs() < 1e-12, "the lowest of too few recordings");
        assert_eq!(threshold(std::iter::empty()), None);
        assert_eq!(threshold([(f64::NAN, 1.0)].into_iter()), None);
    }

    #[test]
    fn the_right_surface_is_among_the_candidates_of_95_windows_in_100() {
        // In a recording of 10 windows, the right surface of three has between .5 and .1, and of the others .9.
        let (mut probabilities, mut labels, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
        for window in 0..2000 {
            let right =
                if window % 10 < 3 { 0.1 + 0.4 * ((window * 37 % 2000) as f32 / 2000.0) } else { 0.9 };
            probabilities.extend([right, 1.0 - right, 0.0]);
            labels.push(0);
            recordings.push(window / 10);
        }
        let sets = CandidateSets::measure(&probabilities, &labels, &recordings, &recordings).unwrap();
        assert!((sets.inside - 0.95).abs() < 0.02 && (1.1..1.6).contains(&sets.size), "{sets:?}");
        assert!((sets.least - 0.17).abs() < 0.02, "{sets:?}");
        assert_eq!(CandidateSets::measure(&[], &[], &[], &[]), None);
    }

    #[test]
    fn recordings_count_the_same_however_long_they_are() {
        // One long recording is always wrong, 99 short ones are right.
        let wrong: Vec<f32> = [0.01, 0.99].repeat(1000);
        let probabilities = [wrong, [0.9, 0.1].repeat(99)].concat();
        let recordings: Vec<usize> = (0..1099).map(|window: usize| window.saturating_sub(999)).collect();
        let sets = CandidateSets::measure(&probabilities, &[0; 1099], &recordings, &recordings).unwrap();
        assert!((sets.least - 0.9).abs() < 1e-6 && (sets.inside - 0.99).abs() < 1e-9, "{sets:?}");
    }
}
