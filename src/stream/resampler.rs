//! Irregular samples to steps at the model's rate.

use crate::model::card::Method;
use crate::signal::Time;

/// One step at the model's rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// The moment it stands for: of its point for [`Method::Linear`], of its interval's end for [`Method::Mean`].
    pub time: Time,
    /// One value a channel.
    pub values: &'a [f32],
    /// Whether a sample fell between the step before and this one; if not, it is interpolated alone.
    pub measured: bool,
}

/// Resamples one stream. Between two samples the signal is the straight line that joins them.
///
/// Steps lie at whole multiples of the period from the first sample on, so rounding does not add up. The caller keeps
/// times strictly increasing and calls [`Resampler::reset`] at a gap. It does no I/O and reads no clock.
#[derive(Clone, Debug)]
pub struct Resampler {
    method: Method,
    period: f64,
    /// The first sample's time, where step 0 lies.
    anchor: Option<Time>,
    /// Steps that lie behind.
    steps: u64,
    /// The moment of the next step.
    next: Time,
    /// Where the line has been followed to, and its values there.
    time: Time,
    values: Vec<f32>,
    /// The values of the sample before, where the line begins.
    origin: Vec<f32>,
    /// The integral of the line since the step before, in value nanoseconds, one a channel.
    area: Vec<f64>,
    measured: bool,
    step: Vec<f32>,
}

impl Resampler {
    /// A resampler to `rate` steps a second, of rows of `channels` values.
    pub fn new(method: Method, rate: f64, channels: usize) -> Self {
        Self {
            method,
            period: 1e9 / rate,
            anchor: None,
            steps: 0,
            next: Time::ARRIVAL,
            time: Time::ARRIVAL,
            values: vec![0.0; channels],
            origin: vec![0.0; channels],
            area: vec![0.0; channels],
            measured: false,
            step: vec![0.0; channels],
        }
    }

    /// Forgets everything: the next sample is the first.
    pub fn reset(&mut self) {
        self.anchor = None;
    }

    /// Takes the next sample and gives each step that is complete with it.
    pub fn push(&mut self, time: Time, values: &[f32], mut emit: impl FnMut(Step<'_>)) {
        let Some(anchor) = self.anchor else {
            self.start(time, values);
            if self.method == Method::Linear {
                emit(Step { time, values, measured: true });
            }
            return;
        };
        let reach = time.since(self.time) as f64;
        let from = self.time;
        self.origin.copy_from_slice(&self.values);
        while self.next <= time {
            let share = self.next.since(from) as f64 / reach;
            for (channel, &value) in values.iter().enumerate() {
                let begin = f64::from(self.origin[channel]);
                let here = begin + share * (f64::from(value) - begin);
                self.step[channel] = match self.method {
                    Method::Linear => here as f32,
                    Method::Mean => {
                        self.add_area(channel, self.next, here);
                        (std::mem::take(&mut self.area[channel])
                            / self.next.since(self.start_of_step(anchor)) as f64)
                            as f32
                    }
                };
                self.values[channel] = here as f32;
            }
            let measured = self.measured || self.next == time;
            emit(Step { time: self.next, values: &self.step, measured });
            self.time = self.next;
            self.measured = false;
            self.steps += 1;
            self.next = self.moment(anchor, self.steps + 1);
            if self.next <= self.time {
                // The end of time, which only a hostile clock reaches.
                break;
            }
        }
        self.measured = self.measured || self.time < time;
        if self.method == Method::Mean {
            for (channel, &value) in values.iter().enumerate() {
                self.add_area(channel, time, f64::from(value));
            }
        }
        self.time = time;
        self.values.copy_from_slice(values);
    }

    fn start(&mut self, time: Time, values: &[f32]) {
        self.anchor = Some(time);
        self.steps = 0;
        self.next = self.moment(time, 1);
        self.time = time;
        self.values.copy_from_slice(values);
        self.area.fill(0.0);
        // The first sample begins the first interval, but it was a point of its own.
        self.measured = self.method == Method::Mean;
    }

    fn moment(&self, anchor: Time, step: u64) -> Time {
        anchor.offset((step as f64 * self.period).round() as i64)
    }

    fn start_of_step(&self, anchor: Time) -> Time {
        self.moment(anchor, self.steps)
    }

    /// Follows the line of one channel to `value` at `time`.
    fn add_area(&mut self, channel: usize, time: Time, value: f64) {
        let width = time.since(self.time) as f64;
        self.area[channel] += 0.5 * (f64::from(self.values[channel]) + value) * width;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(method: Method, rate: f64, samples: &[(f64, f32)]) -> Vec<(f64, f32, bool)> {
        let mut resampler = Resampler::new(method, rate, 1);
        let mut steps = Vec::new();
        for &(t, value) in samples {
            let time = Time::from_seconds(t).unwrap();
            resampler.push(time, &[value], |step| {
                steps.push((step.time.seconds(), step.values[0], step.measured))
            });
        }
        steps
    }

    #[test]
    fn a_slower_source_is_interpolated_and_says_so() {
        let steps = run(Method::Linear, 10.0, &[(0.0, 0.0), (0.25, 2.5)]);
        assert_eq!(steps, [(0.0, 0.0, true), (0.1, 1.0, false), (0.2, 2.0, false)]);
    }

    #[test]
    fn a_faster_source_is_averaged() {
        let samples: Vec<_> = (0..=200).map(|i| (f64::from(i) * 0.001, (i % 2) as f32)).collect();
        let steps = run(Method::Mean, 10.0, &samples);
        assert_eq!(steps, [(0.1, 0.5, true), (0.2, 0.5, true)]);
    }

    #[test]
    fn a_source_at_the_models_rate_passes_unchanged() {
        let samples: Vec<_> = (0..50).map(|i| (f64::from(i) / 32.0, i as f32)).collect();
        let steps = run(Method::Linear, 32.0, &samples);
        assert_eq!(steps.len(), 50);
        assert!(steps.iter().zip(&samples).all(|(step, sample)| step.1 == sample.1 && step.2));
    }

    #[test]
    fn steps_do_not_drift_at_a_rate_that_has_no_whole_period() {
        let samples: Vec<_> = (0..=3000).map(|i| (f64::from(i), 0.0)).collect();
        let steps = run(Method::Linear, 3.0, &samples);
        assert_eq!(steps.len(), 9001);
        assert_eq!(steps[9000].0, 3000.0);
    }

    proptest! {
        #[test]
        fn a_straight_line_stays_one_whatever_the_jitter(
            gaps in prop::collection::vec(1i64..90_000_000, 2..80),
            rate in 1.0f64..200.0,
            slope in -5.0f64..5.0,
        ) {
            let mut t = 0;
            let samples: Vec<_> = gaps.iter().map(|gap| { t += gap; (t as f64 / 1e9, (slope * t as f64 / 1e9) as f32) }).collect();
            for (time, value, _) in run(Method::Linear, rate, &samples) {
                prop_assert!((f64::from(value) - slope * time).abs() < 1e-4);
            }
            for (time, value, _) in run(Method::Mean, rate, &samples) {
                // The mean of a line over an interval is its value in the middle.
                prop_assert!((f64::from(value) - slope * (time - 0.5 / rate)).abs() < 1e-4);
            }
        }

        #[test]
        fn the_mean_keeps_the_integral_of_the_signal(
            rows in prop::collection::vec((1i64..90_000_000, -10f32..10.0), 2..80),
            rate in 1.0f64..200.0,
        ) {
            let mut t = 0;
            let samples: Vec<_> = rows.iter().map(|(gap, value)| { t += gap; (t as f64 / 1e9, *value) }).collect();
            let steps = run(Method::Mean, rate, &samples);
            let Some(&(end, ..)) = steps.last() else { return Ok(()) };
            let mean: f64 = steps.iter().map(|step| f64::from(step.1) / rate).sum();
            let mut integral = 0.0;
            for pair in samples.windows(2) {
                let ((a, va), (b, vb)) = (pair[0], pair[1]);
                let to = b.min(end);
                if to > a {
                    let at_end = f64::from(va) + (to - a) / (b - a) * f64::from(vb - va);
                    integral += 0.5 * (f64::from(va) + at_end) * (to - a);
                }
            }
            prop_assert!((mean - integral).abs() < 1e-3, "{mean} {integral}");
        }
    }
}
