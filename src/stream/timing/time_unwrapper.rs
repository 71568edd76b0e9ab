//! Places the samples of one stream in time: counters that wrap, clocks that start again, gaps, late samples.

use crate::signal::{DropReason, Drops, Time};

/// The times at which a 32-bit counter of microseconds or of milliseconds wraps, in nanoseconds.
const WRAPS: [i64; 2] = [(1 << 32) * 1_000, (1 << 32) * 1_000_000];

/// A sample that is older than the newest one by up to this many nanoseconds is late. If it is older still,
/// the device's clock has started again.
pub(super) const LATE_LIMIT: i64 = 1_000_000_000;

/// Where a sample belongs in the stream. The times have no wraps: they keep increasing when a counter wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The sample is the first one, or it follows the newest one without a gap.
    Next(Time),
    /// The sample follows the newest one after a gap that is longer than the limit.
    AfterGap(Time),
    /// The device's clock has started again, and the sample is the first one by the new clock.
    AfterRestart(Time),
    /// The sample has the same time as the newest one.
    Duplicate,
    /// The sample is older than the newest one.
    Late,
}

impl Placement {
    /// Counts the sample with the device or arrival time `raw` as dropped if it is a duplicate or late.
    pub(crate) fn count_drop(self, raw: Time, drops: &mut Drops) {
        let seconds = raw.seconds();
        match self {
            Placement::Duplicate => {
                drops.add(DropReason::Duplicate, || format!("a second sample at {seconds} s"));
            }
            Placement::Late => {
                drops
                    .add(DropReason::Late, || format!("the sample at {seconds} s arrived after a newer one"));
            }
            Placement::Next(_) | Placement::AfterGap(_) | Placement::AfterRestart(_) => {}
        }
    }
}

/// Turns the times that a device sends into the stream's own time, which only goes back when the device's
/// clock starts again.
///
/// A step back in time is taken for a wrapped counter if it becomes a step forward within the gap limit once
/// 2^32 us or 2^32 ms are added. That needs no setting, because any other clock would have to go back by
/// exactly that much to be mistaken for a wrapped counter.
#[derive(Clone, Debug)]
pub struct TimeUnwrapper {
    /// The longest time between two samples that is not a gap, in nanoseconds.
    max_gap: i64,
    newest: Option<Time>,
    /// The sum of all wraps so far in nanoseconds, which is added to the device's times.
    wrap_offset: i64,
}

impl TimeUnwrapper {
    /// The times at which a device's clock may begin again at zero without having started again, in nanoseconds.
    pub(crate) const WRAPS: [i64; 2] = WRAPS;

    /// Creates an unwrapper for which a time of more than `max_gap` nanoseconds between two samples is a gap.
    pub fn new(max_gap: i64) -> Self {
        Self { max_gap: max_gap.max(1), newest: None, wrap_offset: 0 }
    }

    /// Changes the gap limit (nanoseconds) from the next sample on.
    pub fn set_max_gap(&mut self, max_gap: i64) {
        self.max_gap = max_gap.max(1);
    }

    /// The stream's time at its newest sample, without wraps. `None` before the first sample.
    pub fn newest(&self) -> Option<Time> {
        self.newest
    }

    /// Finds where the sample with the device or arrival time `raw` belongs.
    pub fn place(&mut self, raw: Time) -> Placement {
        let time = raw.offset(self.wrap_offset);
        let Some(newest) = self.newest else {
            self.newest = Some(time);
            return Placement::Next(time);
        };
        let step = time.since(newest);
        let placement = if step == 0 {
            return Placement::Duplicate;
        } else if step > 0 && step <= self.max_gap {
            Placement::Next(time)
        } else if step > 0 {
            // A late sample from before a wrap seems to lie one wrap ahead.
            let is_from_before =
                |wrap: &i64| self.wrap_offset >= *wrap && (-LATE_LIMIT..=0).contains(&(step - wrap));
            if WRAPS.iter().any(is_from_before) {
                return Placement::Late;
            }
            Placement::AfterGap(time)
        } else if let Some(wrap) = WRAPS.into_iter().find(|wrap| (1..=self.max_gap).contains(&(step + wrap)))
        {
            self.wrap_offset = self.wrap_offset.saturating_add(wrap);
            Placement::Next(time.offset(wrap))
        } else if step >= -LATE_LIMIT {
            return Placement::Late;
        } else {
            self.wrap_offset = 0;
            Placement::AfterRestart(raw)
        };
        if let Placement::Next(time) | Placement::AfterGap(time) | Placement::AfterRestart(time) = placement {
            self.newest = Some(time);
        }
        placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> Time {
        Time::from_nanos(nanos).unwrap()
    }

    const MS: i64 = 1_000_000;

    #[test]
    fn a_wrapped_counter_continues_without_a_gap() {
        for wrap in WRAPS {
            let mut unwrapper = TimeUnwrapper::new(100 * MS);
            unwrapper.place(at(wrap - 10 * MS));
            assert_eq!(unwrapper.place(at(0)), Placement::Next(at(wrap)));
            assert_eq!(
                unwrapper.place(at(wrap - 5 * MS)),
                Placement::Late,
                "a late sample from before the wrap"
            );
            assert_eq!(unwrapper.place(at(10 * MS)), Placement::Next(at(wrap + 10 * MS)));
            // The same once more, one wrap later.
            let mut unwrapper = TimeUnwrapper::new(wrap);
            for (raw, expected) in
                [(0, 0), (wrap - 1, wrap - 1), (5, wrap + 5), (wrap - 1, 2 * wrap - 1), (7, 2 * wrap + 7)]
            {
                assert_eq!(unwrapper.place(at(raw)), Placement::Next(at(expected)));
            }
        }
    }

    #[test]
    fn a_clock_that_starts_again_is_reported_as_a_restart() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(3_600_000 * MS));
        assert_eq!(unwrapper.place(at(0)), Placement::AfterRestart(at(0)));
        assert_eq!(unwrapper.place(at(10 * MS)), Placement::Next(at(10 * MS)));
    }

    #[test]
    fn late_and_duplicate_samples_do_not_change_the_newest_time() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(1000 * MS));
        assert_eq!(unwrapper.place(at(1000 * MS)), Placement::Duplicate);
        assert_eq!(unwrapper.place(at(990 * MS)), Placement::Late);
        assert_eq!(unwrapper.place(at(1010 * MS)), Placement::Next(at(1010 * MS)));
        assert_eq!(unwrapper.place(at(1111 * MS)), Placement::AfterGap(at(1111 * MS)));
    }

    #[test]
    fn one_absurd_time_interrupts_the_stream_only_once() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(0));
        assert!(matches!(unwrapper.place(at(i64::MAX / 2)), Placement::AfterGap(_)));
        assert!(matches!(unwrapper.place(at(10 * MS)), Placement::AfterRestart(_)));
        assert!(matches!(unwrapper.place(at(20 * MS)), Placement::Next(_)));
    }
}
