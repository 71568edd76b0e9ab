//! Measures the rate of a stream's samples, and finds out when it is too low for the model, or absurdly high.

use super::rate_fault::RateFault;

/// The number of intervals whose median is the measured one.
const INTERVALS: usize = 32;
/// The minimum number of intervals for a judgement.
const MIN_INTERVALS: usize = 8;
/// A stream is no longer too slow when its median interval is at most this many periods.
const RECOVERED: f64 = 2.1;

/// Measures the median interval between the samples of one stream.
///
/// The median neither follows single gaps and bursts, nor the rounding of times to milliseconds, as the mean
/// and the share of interpolated steps do.
#[derive(Clone, Debug)]
pub(in crate::stream) struct RateMeter {
    /// The rate of the model's steps in Hz.
    rate: f64,
    /// The newest intervals in nanoseconds, as a ring.
    intervals: [i64; INTERVALS],
    /// The number of intervals so far.
    count: u64,
    /// What was wrong at the last judgement.
    fault: Option<RateFault>,
}

impl RateMeter {
    /// Creates a meter for a model whose steps are at `rate` Hz.
    pub(in crate::stream) fn new(rate: f64) -> Self {
        Self { rate, intervals: [0; INTERVALS], count: 0, fault: None }
    }

    /// Adds the time between a sample and the one before it, in nanoseconds.
    pub(in crate::stream) fn push(&mut self, interval: i64) {
        // The remainder is less than the number of intervals.
        if let Some(slot) = self.intervals.get_mut((self.count % INTERVALS as u64) as usize) {
            *slot = interval;
        }
        self.count += 1;
    }

    /// Whether enough samples have arrived for a first judgement, which does not wait for a window.
    pub(in crate::stream) fn is_due(&self) -> bool {
        self.count == INTERVALS as u64
    }

    /// Whether something was wrong at the last judgement.
    pub(in crate::stream) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// What is wrong with the median interval; `None` if nothing is, or if it is not known yet.
    pub(in crate::stream) fn judge(&mut self) -> Option<RateFault> {
        let known = self.count.min(INTERVALS as u64) as usize;
        if known < MIN_INTERVALS {
            return self.fault;
        }
        let mut sorted = self.intervals;
        let sorted = sorted.get_mut(..known).unwrap_or_default();
        let (_, median, _) = sorted.select_nth_unstable((known - 1) / 2);
        let interval = *median;
        // A stream that is too slow stays so until it is a little faster than where that began.
        let is_still_slow = self.fault.is_some() && interval as f64 > RECOVERED * 1e9 / self.rate;
        let still_slow = || is_still_slow.then_some(RateFault::TooSlow { interval });
        self.fault = RateFault::of_interval(interval, self.rate).or_else(still_slow);
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judgement at 100 Hz after these intervals in milliseconds, over and over.
    fn judge(millis: &[f64]) -> Option<RateFault> {
        let mut meter = RateMeter::new(100.0);
        for index in 0..200 {
            meter.push((millis[index % millis.len()] * 1e6) as i64);
        }
        meter.judge()
    }

    #[test]
    fn a_source_below_half_of_the_rate_is_too_slow() {
        let slow = |interval| Some(RateFault::TooSlow { interval });
        assert_eq!(judge(&[100.0]), slow(100_000_000));
        assert_eq!(judge(&[25.0]), slow(25_000_000));
        assert_eq!(judge(&[40.0, 38.0, 42.0]), slow(40_000_000));
        for good in [1.0, 9.9, 10.0, 16.7, 20.0] {
            assert_eq!(judge(&[good]), None, "{good} ms");
        }
    }

    #[test]
    fn jitter_rounded_times_bursts_and_single_gaps_are_no_fault() {
        for good in
            [&[20.0, 21.0, 19.0][..], &[0.5, 0.5, 0.5, 40.0], &[10.0, 10.0, 10.0, 500.0], &[1.0, 33.0]]
        {
            assert_eq!(judge(good), None, "{good:?}");
        }
    }

    #[test]
    fn a_few_samples_are_not_judged_and_a_source_that_recovers_is_no_fault() {
        let mut meter = RateMeter::new(100.0);
        for _ in 0..MIN_INTERVALS - 1 {
            meter.push(100_000_000);
            assert_eq!(meter.judge(), None);
        }
        meter.push(100_000_000);
        assert!(meter.judge().is_some());
        (0..INTERVALS).for_each(|_| meter.push(10_000_000));
        assert_eq!(meter.judge(), None);
    }

    #[test]
    fn a_rate_that_no_sensor_has_is_too_fast() {
        assert_eq!(judge(&[1e-4]), Some(RateFault::TooFast { interval: 100 }));
        assert_eq!(judge(&[0.05]), None);
    }
}
