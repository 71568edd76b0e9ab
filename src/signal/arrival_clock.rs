//! The clock by which samples without a time of their own get one.
//!
//! The system clock says how late it is, but it is set: by NTP, by a person, by a leap second. A step of a
//! fraction of a second would look like a gap or like late samples in every stream whose times come from
//! arrivals. The clock since the start of the computer is never set, and it goes on while the computer is
//! suspended, but it does not say how late it is. An [`ArrivalClock`] uses both:
//!
//! - It is anchored to the system clock once, at its start, and from then on advances with the computer's
//!   uptime. A step of the system clock changes nothing at that moment.
//! - It follows the system clock slowly: by at most half a per cent of the time that has passed, which no
//!   stream notices. So months of drift, and steps of seconds, are made up for while samples arrive.
//! - A larger difference, such as that of a computer without a clock of its own that learns the date only after
//!   the start, would take days. It is made up for at once when nothing has arrived for [`PAUSE`]: the windows
//!   are empty by then.
//!
//! In any case its times only go back where the samples before are so far ahead that they count as those of
//! another run of the clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::time::Time;

/// The clock is corrected by at most one part in this many of the time that has passed.
const SLEW: i64 = 200;
/// After this long without an arrival, in nanoseconds, the clock is set to the system clock.
const PAUSE: i64 = 10_000_000_000;
/// The clock is not set back to less than this before the last arrival, in nanoseconds: a stream would take its
/// samples for late ones until it has caught up. If it goes back by more, a stream starts again.
const RESTART: i64 = 2_000_000_000;

/// Gives each arrival a time since 1970 that steps of the system clock do not disturb. It reads no clock: each
/// call is given the readings.
#[derive(Clone, Debug)]
pub struct ArrivalClock {
    /// The uptime at the last arrival, in nanoseconds.
    uptime: i64,
    /// The time that the last arrival got, in nanoseconds since 1970.
    given: i64,
}

impl ArrivalClock {
    /// The computer's uptime, which includes the time in suspension, and the time of the system clock since
    /// 1970.
    pub(crate) fn read() -> (Duration, Duration) {
        let read = |id| Duration::try_from(clock_gettime(id)).unwrap_or_default();
        (read(ClockId::Boottime), read(ClockId::Realtime))
    }

    /// Anchors a clock to the system clock.
    pub(crate) fn new((uptime, system): (Duration, Duration)) -> Self {
        Self { uptime: nanos(uptime), given: nanos(system) }
    }

    /// The time of an arrival at this moment.
    pub(crate) fn arrival(&mut self, (uptime, system): (Duration, Duration)) -> Time {
        let (uptime, system) = (nanos(uptime), nanos(system));
        let passed = uptime.saturating_sub(self.uptime).max(0);
        let undisturbed = self.given.saturating_add(passed);
        let error = system.saturating_sub(undisturbed);
        let follows = system > self.given || system < self.given.saturating_sub(RESTART);
        let given = if passed >= PAUSE && follows {
            system
        } else {
            let most = passed / SLEW;
            undisturbed.saturating_add(error.clamp(-most, most))
        };
        (self.uptime, self.given) = (uptime, given);
        time(Duration::from_nanos(given.max(0).unsigned_abs()))
    }
}

/// A time since 1970.
pub(super) fn time(since_epoch: Duration) -> Time {
    // `Time::ARRIVAL.offset(0)` is the earliest valid time, and no longer equal to `Time::ARRIVAL`.
    Time::from_nanos(nanos(since_epoch)).unwrap_or(Time::ARRIVAL.offset(0))
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both readings: the uptime, and a system clock that is ahead of it by this.
    fn at(uptime: f64, ahead: f64) -> (Duration, Duration) {
        (Duration::from_secs_f64(uptime), Duration::from_secs_f64(uptime + ahead))
    }

    /// The times of arrivals every 10 ms from one uptime to another, with the system clock ahead by this.
    fn arrivals(clock: &mut ArrivalClock, from: f64, to: f64, ahead: f64) -> Vec<f64> {
        let steps = ((to - from) * 100.0).round() as usize;
        (1..=steps).map(|step| clock.arrival(at(from + step as f64 / 100.0, ahead)).seconds()).collect()
    }

    #[test]
    fn steps_of_the_system_clock_leave_no_gap_and_no_late_sample() {
        for step in [0.4, -1.5, -0.05, 3600.0, -3600.0] {
            let mut clock = ArrivalClock::new(at(100.0, 1e9));
            let mut times = arrivals(&mut clock, 100.0, 105.0, 1e9);
            times.extend(arrivals(&mut clock, 105.0, 110.0, 1e9 + step));
            for pair in times.windows(2) {
                let between = pair[1] - pair[0];
                assert!((between - 0.01).abs() < 1e-4, "{step} s: {between} s");
            }
        }
    }

    #[test]
    fn a_small_step_is_made_up_for_while_samples_arrive() {
        let mut clock = ArrivalClock::new(at(100.0, 1e9));
        let times = arrivals(&mut clock, 100.0, 200.0, 1e9 + 0.4);
        assert!((times[9999] - (1e9 + 200.4)).abs() < 1e-3, "{}", times[9999]);
        assert!(times.windows(2).all(|pair| pair[1] > pair[0]));
    }

    #[test]
    fn a_drift_of_months_is_followed() {
        let mut clock = ArrivalClock::new(at(0.0, 1e9));
        // 50 parts per million, an arrival each second for 100 days.
        let mut last = 0.0;
        for second in 1..100 * 86_400 {
            let uptime = f64::from(second);
            last = clock.arrival(at(uptime, 1e9 + uptime * 50e-6)).seconds() - uptime;
        }
        assert!((last - (1e9 + 8_640_000.0 * 50e-6)).abs() < 1e-3, "{last}");
    }

    #[test]
    fn after_a_pause_the_clock_is_that_of_the_system() {
        let mut clock = ArrivalClock::new(at(5.0, 0.0));
        clock.arrival(at(6.0, 0.0));
        assert_eq!(clock.arrival(at(6.1, 1.7e9)).seconds().round(), 6.0, "not while samples arrive");
        assert_eq!(clock.arrival(at(17.0, 1.7e9)).seconds(), 1.7e9 + 17.0);
    }

    #[test]
    fn after_a_pause_the_clock_does_not_go_back_by_so_little_that_samples_were_late() {
        let mut clock = ArrivalClock::new(at(100.0, 1000.0));
        clock.arrival(at(101.0, 1000.0));
        // Half a second before the last arrival.
        let time = clock.arrival(at(112.0, 988.5)).seconds();
        assert!((1111.9..1112.0).contains(&time), "{time}");
        // Before the last arrival by so much that a stream starts again.
        let mut clock = ArrivalClock::new(at(100.0, 1000.0));
        clock.arrival(at(101.0, 1000.0));
        assert_eq!(clock.arrival(at(112.0, 500.0)).seconds(), 612.0);
    }

    #[test]
    fn the_time_in_suspension_counts() {
        let mut clock = ArrivalClock::new(at(100.0, 1e9));
        assert_eq!(clock.arrival(at(3700.0, 1e9)).seconds(), 1e9 + 3700.0);
    }
}
