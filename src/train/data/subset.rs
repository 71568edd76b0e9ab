//! A part of the recordings of a dataset.

use std::collections::BTreeSet;

use super::dataset::Dataset;

impl Dataset {
    /// The same recordings with only the windows with the indices `kept`, which are ascending. The recordings keep
    /// their indices.
    pub(crate) fn with_windows(&self, kept: &[usize]) -> Self {
        Self {
            labels: kept.iter().map(|window| self.labels[*window]).collect(),
            recording_of_window: kept.iter().map(|window| self.recording_of_window[*window]).collect(),
            windows: kept.iter().map(|window| self.windows[*window]).collect(),
            ..self.clone()
        }
    }

    /// The values of the windows with these indices, each row-major [W, C].
    pub(crate) fn windows_at(&self, indices: &[usize]) -> Vec<&[f32]> {
        indices.iter().map(|index| self.window(*index)).collect()
    }

    /// The most frequent label of the windows with these indices; the first one if several are equally frequent.
    pub(crate) fn most_frequent_label(&self, indices: &[usize]) -> usize {
        let counts = self.count(indices.iter().copied());
        let highest = counts.iter().max().copied().unwrap_or(0);
        counts.iter().position(|count| *count == highest).unwrap_or(0)
    }

    /// The indices of the windows that are not of these recordings, ascending.
    pub(crate) fn windows_without(&self, recordings: &BTreeSet<usize>) -> Vec<usize> {
        (0..self.len()).filter(|window| !recordings.contains(&self.recording_of_window[*window])).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::train::tests::sine_waves;

    #[test]
    fn the_windows_of_a_part_of_the_recordings_keep_their_values_and_labels() {
        let dataset = sine_waves(2, 3, 4);
        let kept = dataset.windows_without(&[0, 4].into());
        let part = dataset.with_windows(&kept);
        assert_eq!((part.len(), part.recordings.len()), (16, 6));
        for (index, window) in kept.iter().enumerate() {
            assert_eq!(part.window(index), dataset.window(*window));
            assert_eq!(part.labels[index], dataset.labels[*window]);
        }
        assert!(!part.recording_of_window.contains(&4));
    }
}
