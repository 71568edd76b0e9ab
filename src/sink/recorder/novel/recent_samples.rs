//! The newest samples of a stream, in case that it turns out to be on a novel surface.

use std::collections::VecDeque;

use crate::signal::{Samples, Time};
use crate::stream::TimeUnwrapper;

/// How long before the newest sample samples are kept, in nanoseconds on the clock of the stream. The decision that a
/// surface is novel takes one to four windows' lengths.
pub(super) const BEFORE: u64 = 10_000_000_000;

/// The samples of the last [`BEFORE`], as far as there is room for them.
#[derive(Debug, Default)]
pub(super) struct RecentSamples {
    channels: usize,
    times: VecDeque<Time>,
    /// Row-major [N, C].
    values: VecDeque<f32>,
    /// Whether samples of the last [`BEFORE`] are missing because there was no room.
    is_cut: bool,
}

impl RecentSamples {
    /// Adds samples, and drops those that are too old, and the oldest ones as long as all take more than `most` bytes.
    pub(super) fn push(&mut self, samples: &Samples, most: usize) {
        let Some(newest) = samples.times().last() else { return };
        if self.channels != samples.channels() {
            *self = Self { channels: samples.channels(), ..Self::default() };
        }
        let rows = most / self.row_bytes();
        // The rest of a large batch is not taken in the first place.
        let skipped = samples.len().saturating_sub(rows);
        self.times.extend(samples.times().iter().skip(skipped));
        self.values.extend(samples.values().iter().skip(skipped * self.channels));
        // A clock that has gone back makes what was before as old as one that has leapt ahead.
        let is_old = |time: &Time| apart(*newest, *time) > BEFORE;
        while self.times.front().is_some_and(is_old) {
            self.pop();
            self.is_cut = false;
        }
        self.is_cut |= skipped > 0;
        while self.times.len() > rows {
            self.pop();
            self.is_cut = true;
        }
    }

    /// The size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.times.len() * self.row_bytes()
    }

    /// Whether samples of the last [`BEFORE`] are missing because there was no room.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Takes all samples, which leaves none.
    pub(super) fn take(&mut self) -> Samples {
        let Self { channels, times, values, .. } = std::mem::take(self);
        let mut samples = Samples::new(channels);
        let mut values = values.into_iter();
        for time in times {
            samples.push(time, values.by_ref().take(channels));
        }
        samples
    }

    fn pop(&mut self) {
        self.times.pop_front();
        self.values.drain(..self.channels.min(self.values.len()));
    }

    fn row_bytes(&self) -> usize {
        size_of::<Time>() + size_of::<f32>() * self.channels
    }
}

/// The nanoseconds between two moments on the clock of a stream, whichever is later. A counter that has wrapped goes on.
pub(super) fn apart(one: Time, other: Time) -> u64 {
    let apart = one.nanos().abs_diff(other.nanos());
    TimeUnwrapper::WRAPS.iter().fold(apart, |least, wrap| least.min(apart.abs_diff(wrap.unsigned_abs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of two channels at these times in s; the values are the time and its negative.
    fn samples(times: impl IntoIterator<Item = f64>) -> Samples {
        let mut samples = Samples::new(2);
        times.into_iter().for_each(|t| samples.push(Time::from_seconds(t).unwrap(), [t as f32, -t as f32]));
        samples
    }

    fn seconds(recent: &mut RecentSamples) -> Vec<f64> {
        let samples = recent.take();
        for (time, row) in samples.iter() {
            assert_eq!(row, [time.seconds() as f32, -time.seconds() as f32]);
        }
        samples.times().iter().map(|time| time.seconds()).collect()
    }

    #[test]
    fn the_samples_of_the_last_ten_seconds_are_kept_with_their_values() {
        let mut recent = RecentSamples::default();
        for second in 0..100 {
            recent.push(&samples([f64::from(second), f64::from(second) + 0.5]), 1 << 20);
            assert!(recent.bytes() <= 22 * 16 && !recent.is_cut());
        }
        recent.push(&samples([]), 1 << 20);
        let expected: Vec<_> = (179..200).map(|half| f64::from(half) / 2.0).collect();
        assert_eq!(seconds(&mut recent), expected);
        assert_eq!((recent.bytes(), seconds(&mut recent)), (0, vec![]));
    }

    #[test]
    fn a_gap_or_a_clock_that_starts_again_leaves_only_what_is_after_it() {
        for start in [500.0, 5000.0, -3.0] {
            let mut recent = RecentSamples::default();
            recent.push(&samples([1000.0, 1001.0]), 1 << 20);
            recent.push(&samples([start, start + 1.0]), 1 << 20);
            assert_eq!(seconds(&mut recent), [start, start + 1.0]);
        }
    }

    #[test]
    fn a_counter_of_microseconds_that_wraps_is_no_clock_that_starts_again() {
        let wrap = TimeUnwrapper::WRAPS[0] as f64 / 1e9;
        let mut recent = RecentSamples::default();
        recent.push(&samples([wrap - 11.0, wrap - 1.0]), 1 << 20);
        recent.push(&samples([0.5]), 1 << 20);
        assert_eq!(recent.take().len(), 2);
    }

    #[test]
    fn only_the_newest_are_kept_where_there_is_no_room_and_a_large_batch_needs_no_more_than_that() {
        let mut recent = RecentSamples::default();
        recent.push(&samples((0..1000).map(|index| f64::from(index) / 1000.0)), 100 * 16 + 15);
        assert!(recent.is_cut() && recent.bytes() == 1600 && recent.times.capacity() <= 256);
        recent.push(&samples([1.0]), 100 * 16);
        assert!(recent.is_cut() && recent.bytes() == 1600);
        // What was cut is too old by now.
        recent.push(&samples([30.0]), 100 * 16);
        assert!(!recent.is_cut());
        recent.push(&samples([30.1]), 0);
        assert!(recent.is_cut() && recent.bytes() == 0 && seconds(&mut recent).is_empty());
    }

    #[test]
    fn another_number_of_channels_begins_anew() {
        let mut recent = RecentSamples::default();
        recent.push(&samples([1.0]), 1 << 20);
        let mut one = Samples::new(1);
        one.push(Time::from_seconds(2.0).unwrap(), [7.0]);
        recent.push(&one, 1 << 20);
        assert_eq!(recent.take(), one);
    }
}
