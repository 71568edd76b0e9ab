//! How often something may happen that makes a new file.

use std::time::{Duration, Instant};

/// How often something may still happen: a number of times at once, and once more after each interval.
///
/// Without it, a clock that is set back again and again, or a label that changes with each message, would make a file
/// for each time.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    left: u32,
    most: u32,
    interval: Duration,
    /// When `left` was last increased.
    increased: Instant,
}

impl Budget {
    /// A full budget of `most` times, which grows by one after each `interval`.
    pub(super) fn new(most: u32, interval: Duration, now: Instant) -> Self {
        Self { left: most, most, interval, increased: now }
    }

    /// Whether it may happen now. If so, it counts.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.increased);
        let more = since.as_nanos().checked_div(self.interval.as_nanos()).unwrap_or(0);
        if more > 0 {
            self.left = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(self.left).min(self.most);
            self.increased = now;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_again_and_again_may_do_so_once_an_interval() {
        let start = Instant::now();
        let mut budget = Budget::new(5, Duration::from_secs(60), start);
        let times = (0..600).filter(|second| budget.spend(start + Duration::from_secs(*second))).count();
        assert_eq!(times, 5 + 9);
    }
}
