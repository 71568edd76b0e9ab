//! Streams, times and samples: what every stage passes on.

use std::sync::Arc;

use super::time::Time;

/// Samples of one stream in the order they were decoded: `len` times and `len` rows of `channels` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    channels: usize,
    times: Vec<Time>,
    values: Vec<f32>,
    limits: Option<Arc<[SensorLimits]>>,
}

/// Where a channel's sensor ends: values at these or beyond say no more than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorLimits {
    /// The lowest value.
    pub min: f32,
    /// The highest value.
    pub max: f32,
}

impl Default for SensorLimits {
    /// Not known.
    fn default() -> Self {
        Self { min: f32::NEG_INFINITY, max: f32::INFINITY }
    }
}

impl SensorLimits {
    /// Whether either of them is known.
    pub fn are_known(&self) -> bool {
        *self != Self::default()
    }
}

impl Samples {
    /// No samples yet, of `channels` channels (at least one).
    pub fn new(channels: usize) -> Self {
        Self { channels: channels.max(1), times: Vec::new(), values: Vec::new(), limits: None }
    }

    /// The same of sensors with these limits, one a channel.
    pub fn within(self, limits: Option<Arc<[SensorLimits]>>) -> Self {
        Self { limits, ..self }
    }

    /// The sensors' limits, as far as they are known.
    pub fn limits(&self) -> Option<&Arc<[SensorLimits]>> {
        self.limits.as_ref()
    }

    /// How many channels each sample has.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds a sample; values past the channel count are left out, missing ones are NaN.
    pub fn push(&mut self, time: Time, values: impl IntoIterator<Item = f32>) {
        self.times.push(time);
        self.values.extend(values);
        self.values.resize(self.times.len() * self.channels, f32::NAN);
    }

    /// The times, one a sample.
    pub fn times(&self) -> &[Time] {
        &self.times
    }

    /// The times, to be stamped.
    pub fn times_mut(&mut self) -> &mut [Time] {
        &mut self.times
    }

    /// The values, row after row, `channels` a row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Each sample's time and row.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &[f32])> {
        self.times.iter().copied().zip(self.values.chunks_exact(self.channels))
    }

    /// Removes the samples and keeps the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_row_is_filled_with_nan_and_a_long_one_is_cut() {
        let mut samples = Samples::new(2);
        samples.push(Time::from_nanos(0).unwrap(), [1.0]);
        samples.push(Time::from_nanos(1).unwrap(), [1.0, 2.0, 3.0]);
        let rows: Vec<_> = samples.iter().map(|(_, row)| row.to_vec()).collect();
        assert!(rows[0][1].is_nan());
        assert_eq!(rows[1], [1.0, 2.0]);
    }
}
