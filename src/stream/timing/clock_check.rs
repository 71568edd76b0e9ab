//! Compares the clock of a live stream with the arrival of its samples.

use std::time::{Duration, Instant};

use super::rate_fault::RateFault;
use crate::signal::Time;

/// The time that each comparison takes.
const SPAN: Duration = Duration::from_secs(3);
/// A longer pause between two batches is left out of a comparison: the device may have sent nothing, or its
/// samples may have waited somewhere.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// Finds out whether the times of a live stream advance much more slowly than its samples arrive.
///
/// That happens when times in seconds are read as milliseconds: no window is complete for a thousand times as
/// long, and nothing else would say why. A clock that advances faster than the samples arrive is no fault,
/// because recordings may be sent as fast as possible.
#[derive(Clone, Debug, Default)]
pub(in crate::stream) struct ClockCheck {
    /// The newest time and the last arrival.
    last: Option<(Time, Instant)>,
    /// The time that passed in this comparison, without pauses.
    arrived: Duration,
    /// The time that passed on the stream's clock in this comparison, in nanoseconds.
    advanced: i64,
    fault: Option<RateFault>,
}

impl ClockCheck {
    /// Adds a batch that arrived at `arrived`, after which the newest time of the stream is `newest`.
    pub(in crate::stream) fn push(&mut self, newest: Time, arrived: Instant) {
        let Some((last, before)) = self.last.replace((newest, arrived)) else { return };
        let pause = arrived.saturating_duration_since(before);
        let step = newest.since(last);
        if step < 0 {
            // The device's clock has started again.
            (self.arrived, self.advanced) = (Duration::ZERO, 0);
        } else if pause <= MAX_PAUSE {
            self.arrived += pause;
            self.advanced = self.advanced.saturating_add(step);
        }
        if self.arrived >= SPAN {
            self.fault = RateFault::of_clock(self.arrived, self.advanced);
            (self.arrived, self.advanced) = (Duration::ZERO, 0);
        }
    }

    /// What is wrong with the clock, by the last comparison that is complete.
    pub(in crate::stream) fn fault(&self) -> Option<RateFault> {
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault after `seconds` s of samples that arrive `pause` apart, with a clock `factor` times as slow.
    fn fault(seconds: u64, pause: Duration, factor: f64) -> Option<RateFault> {
        let (mut check, start) = (ClockCheck::default(), Instant::now());
        let mut elapsed = Duration::ZERO;
        while elapsed <= Duration::from_secs(seconds) {
            let time = Time::from_seconds(elapsed.as_secs_f64() / factor).unwrap();
            check.push(time, start + elapsed);
            elapsed += pause;
        }
        check.fault()
    }

    #[test]
    fn seconds_that_are_read_as_milliseconds_are_a_fault_and_other_clocks_are_not() {
        let pause = Duration::from_millis(10);
        assert_eq!(fault(4, pause, 1000.0), Some(RateFault::SlowClock { factor: 1000 }));
        assert_eq!(fault(4, pause, 1e6), Some(RateFault::SlowClock { factor: 1_000_000 }));
        for factor in [1.0, 0.001, 1.01, 5.0] {
            assert_eq!(fault(4, pause, factor), None, "{factor}");
        }
        assert_eq!(fault(2, pause, 1000.0), None, "too early");
    }

    #[test]
    fn a_stream_with_pauses_is_not_judged() {
        assert_eq!(fault(60, Duration::from_secs(2), 1000.0), None);
    }
}
