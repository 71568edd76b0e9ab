//! Recordings that are read again and again.

use crate::signal::{Samples, Time};

/// The rounds of a recording that is repeated: by how much its times are shifted, so that each round continues
/// where the one before has ended.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// What is added to the times of the recording, in nanoseconds.
    offset: i64,
    /// The first and the last time of the recording, as far as it has been read.
    ends: Option<(Time, Time)>,
    /// The times between samples in the first round, in nanoseconds, up to [`Rounds::MAX_INTERVALS`].
    intervals: Vec<i64>,
    /// The time from the last sample of a round to the first of the next one, once it is known.
    pause: Option<i64>,
}

impl Rounds {
    /// Maximum number of times between samples that are looked at.
    const MAX_INTERVALS: usize = 4096;
    /// The pause after a recording of a single sample, in nanoseconds.
    const DEFAULT_PAUSE: i64 = 1_000_000_000;
    /// When the times have been shifted by more than this, in nanoseconds, they start again: 100 years.
    const MAX_OFFSET: i64 = 100 * 365 * 86_400 * 1_000_000_000;

    /// Shifts the times of a batch, which follows the batches before in the recording.
    pub(super) fn shift(&mut self, samples: &mut Samples) {
        for time in samples.times_mut() {
            let (first, last) = self.ends.unwrap_or((*time, *time));
            let interval = time.since(last);
            if self.pause.is_none() && interval > 0 && self.intervals.len() < Self::MAX_INTERVALS {
                self.intervals.push(interval);
            }
            self.ends = Some((first, *time));
            *time = time.offset(self.offset);
        }
    }

    /// Begins the next round. Returns false if the recording has no samples, so that there is none.
    pub(super) fn begin_next(&mut self) -> bool {
        let Some((first, last)) = self.ends.take() else { return false };
        let intervals = &mut self.intervals;
        let pause = *self.pause.get_or_insert_with(|| {
            intervals.sort_unstable();
            intervals.get(intervals.len() / 2).copied().unwrap_or(Self::DEFAULT_PAUSE)
        });
        self.offset = self.offset.saturating_add(last.since(first)).saturating_add(pause);
        if self.offset.saturating_abs() > Self::MAX_OFFSET {
            self.offset = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_of_a_repeated_recording_continues_one_median_interval_after_the_last() {
        let mut rounds = Rounds::default();
        let mut shifted = Vec::new();
        for _ in 0..3 {
            // In two batches, with one gap.
            for times in [[10, 20, 30], [40, 100, 110]] {
                let mut samples = Samples::new(1);
                times.iter().for_each(|time| samples.push(Time::from_nanos(*time).unwrap(), [0.0]));
                rounds.shift(&mut samples);
                shifted.extend(samples.times().iter().map(|time| time.nanos()));
            }
            assert!(rounds.begin_next());
        }
        let round = [10, 20, 30, 40, 100, 110];
        let expected: Vec<_> = [0, 110, 220].iter().flat_map(|by| round.map(|time| time + by)).collect();
        assert_eq!(shifted, expected);
    }

    #[test]
    fn a_recording_without_samples_is_not_repeated_and_a_single_sample_is() {
        let mut rounds = Rounds::default();
        assert!(!rounds.begin_next());
        for second in 0..3 {
            let mut samples = Samples::new(1);
            samples.push(Time::from_seconds(5.0).unwrap(), [0.0]);
            rounds.shift(&mut samples);
            assert_eq!(samples.times()[0].seconds(), 5.0 + f64::from(second));
            assert!(rounds.begin_next());
        }
    }
}
