//! Placing samples in their stream's time: counters that wrap, clocks that start again, gaps, late samples.

use crate::signal::Time;

/// What a 32-bit counter of microseconds or of milliseconds wraps at, in nanoseconds.
const WRAPS: [i64; 2] = [(1 << 32) * 1_000, (1 << 32) * 1_000_000];

/// A sample this much older than the newest, or less, is late; older still, and the device's clock has started again.
const LATE: i64 = 1_000_000_000;

/// Where a sample belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// After the one before, without a gap; or the first.
    Next(Time),
    /// After a gap over the limit.
    AfterGap(Time),
    /// The device's clock has started again.
    AfterRestart(Time),
    /// At the time of the one before.
    Duplicate,
    /// Before the one before.
    Late,
}

/// Places each sample of one stream.
///
/// A step back that lands within the gap limit once 2^32 us or 2^32 ms are added is a counter that wrapped; no setting
/// is needed, as any other clock would have to step back by just that much. It does no I/O and reads no clock.
#[derive(Clone, Debug)]
pub struct TimeUnwrapper {
    max_gap: i64,
    newest: Option<Time>,
    wrapped: i64,
}

impl TimeUnwrapper {
    /// A clock that bridges up to `max_gap` nanoseconds between two samples.
    pub fn new(max_gap: i64) -> Self {
        Self { max_gap: max_gap.max(1), newest: None, wrapped: 0 }
    }

    /// Bridges up to `max_gap` nanoseconds from the next sample on.
    pub fn set_max_gap(&mut self, max_gap: i64) {
        self.max_gap = max_gap.max(1);
    }

    /// The newest sample's place.
    pub fn newest(&self) -> Option<Time> {
        self.newest
    }

    /// Places the sample with this device or arrival time; wrapped counters are made whole in what it gives.
    pub fn place(&mut self, raw: Time) -> Placement {
        let time = raw.offset(self.wrapped);
        let Some(newest) = self.newest else {
            self.newest = Some(time);
            return Placement::Next(time);
        };
        let step = time.since(newest);
        let placed = if step == 0 {
            return Placement::Duplicate;
        } else if step > 0 && step <= self.max_gap {
            Placement::Next(time)
        } else if step > 0 {
            // A sample from before the wrap that comes after it seems to lie a whole wrap ahead.
            if WRAPS.iter().any(|wrap| self.wrapped >= *wrap && (-LATE..=0).contains(&(step - wrap))) {
                return Placement::Late;
            }
            Placement::AfterGap(time)
        } else if let Some(wrap) = WRAPS.into_iter().find(|wrap| (1..=self.max_gap).contains(&(step + wrap)))
        {
            self.wrapped = self.wrapped.saturating_add(wrap);
            Placement::Next(time.offset(wrap))
        } else if step >= -LATE {
            return Placement::Late;
        } else {
            self.wrapped = 0;
            Placement::AfterRestart(raw)
        };
        if let Placement::Next(time) | Placement::AfterGap(time) | Placement::AfterRestart(time) = placed {
            self.newest = Some(time);
        }
        placed
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
    fn a_wrapped_counter_goes_on_without_a_gap() {
        for wrap in WRAPS {
            let mut unwrapper = TimeUnwrapper::new(100 * MS);
            unwrapper.place(at(wrap - 10 * MS));
            assert_eq!(unwrapper.place(at(0)), Placement::Next(at(wrap)));
            assert_eq!(
                unwrapper.place(at(wrap - 5 * MS)),
                Placement::Late,
                "a straggler from before the wrap"
            );
            assert_eq!(unwrapper.place(at(10 * MS)), Placement::Next(at(wrap + 10 * MS)));
            // and again, one wrap later
            let mut unwrapper = TimeUnwrapper::new(wrap);
            for (raw, expected) in
                [(0, 0), (wrap - 1, wrap - 1), (5, wrap + 5), (wrap - 1, 2 * wrap - 1), (7, 2 * wrap + 7)]
            {
                assert_eq!(unwrapper.place(at(raw)), Placement::Next(at(expected)));
            }
        }
    }

    #[test]
    fn a_clock_that_starts_again_is_a_restart() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(3_600_000 * MS));
        assert_eq!(unwrapper.place(at(0)), Placement::AfterRestart(at(0)));
        assert_eq!(unwrapper.place(at(10 * MS)), Placement::Next(at(10 * MS)));
    }

    #[test]
    fn late_and_repeated_samples_do_not_move_the_clock() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(1000 * MS));
        assert_eq!(unwrapper.place(at(1000 * MS)), Placement::Duplicate);
        assert_eq!(unwrapper.place(at(990 * MS)), Placement::Late);
        assert_eq!(unwrapper.place(at(1010 * MS)), Placement::Next(at(1010 * MS)));
        assert_eq!(unwrapper.place(at(1111 * MS)), Placement::AfterGap(at(1111 * MS)));
    }

    #[test]
    fn one_wild_time_costs_one_window_and_no_more() {
        let mut unwrapper = TimeUnwrapper::new(100 * MS);
        unwrapper.place(at(0));
        assert!(matches!(unwrapper.place(at(i64::MAX / 2)), Placement::AfterGap(_)));
        assert!(matches!(unwrapper.place(at(10 * MS)), Placement::AfterRestart(_)));
        assert!(matches!(unwrapper.place(at(20 * MS)), Placement::Next(_)));
    }
}
