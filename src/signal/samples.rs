//! Samples in memory, and the limits of the sensors that measured them.

use std::sync::Arc;

use super::time::Time;

/// Samples of one stream in the order in which they were decoded: N times, and values of shape [N, C] for C
/// channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    channels: usize,
    times: Vec<Time>,
    values: Vec<f32>,
    limits: Option<Arc<[SensorLimits]>>,
}

/// The measuring range of a channel's sensor, in the channel's unit.
///
/// At or beyond a limit the real quantity is not known: it may be any value beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorLimits {
    /// The lowest value that the sensor can measure; negative infinity if it is not known.
    pub min: f32,
    /// The highest value that the sensor can measure; infinity if it is not known.
    pub max: f32,
}

impl Default for SensorLimits {
    /// Limits that are not known.
    fn default() -> Self {
        Self { min: f32::NEG_INFINITY, max: f32::INFINITY }
    }
}

impl SensorLimits {
    /// Whether at least one of the two limits is known.
    pub fn are_known(&self) -> bool {
        *self != Self::default()
    }
}

impl Samples {
    /// Creates an empty collection for samples with this number of channels; 0 counts as 1.
    pub fn new(channels: usize) -> Self {
        Self { channels: channels.max(1), times: Vec::new(), values: Vec::new(), limits: None }
    }

    /// Sets the sensor limits, one for each channel; `None` if none is known.
    pub fn with_limits(self, limits: Option<Arc<[SensorLimits]>>) -> Self {
        Self { limits, ..self }
    }

    /// The sensor limits, one for each channel; `None` if none is known.
    pub fn limits(&self) -> Option<&Arc<[SensorLimits]>> {
        self.limits.as_ref()
    }

    /// The number of channels of each sample.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Makes room for this many further samples.
    pub(crate) fn reserve(&mut self, samples: usize) {
        self.times.reserve(samples);
        self.values.reserve(samples * self.channels);
    }

    /// Adds a sample. Values after the last channel are ignored, and missing ones are set to NaN.
    pub fn push(&mut self, time: Time, values: impl IntoIterator<Item = f32>) {
        self.times.push(time);
        self.values.extend(values);
        self.values.resize(self.times.len() * self.channels, f32::NAN);
    }

    /// The times, one for each sample.
    pub fn times(&self) -> &[Time] {
        &self.times
    }

    /// The times, for setting those of samples that carry none.
    pub fn times_mut(&mut self) -> &mut [Time] {
        &mut self.times
    }

    /// The values, row-major [N, C].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values from the sample with this index on, for filling in missing ones; row-major [N, C].
    pub(crate) fn values_mut(&mut self, first: usize) -> &mut [f32] {
        self.values.get_mut(first * self.channels..).unwrap_or_default()
    }

    /// The time of each sample with its values, one for each channel.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &[f32])> {
        self.times.iter().copied().zip(self.values.chunks_exact(self.channels))
    }

    /// Adds the samples of `other`, which must have the same channels.
    pub(crate) fn append(&mut self, other: &Samples) {
        self.times.extend_from_slice(&other.times);
        self.values.extend_from_slice(&other.values);
    }

    /// Removes all samples. The memory, the number of channels and the limits are kept.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_row_is_filled_with_nan_and_a_long_one_is_truncated() {
        let mut samples = Samples::new(2);
        samples.push(Time::from_nanos(0).unwrap(), [1.0]);
        samples.push(Time::from_nanos(1).unwrap(), [1.0, 2.0, 3.0]);
        let rows: Vec<_> = samples.iter().map(|(_, row)| row.to_vec()).collect();
        assert!(rows[0][1].is_nan());
        assert_eq!(rows[1], [1.0, 2.0]);
    }
}
