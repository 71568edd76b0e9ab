//! The statistics of the channels over chosen windows, for the card.

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
            Statistics { mean, deviation, min, max }
        };
        (0..channels).map(of).collect()
    }
}
