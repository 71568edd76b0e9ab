//! Measures the rate of a stream's samples, and finds out when it is too low for the model.

/// The number of intervals whose median is the measured one.
const INTERVALS: usize = 32;
/// The minimum number of intervals for a judgement.
const MIN_INTERVALS: usize = 8;
/// A stream becomes too slow when its median interval is more than this many periods of the model's rate. It is
/// a little more than 2, so that the jitter of a source at half the rate is no fault.
const TOO_SLOW: f64 = 2.2;
/// A stream is no longer too slow when its median interval is at most this many periods.
const RECOVERED: f64 = 2.1;

/// Measures the median interval between the samples of one stream.
///
/// The median neither follows single gaps and bursts, nor the rounding of times to milliseconds, as the mean
/// and the share of interpolated steps do.
#[derive(Clone, Debug)]
pub(in crate::stream) struct RateMeter {
    /// The longest interval between two samples that is still good enough, in nanoseconds.
    too_slow: i64,
    recovered: i64,
    /// The newest intervals in nanoseconds, as a ring.
    intervals: [i64; INTERVALS],
    /// The number of intervals so far.
    count: u64,
    /// The median interval while the stream is too slow, in nanoseconds.
    fault: Option<i64>,
}

impl RateMeter {
    /// Creates a meter for a model whose steps are at `rate` Hz.
    pub(in crate::stream) fn new(rate: f64) -> Self {
        let periods = |count: f64| (count * 1e9 / rate) as i64;
        Self {
            too_slow: periods(TOO_SLOW),
            recovered: periods(RECOVERED),
            intervals: [0; INTERVALS],
            count: 0,
            fault: None,
        }
    }

    /// Adds the time between a sample and the one before it, in nanoseconds.
    pub(in crate::stream) fn push(&mut self, interval: i64) {
        // The remainder is less than the number of intervals.
        if let Some(slot) = self.intervals.get_mut((self.count % INTERVALS as u64) as usize) {
            *slot = interval;
        }
        self.count += 1;
    }

    /// Whether the stream was too slow at the last judgement.
    pub(in crate::stream) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// The median interval in nanoseconds if the stream is too slow for the model; `None` if it is fast enough,
    /// or not known yet.
    pub(in crate::stream) fn judge(&mut self) -> Option<i64> {
        let known = self.count.min(INTERVALS as u64) as usize;
        if known < MIN_INTERVALS {
            return self.fault;
        }
        let mut sorted = self.intervals;
        let sorted = sorted.get_mut(..known).unwrap_or_default();
        let (_, median, _) = sorted.select_nth_unstable((known - 1) / 2);
        let limit = if self.fault.is_some() { self.recovered } else { self.too_slow };
        self.fault = (*median > limit).then_some(*median);
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judgement at 100 Hz after these intervals in milliseconds, over and over.
    fn judge(millis: &[f64]) -> Option<i64> {
        let mut meter = RateMeter::new(100.0);
        for index in 0..200 {
            meter.push((millis[index % millis.len()] * 1e6) as i64);
        }
        meter.judge()
    }

    #[test]
    fn a_source_below_half_of_the_rate_is_too_slow() {
        assert_eq!(judge(&[100.0]), Some(100_000_000));
        assert_eq!(judge(&[25.0]), Some(25_000_000));
        assert_eq!(judge(&[40.0, 38.0, 42.0]), Some(40_000_000));
        for good in [1.0, 9.9, 10.0, 16.7, 20.0] {
            assert_eq!(judge(&[good]), None, "{good} ms");
        }
    }

    #[test]
    fn jitter_rounded_times_bursts_and_single_gaps_are_no_fault() {
        for good in
            [&[20.0, 21.0, 19.0][..], &[0.0, 0.0, 0.0, 40.0], &[10.0, 10.0, 10.0, 500.0], &[1.0, 33.0]]
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
}
