//! Times for samples that carry none: from the rate they are sent at, or from when they arrived.

use crate::signal::{Samples, Time};

/// The spacing of samples that arrive together when nothing says how far apart they were taken, in nanoseconds.
const SPACING: i64 = 1_000_000;

/// Samples that arrive later than this after the chunk before did not wait in a buffer since then, in nanoseconds.
const SILENCE: i64 = 1_000_000_000;

/// How far the count at the nominal rate may be from the arrival before it is set anew, in nanoseconds.
const SLACK: f64 = 500e6;

/// The share of the difference to the arrival that each chunk makes up for: a board's clock is off by some per mille.
const GAIN: f64 = 0.02;

/// Stamps the samples of one stream. It does no I/O and reads no clock.
///
/// With a rate, samples are a period apart and the count follows the arrivals slowly, so that the jitter of USB and Wi-Fi does not
/// reach the signal. Without one, the samples of a chunk are spread evenly over the time since the chunk before.
#[derive(Clone, Debug, Default)]
pub struct Timestamper {
    last: Option<Time>,
}

impl Timestamper {
    /// Replaces each [`Time::ARRIVAL`] in a chunk that arrived at `arrived`; `rate` is in samples a second.
    pub fn stamp(&mut self, samples: &mut Samples, arrived: Time, rate: Option<f64>) {
        let count = samples.times().iter().filter(|time| **time == Time::ARRIVAL).count();
        if count == 0 {
            return;
        }
        let (mut from, spacing) = self.place(count as f64, arrived, rate);
        let start = from;
        let mut index = 0.0;
        for time in samples.times_mut().iter_mut().filter(|time| **time == Time::ARRIVAL) {
            index += 1.0;
            from = start.offset((index * spacing).round() as i64);
            *time = from;
        }
        self.last = Some(from);
    }

    /// The moment before the chunk's first sample, and nanoseconds between its samples.
    fn place(&self, count: f64, arrived: Time, rate: Option<f64>) -> (Time, f64) {
        let anew = |spacing: f64| (arrived.offset(-(count * spacing) as i64), spacing);
        match (rate, self.last) {
            (Some(rate), Some(last)) => {
                let period = 1e9 / rate;
                let error = arrived.since(last) as f64 - count * period;
                if error.abs() > SLACK {
                    anew(period)
                } else {
                    (last, (period + GAIN * error / count).max(period / 10.0))
                }
            }
            (Some(rate), None) => anew(1e9 / rate),
            (None, Some(last)) if (1..SILENCE).contains(&arrived.since(last)) => {
                (last, arrived.since(last) as f64 / count)
            }
            (None, _) => anew(SPACING as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_seconds(seconds).unwrap()
    }

    fn batch(timestamper: &mut Timestamper, count: usize, arrived: f64, rate: Option<f64>) -> Vec<f64> {
        let mut samples = Samples::new(1);
        (0..count).for_each(|_| samples.push(Time::ARRIVAL, [0.0]));
        timestamper.stamp(&mut samples, at(arrived), rate);
        samples.times().iter().map(|time| time.seconds()).collect()
    }

    #[test]
    fn samples_that_arrive_together_are_spread_since_the_chunk_before() {
        let mut timestamper = Timestamper::default();
        assert_eq!(batch(&mut timestamper, 1, 10.0, None), [10.0]);
        assert_eq!(batch(&mut timestamper, 4, 10.4, None), [10.1, 10.2, 10.3, 10.4]);
        assert_eq!(
            batch(&mut timestamper, 1, 99.0, None),
            [99.0],
            "after a silence they are as old as they are"
        );
    }

    #[test]
    fn at_a_rate_the_jitter_of_arrivals_does_not_reach_the_times() {
        let mut timestamper = Timestamper::default();
        let mut times = Vec::new();
        for i in 0..100 {
            let jitter = if i % 2 == 0 { 0.03 } else { 0.0 };
            times.extend(batch(&mut timestamper, 10, f64::from(i) * 0.1 + jitter, Some(100.0)));
        }
        assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 0.01).abs() < 1e-3));
        assert!((times[999] - 9.9).abs() < 0.05, "{}", times[999]);
    }

    #[test]
    fn a_rate_that_is_a_little_off_is_followed() {
        let mut timestamper = Timestamper::default();
        let mut last = 0.0;
        for i in 1..2000 {
            last = batch(&mut timestamper, 10, f64::from(i) * 0.101, Some(100.0))[9];
        }
        assert!((last - 1999.0 * 0.101).abs() < 0.2, "{last}");
    }

    #[test]
    fn a_device_time_is_left_as_it_is() {
        let mut samples = Samples::new(1);
        samples.push(at(1.0), [0.0]);
        Timestamper::default().stamp(&mut samples, at(5.0), Some(10.0));
        assert_eq!(samples.times(), [at(1.0)]);
    }
}
