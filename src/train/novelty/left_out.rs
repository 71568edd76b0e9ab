//! How well windows of a surface that is not in the training data stand out: each surface is left out in turn.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Axis;
use rayon::prelude::*;

use super::score::{Calibrated, HeldOutMeasures};
use super::weighted_quantile::weighted_quantiles;
use super::windows::NoveltyWindows;

/// About how many windows are fitted for all surfaces together, and the limits for one.
const ALL_WINDOWS: usize = 40_000;
const WINDOWS: [usize; 2] = [1500, 6000];
/// The most surfaces that are left out; of more, every n-th.
const MAX_SURFACES: usize = 20;
/// The parts of the recordings that the measures are fitted without; few, because they are fitted for each surface.
const PARTS: usize = 3;
/// The share of the drives on known surfaces that may be withheld.
const WITHHELD: f64 = 0.05;

/// How well a surface stands out from the others, whose score was fitted without it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct LeftOutSurface {
    /// Its name.
    pub surface: String,
    /// How often a window of the surface is more novel than one of a held-out recording of another surface.
    pub auroc: f64,
    /// The share of its recordings whose mean novelty is above that of 95 % of the held-out recordings of other
    /// surfaces.
    pub noticed: f64,
    /// The number of its recordings.
    pub recordings: usize,
}

/// How well surfaces that are not in the training data stand out.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct LeftOutScores {
    /// The mean over the surfaces of how often a window of a left-out surface is more novel than one of a known one.
    pub auroc: f64,
    /// The mean over the surfaces of the share of recordings that would be noticed.
    pub noticed: f64,
    /// Each surface.
    pub surfaces: Vec<LeftOutSurface>,
}

impl LeftOutScores {
    /// Leaves out each surface in turn, in the caller's thread pool. `labels` are the names of the surfaces.
    ///
    /// # Errors
    /// Why nothing was measured, as the rest of a sentence after "because".
    pub(crate) fn measure(
        windows: &NoveltyWindows,
        labels: &[String],
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Self, String> {
        let present: Vec<usize> = (0..labels.len()).filter(|label| windows.labels.contains(label)).collect();
        if present.len() < 3 {
            return Err("without one of two surfaces there is nothing to tell apart".into());
        }
        let [least, most] = WINDOWS;
        let windows = windows.thinned((ALL_WINDOWS / present.len()).clamp(least, most));
        let chosen: Vec<usize> =
            present.iter().copied().step_by(present.len().div_ceil(MAX_SURFACES)).collect();
        let surfaces = chosen.par_iter().map(|label| {
            if stop.load(Ordering::Relaxed) {
                None
            } else {
                left_out(&windows, *label, &labels[*label], seed)
            }
        });
        let surfaces: Vec<LeftOutSurface> = surfaces.collect::<Vec<_>>().into_iter().flatten().collect();
        if surfaces.is_empty() {
            return Err("too few recordings are left without a surface".into());
        }
        let mean =
            |of: fn(&LeftOutSurface) -> f64| surfaces.iter().map(of).sum::<f64>() / surfaces.len() as f64;
        Ok(Self { auroc: mean(|surface| surface.auroc), noticed: mean(|surface| surface.noticed), surfaces })
    }

    /// The surface whose windows stand out least.
    pub(crate) fn worst(&self) -> Option<&LeftOutSurface> {
        self.surfaces.iter().min_by(|one, other| one.auroc.total_cmp(&other.auroc))
    }
}

/// Leaves out one surface. `None` if the score cannot be fitted without it.
fn left_out(windows: &NoveltyWindows, label: usize, name: &str, seed: u64) -> Option<LeftOutSurface> {
    let known = windows.select(&windows.positions(|index| windows.labels[index] != label));
    let unknown = windows.select(&windows.positions(|index| windows.labels[index] == label));
    let held_out = HeldOutMeasures::of(&known, PARTS, seed);
    let calibrated = Calibrated::by(&known, &held_out)?;
    let of_known = calibrated.novelty(&held_out.measures);
    // Each window of the left-out surface is measured by what was fitted for one of the parts, in turn.
    let fitted: Vec<_> = held_out.experts.iter().flatten().collect();
    let (mut of_unknown, mut recordings) = (Vec::new(), Vec::new());
    for (turn, experts) in fitted.iter().enumerate() {
        let own = unknown.positions(|index| index % fitted.len() == turn);
        let measures = experts.measure(unknown.statistics.select(Axis(0), &own).view());
        of_unknown.extend(calibrated.novelty(&measures));
        recordings.extend(own.iter().map(|index| unknown.recordings[*index]));
    }
    let known_recordings: Vec<usize> =
        held_out.windows.iter().map(|index| known.recordings[*index]).collect();
    let known_means = means(&of_known, &known_recordings);
    let unknown_means = means(&of_unknown, &recordings);
    let limit = weighted_quantiles(&known_means, &vec![1.0; known_means.len()], &[1.0 - WITHHELD])?;
    let limit = limit.first()?;
    let noticed = unknown_means.iter().filter(|mean| *mean > limit).count();
    Some(LeftOutSurface {
        surface: name.to_owned(),
        auroc: auroc(&of_known, &of_unknown)?,
        noticed: noticed as f64 / unknown_means.len() as f64,
        recordings: unknown_means.len(),
    })
}

/// The mean value of each recording.
fn means(values: &[f64], recordings: &[usize]) -> Vec<f64> {
    let mut sums = std::collections::BTreeMap::<usize, (f64, f64)>::new();
    for (value, recording) in values.iter().zip(recordings) {
        let (sum, count) = sums.entry(*recording).or_default();
        *sum += value;
        *count += 1.0;
    }
    sums.into_values().map(|(sum, count)| sum / count).collect()
}

/// How often a value of `high` is above one of `low`; equal ones count half (Mann and Whitney 1947). `None` without
/// values on either side.
fn auroc(low: &[f64], high: &[f64]) -> Option<f64> {
    if low.is_empty() || high.is_empty() {
        return None;
    }
    let mut sorted = low.to_vec();
    sorted.sort_by(f64::total_cmp);
    let pairs: usize = high
        .iter()
        .map(|value| {
            sorted.partition_point(|other| other < value) + sorted.partition_point(|other| other <= value)
        })
        .sum();
    Some(0.5 * pairs as f64 / (low.len() * high.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_auroc_counts_pairs_in_the_right_order_and_equal_ones_half() {
        assert_eq!(auroc(&[1.0, 2.0], &[2.0, 3.0]), Some(0.875));
        assert_eq!(auroc(&[1.0, 2.0], &[0.0]), Some(0.0));
        assert_eq!(auroc(&[], &[0.0]), None);
        assert_eq!(means(&[1.0, 3.0, 5.0], &[7, 7, 2]), [5.0, 2.0]);
    }

    #[test]
    fn windows_of_a_left_out_surface_stand_out_where_the_surfaces_are_far_apart() {
        let windows = NoveltyWindows::of_test(4, 9, 12, 5.0);
        let labels: Vec<String> = (0..4).map(|label| format!("s{label}")).collect();
        let stop = AtomicBool::new(false);
        let scores = LeftOutScores::measure(&windows, &labels, 1, &stop).unwrap();
        assert_eq!(scores.surfaces.len(), 4);
        assert!(scores.auroc > 0.95 && scores.noticed > 0.9, "{scores:?}");
        assert_eq!(scores.worst().map(|worst| worst.recordings), Some(9));
        assert_eq!(LeftOutScores::measure(&windows, &labels, 1, &stop), Ok(scores));
        let two = windows.select(&windows.positions(|index| windows.labels[index] < 2));
        let why = LeftOutScores::measure(&two, &labels, 1, &stop).unwrap_err();
        assert!(why.contains("one of two surfaces"), "{why}");
    }
}
