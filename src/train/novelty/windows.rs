//! The windows that the novelty score is fitted and calibrated on.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::preprocessing::Preprocessing;

/// The parts of the recordings: the score of a part is calibrated by what is fitted to the others. With more parts, what is
/// fitted to the others is more like what is exported, and the novelty of known surfaces is not lower than it says.
pub(super) const FOLDS: usize = 8;
/// About how many windows are used; of more, every n-th of each recording.
const MAX_WINDOWS: usize = 12_000;

/// The summary statistics of windows, with what is known of each.
#[derive(Clone, Debug)]
pub(crate) struct NoveltyWindows {
    /// The summary statistics, [n, F].
    pub(super) statistics: Array2<f64>,
    /// The surface of each window, `[n]`.
    pub(super) labels: Vec<usize>,
    /// The recording of each window, `[n]`.
    pub(super) recordings: Vec<usize>,
    /// The part of the recordings that each window is in, `[n]`; recordings of one group are in one part.
    pub(super) folds: Vec<usize>,
    /// K, the number of surfaces.
    pub(super) classes: usize,
    /// Of the windows of each recording, every how many are taken.
    pub(super) step: usize,
}

impl NoveltyWindows {
    /// The windows of a dataset with the summary statistics that a network takes. `None` if it takes none.
    pub(crate) fn of(dataset: &Dataset, preprocessing: &Preprocessing, seed: u64) -> Option<Self> {
        preprocessing.summary()?;
        let step = dataset.len().div_ceil(MAX_WINDOWS).max(1);
        let chosen = every_nth(&dataset.recording_of_window, step);
        let rows: Vec<Vec<f64>> = chosen
            .par_iter()
            .map(|window| {
                let mut statistics: Vec<f32> = Vec::new();
                preprocessing.append_statistics(dataset.window(*window), &mut statistics);
                statistics.into_iter().map(f64::from).collect()
            })
            .collect();
        // Statistics are finite unless the values of a window are not.
        let is_finite = |(row, _): &(&Vec<f64>, usize)| row.iter().all(|value| value.is_finite());
        let (rows, chosen): (Vec<&Vec<f64>>, Vec<usize>) = rows.iter().zip(chosen).filter(is_finite).unzip();
        let columns = rows.first().map_or(0, |row| row.len());
        let values: Vec<f64> = rows.into_iter().flatten().copied().collect();
        let mut folds = vec![0; dataset.len()];
        for (fold, split) in Split::folds(dataset, FOLDS, seed).iter().enumerate() {
            split.validation.iter().for_each(|window| folds[*window] = fold);
        }
        let each = |of: &[usize]| chosen.iter().map(|window| of[*window]).collect();
        Some(Self {
            statistics: Array2::from_shape_vec((chosen.len(), columns), values).ok()?,
            labels: each(&dataset.labels),
            recordings: each(&dataset.recording_of_window),
            folds: each(&folds),
            classes: dataset.card.labels.len(),
            step,
        })
    }

    /// Those of the windows that are chosen by their position.
    pub(super) fn select(&self, chosen: &[usize]) -> Self {
        let each = |of: &[usize]| chosen.iter().map(|index| of[*index]).collect();
        Self {
            statistics: self.statistics.select(Axis(0), chosen),
            labels: each(&self.labels),
            recordings: each(&self.recordings),
            folds: each(&self.folds),
            classes: self.classes,
            step: self.step,
        }
    }

    /// The positions of the windows for which `is_chosen`, given their position, is true.
    pub(super) fn positions(&self, is_chosen: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.labels.len()).filter(|index| is_chosen(*index)).collect()
    }

    /// About `count` of the windows: every n-th of each recording.
    pub(super) fn thinned(&self, count: usize) -> Self {
        self.select(&every_nth(&self.recordings, self.labels.len().div_ceil(count.max(1))))
    }
}

/// The weight of each window by which each recording counts the same, given the windows' recordings.
pub(super) fn recording_weights(recordings: &[usize]) -> Vec<f64> {
    let mut counts = vec![0.0; recordings.iter().max().map_or(0, |last| last + 1)];
    recordings.iter().for_each(|recording| counts[*recording] += 1.0);
    recordings.iter().map(|recording| 1.0 / counts[*recording]).collect()
}

/// The positions of every `step`-th window of each recording, from the first on; `recordings` has the recording of
/// each window.
fn every_nth(recordings: &[usize], step: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; recordings.iter().max().map_or(0, |last| last + 1)];
    let is_chosen = |recording: &usize| {
        counts[*recording] += 1;
        (counts[*recording] - 1).is_multiple_of(step.max(1))
    };
    let chosen: Vec<bool> = recordings.iter().map(is_chosen).collect();
    (0..recordings.len()).filter(|index| chosen[*index]).collect()
}

#[cfg(test)]
impl NoveltyWindows {
    /// Windows for tests, with six statistics: `classes` surfaces with `recordings` recordings of `windows` windows
    /// each. The surfaces are `apart` from each other, in standard deviations of a window within its recording;
    /// recordings of a surface differ, too.
    pub(super) fn of_test(classes: usize, recordings: usize, windows: usize, apart: f64) -> Self {
        use rand_distr::{Distribution, StandardNormal};
        let mut rng = rand_pcg::Pcg64::new(7, 7);
        let mut normal = move || -> f64 { StandardNormal.sample(&mut rng) };
        let count = classes * recordings * windows;
        let recording_of = |index: usize| index / windows;
        let label_of = |index: usize| index / windows / recordings;
        let offsets: Vec<f64> = (0..classes * recordings * 6).map(|_| 0.5 * normal()).collect();
        let statistics = Array2::from_shape_fn((count, 6), |(index, column)| {
            let surface = if label_of(index) % 6 == column { apart } else { 0.0 };
            surface + offsets[recording_of(index) * 6 + column] + normal()
        });
        Self {
            statistics,
            labels: (0..count).map(label_of).collect(),
            recordings: (0..count).map(recording_of).collect(),
            folds: (0..count).map(|index| recording_of(index) % FOLDS).collect(),
            classes,
            step: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recording_keeps_some_of_its_windows_and_counts_the_same() {
        let recordings = [0, 0, 0, 0, 0, 2, 2, 2, 5];
        assert_eq!(every_nth(&recordings, 2), [0, 2, 4, 5, 7, 8]);
        assert_eq!(every_nth(&recordings, 100), [0, 5, 8]);
        assert_eq!(every_nth(&[], 0), [] as [usize; 0]);
        assert_eq!(recording_weights(&[1, 1, 4]), [0.5, 0.5, 1.0]);
    }
}
