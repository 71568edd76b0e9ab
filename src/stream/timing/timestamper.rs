//! Gives times to samples that carry none, from their rate or from when they arrived.

use crate::signal::{Samples, Time};

/// The time between two samples that arrived together if nothing says how far apart they were taken, in
/// nanoseconds.
const DEFAULT_SPACING: i64 = 1_000_000;

/// The longest time between two batches, in nanoseconds, over which the samples of the second are spread.
/// After a longer pause they get the default spacing.
const MAX_SPREAD: i64 = 1_000_000_000;

/// If a batch arrives later than the times counted at the nominal rate say by more than this, in nanoseconds, samples
/// are missing, and counting starts again at the arrival.
const MAX_LATER: f64 = 500e6;
/// If it arrives earlier by more than this, counting starts again, too. It is longer: after a batch that the network held
/// up, which was taken for a gap, the next ones come earlier than counted, and to start again would drop them as late.
const MAX_EARLIER: f64 = 2e9;

/// The share of the difference between counted time and arrival that each batch corrects. The clock of a
/// board is wrong by some per mille, so the correction may be slow.
const CORRECTION: f64 = 0.02;

/// Gives times to the samples of one stream.
///
/// - If the rate is known, samples are one period apart. Their times follow the arrivals slowly, so that the
///   jitter of USB or Wi-Fi does not reach the signal.
/// - If the rate is not known, the samples of a batch are spread evenly over the time since the previous
///   batch.
#[derive(Clone, Debug, Default)]
pub struct Timestamper {
    /// The last time that was given.
    last: Option<Time>,
}

impl Timestamper {
    /// Replaces each [`Time::ARRIVAL`] in a batch that arrived at `arrived`. `rate` is in samples per second
    /// (Hz).
    pub fn stamp(&mut self, samples: &mut Samples, arrived: Time, rate: Option<f64>) {
        let count = samples.times().iter().filter(|time| **time == Time::ARRIVAL).count();
        if count == 0 {
            return;
        }
        let (start, spacing) = self.start_and_spacing(count as f64, arrived, rate);
        let mut last = start;
        let mut index = 0.0;
        for time in samples.times_mut().iter_mut().filter(|time| **time == Time::ARRIVAL) {
            index += 1.0;
            last = start.offset((index * spacing).round() as i64);
            *time = last;
        }
        self.last = Some(last);
    }

    /// The time one spacing before the first of `count` samples, and the spacing in nanoseconds.
    fn start_and_spacing(&self, count: f64, arrived: Time, rate: Option<f64>) -> (Time, f64) {
        let ending_at_arrival = |spacing: f64| (arrived.offset(-(count * spacing) as i64), spacing);
        match (rate, self.last) {
            (Some(rate), Some(last)) => {
                let period = 1e9 / rate;
                let error = arrived.since(last) as f64 - count * period;
                if !(-MAX_EARLIER..=MAX_LATER).contains(&error) {
                    ending_at_arrival(period)
                } else {
                    (last, (period + CORRECTION * error / count).max(period / 10.0))
                }
            }
            (Some(rate), None) => ending_at_arrival(1e9 / rate),
            (None, Some(last)) if (1..MAX_SPREAD).contains(&arrived.since(last)) => {
                (last, arrived.since(last) as f64 / count)
            }
            (None, _) => ending_at_arrival(DEFAULT_SPACING as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn stamped(timestamper: &mut Timestamper, count: usize, arrived: f64, rate: Option<f64>) -> Vec<f64> {
        let mut samples = Samples::new(1);
        (0..count).for_each(|_| samples.push(Time::ARRIVAL, [0.0]));
        timestamper.stamp(&mut samples, at(arrived), rate);
        samples.times().iter().map(|time| time.seconds()).collect()
    }

    #[test]
    fn samples_that_arrive_together_are_spread_over_the_time_since_the_previous_batch() {
        let mut timestamper = Timestamper::default();
        assert_eq!(stamped(&mut timestamper, 1, 10.0, None), [10.0]);
        assert_eq!(stamped(&mut timestamper, 4, 10.4, None), [10.1, 10.2, 10.3, 10.4]);
        assert_eq!(
            stamped(&mut timestamper, 1, 99.0, None),
            [99.0],
            "after a silence a sample gets the time of its arrival"
        );
    }

    #[test]
    fn with_a_rate_the_jitter_of_arrivals_does_not_reach_the_times() {
        let mut timestamper = Timestamper::default();
        let mut times = Vec::new();
        for i in 0..100 {
            let jitter = if i % 2 == 0 { 0.03 } else { 0.0 };
            times.extend(stamped(&mut timestamper, 10, f64::from(i) * 0.1 + jitter, Some(100.0)));
        }
        assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 0.01).abs() < 1e-3));
        assert!((times[999] - 9.9).abs() < 0.05, "{}", times[999]);
    }

    #[test]
    fn a_batch_that_the_network_held_up_makes_no_sample_of_the_next_ones_late() {
        let mut timestamper = Timestamper::default();
        let arrivals = [1.0, 2.0, 3.7, 4.0, 5.0, 6.0];
        let times: Vec<f64> = arrivals
            .iter()
            .flat_map(|arrived| stamped(&mut timestamper, 100, *arrived, Some(100.0)))
            .collect();
        assert!(times.is_sorted());
        assert!((times[599] - 6.7).abs() < 0.1, "{}", times[599]);
        // Counting does not stay ahead for ever.
        let later = (7..400).map(|second| stamped(&mut timestamper, 100, f64::from(second), Some(100.0))[99]);
        let last = later.last().unwrap();
        assert!((last - 399.0).abs() < 0.05, "{last}");
        // A clock that was set back by more than that is followed.
        assert!((stamped(&mut timestamper, 100, 300.0, Some(100.0))[99] - 300.0).abs() < 1e-6);
    }

    #[test]
    fn a_device_whose_rate_is_slightly_wrong_is_followed() {
        let mut timestamper = Timestamper::default();
        let mut last = 0.0;
        for i in 1..2000 {
            last = stamped(&mut timestamper, 10, f64::from(i) * 0.101, Some(100.0))[9];
        }
        assert!((last - 1999.0 * 0.101).abs() < 0.2, "{last}");
    }

    #[test]
    fn a_device_time_is_kept() {
        let mut samples = Samples::new(1);
        samples.push(at(1.0), [0.0]);
        Timestamper::default().stamp(&mut samples, at(5.0), Some(10.0));
        assert_eq!(samples.times(), [at(1.0)]);
    }
}
