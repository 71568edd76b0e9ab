//! The statistics of the channels over chosen windows, for the card.

use std::collections::BTreeMap;

use super::dataset::Dataset;
use crate::model::card::Statistics;
use crate::train::robust::OutlierLimits;

impl Dataset {
    /// The mean, the standard deviation and the range of each channel over the windows with these indices.
    /// Single values far outside of all others are left out, because one of them would ruin all four.
    pub fn statistics(&self, indices: &[usize]) -> Vec<Statistics> {
        let channels = self.card.channels.len();
        let rows = indices.iter().flat_map(|index| self.window(*index).chunks_exact(channels));
        let limits = OutlierLimits::of_channels(rows.clone(), indices.len() * self.card.window, channels);
        let of = |channel: usize| {
            let values = || rows.clone().map(|row| row[channel]);
            let values = || values().filter(|value| limits[channel].contains(*value)).map(f64::from);
            let count = values().count().max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let deviation = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            let (min, max) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            let still = self.longest_still(indices, channel) as f64 / self.card.rate;
            Statistics { mean, deviation, min, max, still }
        };
        (0..channels).map(of).collect()
    }

    /// The longest stretch of whole windows in which the channel does not change, in steps, in the recording with
    /// the second longest one.
    fn longest_still(&self, indices: &[usize], channel: usize) -> usize {
        let (width, window) = (self.card.channels.len(), self.card.window);
        let is_still = |index: &&usize| {
            let mut values = self.window(**index).chunks_exact(width).map(|row| row[channel]);
            values.next().is_some_and(|first| values.all(|value| value == first))
        };
        // The first and the last window of a stretch without a change, by recording.
        let mut stretches: BTreeMap<usize, Vec<[usize; 2]>> = BTreeMap::new();
        for index in indices.iter().filter(is_still) {
            let start = self.windows[*index].start;
            let stretches = stretches.entry(self.recording_of_window[*index]).or_default();
            match stretches.last_mut() {
                Some([_, last]) if (*last..=*last + window).contains(&start) => *last = start,
                _ => stretches.push([start; 2]),
            }
        }
        let longest = |stretches: Vec<[usize; 2]>| {
            stretches.into_iter().map(|[first, last]| last - first + window).max().unwrap_or(0)
        };
        let mut longest: Vec<usize> = stretches.into_values().map(longest).collect();
        longest.sort_unstable();
        longest.iter().rev().nth(1).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use crate::recordings;
    use crate::recordings::tests::folder;
    use crate::train::data::dataset::{Dataset, DatasetOptions};

    #[test]
    fn a_channel_may_be_still_as_long_as_in_the_second_stillest_recording() {
        // At 50 Hz, with windows of two seconds: changes, then none for some seconds.
        let drive = |still: usize| {
            let rows = (0..150 + 50 * still)
                .map(|i| format!("{},{},{}\n", i as f64 * 0.02, i % 7, i.min(150) * 5 % 11));
            format!("t,left,right\n{}", rows.collect::<String>())
        };
        let still = |names: &[(&str, usize)]| {
            let files: Vec<_> = names.iter().map(|(name, still)| (*name, drive(*still))).collect();
            let folder = folder(&files);
            let found = recordings::find(&[folder.path().into()], None).unwrap();
            let dataset = Dataset::load(&found, &DatasetOptions::default()).unwrap();
            let all: Vec<usize> = (0..dataset.len()).collect();
            let statistics = dataset.statistics(&all);
            [statistics[0].still, statistics[1].still]
        };
        assert_eq!(
            still(&[("tile/a.csv", 60), ("wood/b.csv", 1)]),
            [0.0, 0.0],
            "one dead sensor does not count"
        );
        assert_eq!(still(&[("tile/a.csv", 60), ("tile/c.csv", 5), ("wood/b.csv", 3)]), [0.0, 5.0]);
    }
}
