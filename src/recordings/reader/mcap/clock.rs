//! Compares the times of samples with those at which they were logged.

use crate::signal::Time;

/// The least change of the difference that is another clock, in nanoseconds.
const JUMP: u64 = 10_000_000_000;
/// How close a difference is to an earlier one if it is the same clock, in nanoseconds.
const SAME: u64 = 1_000_000_000;
/// How often the times may go back to an earlier clock.
const RETURNS: u32 = 2;

/// The difference between the clock of the samples of a topic and the one of its log.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockOffset {
    /// How many nanoseconds the newest sample was logged after its time.
    newest: Option<i64>,
    /// The one before its last jump, and by how much it jumped.
    before: Option<(i64, i64)>,
    /// How often it jumped to the one before.
    returns: u32,
}

impl ClockOffset {
    /// Adds a sample of this time that was logged at `logged`, in nanoseconds.
    pub(super) fn add(&mut self, time: Time, logged: u64) {
        let offset = i64::try_from(logged).unwrap_or(i64::MAX).saturating_sub(time.nanos());
        let last = self.newest.replace(offset).unwrap_or(offset);
        if offset.abs_diff(last) > JUMP {
            let is_return = self.before.is_some_and(|(before, _)| before.abs_diff(offset) < SAME);
            self.returns += u32::from(is_return);
            self.before = Some((last, offset.saturating_sub(last)));
        }
    }

    /// How many nanoseconds the newest sample was logged after its time; `None` before the first.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// That the times jump between two clocks; `None` if they do not. A clock that starts again is not one of two.
    pub(super) fn fault(&self) -> Option<String> {
        let (_, jump) = self.before.filter(|_| self.returns >= RETURNS)?;
        Some(format!(
            "the times of its messages jump back and forth by {:.0} s, so they are of two clocks, as those of two senders; set \
             [time] source = \"log\" in a dataset.toml",
            jump.unsigned_abs() as f64 / 1e9
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[(i64, u64)]) -> ClockOffset {
        let mut clock = ClockOffset::default();
        for (time, logged) in times {
            clock.add(Time::from_nanos(time * 1_000_000_000).unwrap(), logged * 1_000_000_000);
        }
        clock
    }

    #[test]
    fn two_senders_with_clocks_of_their_own_are_noticed_and_a_clock_that_starts_again_is_not_one() {
        let restarts = of(&[(5, 1000), (6, 1001), (0, 1002), (1, 1003), (0, 1100), (1, 1101), (0, 1200)]);
        assert_eq!((restarts.newest(), restarts.fault()), (Some(1_200_000_000_000), None));
        let two = of(&[(5, 1000), (1000, 1000), (6, 1001), (1001, 1001), (7, 1002)]).fault().unwrap();
        assert!(two.contains("jump back and forth by 995 s"), "{two}");
    }
}
