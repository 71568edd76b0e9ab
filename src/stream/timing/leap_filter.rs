//! Holds a sample back whose time leaps, until the next sample confirms it.

use super::time_unwrapper::LATE_LIMIT;
use crate::signal::{DropReason, Drops, Samples, Time};

/// Removes single samples with a wrong time from a stream.
///
/// A damaged row often still has a number for a time, but one that is seconds or years away. Believing it would
/// empty the window, and the next good sample would empty it again. So a time that leaps is believed only when the
/// next sample continues from it, as after a real gap or a restart of the clock. Until then the sample is held
/// back. It is not lost.
#[derive(Clone, Debug, Default)]
pub struct LeapFilter {
    /// The time of the newest sample that was let through, as the device sent it.
    newest: Option<Time>,
    /// A sample whose time leaps, with its values.
    held: Option<(Time, Vec<f32>)>,
}

impl LeapFilter {
    /// Removes unconfirmed samples from `samples`, and puts a sample that was held back before them when the first
    /// of them confirms it. A time of more than `max_gap` nanoseconds between two samples is a leap.
    pub fn filter(&mut self, samples: &mut Samples, max_gap: i64, drops: &mut Drops) {
        if self.held.is_none() && self.are_ordinary(samples, max_gap) {
            return;
        }
        let empty = Samples::new(samples.channels()).with_limits(samples.limits().cloned());
        let all = std::mem::replace(samples, empty);
        for (time, row) in all.iter() {
            if let Some((held, values)) = self.held.take() {
                if self.is_confirmed(held, time, max_gap) {
                    samples.push(held, values);
                    self.newest = Some(held);
                } else {
                    self.count_drop(held, drops);
                }
            }
            match self.newest {
                Some(newest) if !is_ordinary(time.since(newest), max_gap) => {
                    self.held = Some((time, row.to_vec()));
                }
                newest => {
                    self.newest = newest.max(Some(time));
                    samples.push(time, row.iter().copied());
                }
            }
        }
    }

    /// The sample that is still held back when the stream ends, if it leaps forwards, as after a pause; a recording
    /// keeps it.
    pub fn release(&mut self) -> Option<(Time, Vec<f32>)> {
        self.held.take_if(|(time, _)| Some(*time) > self.newest)
    }

    /// Counts a sample that is still held back when the stream ends.
    pub fn finish(&mut self, drops: &mut Drops) {
        if let Some((held, _)) = self.held.take() {
            self.count_drop(held, drops);
        }
    }

    /// Whether no time leaps. If so, the newest time is updated; this is the usual case and has a fast path.
    fn are_ordinary(&mut self, samples: &Samples, max_gap: i64) -> bool {
        let Some(&first) = samples.times().first() else { return true };
        let mut newest = self.newest.unwrap_or(first);
        for &time in samples.times() {
            if !is_ordinary(time.since(newest), max_gap) {
                return false;
            }
            newest = newest.max(time);
        }
        self.newest = Some(newest);
        true
    }

    /// Whether a sample at `next` shows that the time `held` was right: it continues from there, or both leap
    /// forwards, as all samples of a very slow source do.
    fn is_confirmed(&self, held: Time, next: Time, max_gap: i64) -> bool {
        let step = next.since(held);
        is_ordinary(step, max_gap) || (step > 0 && self.newest < Some(held))
    }

    fn count_drop(&self, held: Time, drops: &mut Drops) {
        let newest = self.newest.map_or(0.0, Time::seconds);
        drops.add(DropReason::BadTime, || {
            format!(
                "one sample has the time {} s after one at {newest} s, and the next sample does not continue from it",
                held.seconds()
            )
        });
    }
}

/// Whether the time of a sample that is `step` nanoseconds after the newest one needs no confirmation.
fn is_ordinary(step: i64, max_gap: i64) -> bool {
    (-LATE_LIMIT..=max_gap).contains(&step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The times in milliseconds that pass a filter with a limit of 100 ms, in batches of `batch`, and the drops.
    fn pass(millis: &[i64], batch: usize) -> (Vec<i64>, u64) {
        let (mut filter, mut drops, mut passed) = (LeapFilter::default(), Drops::default(), Vec::new());
        for chunk in millis.chunks(batch) {
            let mut samples = Samples::new(1);
            for &milli in chunk {
                samples.push(Time::from_nanos(milli * 1_000_000).unwrap(), [milli as f32]);
            }
            filter.filter(&mut samples, 100_000_000, &mut drops);
            for (time, row) in samples.iter() {
                assert_eq!(row, [(time.nanos() / 1_000_000) as f32], "each sample keeps its own values");
                passed.push(time.nanos() / 1_000_000);
            }
        }
        filter.finish(&mut drops);
        assert_eq!(drops.count(DropReason::BadTime), drops.total());
        (passed, drops.total())
    }

    #[test]
    fn one_sample_with_a_wrong_time_is_dropped_and_counted() {
        for bad in [-100_000, 5_000, 9_000_000_000] {
            for batch in 1..5 {
                let times = [10_000, 10_010, bad, 10_020, 10_030];
                assert_eq!(pass(&times, batch), (vec![10_000, 10_010, 10_020, 10_030], 1), "{bad} {batch}");
            }
        }
    }

    #[test]
    fn a_gap_a_restart_and_a_wrap_lose_nothing_once_they_are_confirmed() {
        for times in [
            [10_000, 10_010, 20_000, 20_010, 20_020],
            [10_000, 10_010, 0, 10, 20],
            [4_294_960, 4_294_967, 3, 13, 23],
            [1_000, 2_000, 3_000, 4_000, 4_010],
        ] {
            for batch in 1..6 {
                assert_eq!(pass(&times, batch), (times.to_vec(), 0), "{times:?} {batch}");
            }
        }
    }

    #[test]
    fn a_sample_that_is_not_confirmed_before_the_end_is_counted() {
        assert_eq!(pass(&[0, 10, 900], 1), (vec![0, 10], 1));
    }

    proptest! {
        #[test]
        fn every_sample_passes_or_is_counted(
            times in prop::collection::vec(prop_oneof![0i64..500, -3_000_000i64..3_000_000], 0..60), batch in 1usize..8,
        ) {
            let (passed, drops) = pass(&times, batch);
            prop_assert_eq!(passed.len() as u64 + drops, times.len() as u64);
        }

        #[test]
        fn the_size_of_the_batches_does_not_matter(
            times in prop::collection::vec(-3_000i64..3_000, 0..60), batch in 1usize..8,
        ) {
            prop_assert_eq!(pass(&times, batch), pass(&times, 60));
        }
    }
}
