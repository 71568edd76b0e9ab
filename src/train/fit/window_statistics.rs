//! The summary statistics of the windows that a network is trained and scored on.

use rayon::prelude::*;

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::augment::Augmentation;
use crate::train::network::preprocessing::Preprocessing;

/// The summary statistics of all windows of a split, which are computed once instead of in every epoch. In an epoch
/// that shifts a window by a few steps, its statistics stay those of the window that is not shifted.
#[derive(Debug)]
pub(super) struct WindowStatistics {
    /// F, the number of statistics of a window.
    columns: usize,
    /// Row-major [windows of the split, F].
    values: Vec<f32>,
    /// The row of each window of the dataset, `[N]`; of no meaning for a window that is not in the split.
    rows: Vec<usize>,
}

impl WindowStatistics {
    /// The statistics of the windows of `split`. `None` if the network takes none, or if `augment` changes values, so
    /// that the statistics change with them.
    pub(super) fn of(
        dataset: &Dataset,
        split: &Split,
        preprocessing: &Preprocessing,
        augment: Option<&Augmentation>,
    ) -> Option<Self> {
        preprocessing.summary()?;
        if augment.is_some_and(Augmentation::changes_values) {
            return None;
        }
        let windows: Vec<usize> = split.training.iter().chain(&split.validation).copied().collect();
        let mut rows = vec![0; dataset.len()];
        windows.iter().enumerate().for_each(|(row, window)| rows[*window] = row);
        let each = windows.par_iter().map(|window| {
            let mut values = Vec::new();
            preprocessing.append_statistics(dataset.window(*window), &mut values);
            values
        });
        let values = each.collect::<Vec<Vec<f32>>>().concat();
        Some(Self { columns: values.len() / windows.len().max(1), values, rows })
    }

    /// The statistics of a window of the split, `[F]`.
    pub(super) fn row(&self, window: usize) -> &[f32] {
        &self.values[self.rows[window] * self.columns..][..self.columns]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::network::architecture::Architecture;
    use crate::train::tests::sine_waves;

    #[test]
    fn the_statistics_of_each_window_are_kept_unless_an_augmentation_changes_its_values() {
        let dataset = sine_waves(2, 4, 3);
        let mut split = Split::new(&dataset, 0.25, 1);
        split.training.retain(|window| window % 2 == 0);
        let card = &dataset.card;
        let plain = Architecture::plain(card.window, card.channels.len(), 2, 2);
        let architecture = Architecture { summary: true, ..plain.clone() };
        let windows = dataset.all_windows();
        let preprocessing = Preprocessing::measure(&architecture, &windows, &windows);
        let statistics = WindowStatistics::of(&dataset, &split, &preprocessing, None).unwrap();
        for window in split.training.iter().chain(&split.validation) {
            let mut expected = Vec::new();
            preprocessing.append_statistics(dataset.window(*window), &mut expected);
            assert_eq!(statistics.row(*window), expected);
        }
        let of =
            |augment: Augmentation| WindowStatistics::of(&dataset, &split, &preprocessing, Some(&augment));
        assert!(of(Augmentation { orders: vec![vec![0]], ..Augmentation::default() }).is_some());
        assert!(of(Augmentation { jitter: 0.1, ..Augmentation::default() }).is_none());
        let without = Preprocessing::measure(&plain, &windows, &windows);
        assert!(WindowStatistics::of(&dataset, &split, &without, None).is_none());
    }
}
