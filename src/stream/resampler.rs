//! From samples at irregular times to steps at the model's rate.

use crate::model::card::Method;
use crate::signal::Time;

/// How far a sample may be from the step that takes it, in periods. With 0.75, fewer samples would be lost where they lie
/// half-way between two steps and their times jitter, but the values of a step could be older or newer. On a robot with
/// three currents at 31 Hz, networks were right for .939 of the windows with 0.75, and for .943 with 0.5.
const REACH: f64 = 0.5;

/// One step at the model's rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<'a> {
    /// The time of the step: that of its sample or of the interpolated point, or the end of the averaged interval for
    /// [`Method::Mean`].
    pub time: Time,
    /// One value for each channel.
    pub values: &'a [f32],
    /// Whether the step has a sample of its own: one that it takes for [`Method::Nearest`], otherwise one after the
    /// previous step, up to and including this one. If not, the step is only interpolated.
    pub measured: bool,
}

/// Resamples one stream. Between two samples the signal is taken as the straight line that joins them.
///
/// Step n lies at the first sample's time plus n periods, rounded to whole nanoseconds, so that rounding
/// errors do not accumulate. With [`Method::Nearest`], it takes the first sample that is within half a period of
/// there and that no step has taken, and has the time of that sample. The caller passes times that strictly
/// increase and calls [`Resampler::reset`] at a gap.
#[derive(Clone, Debug)]
pub struct Resampler {
    method: Method,
    /// The time between two steps, in nanoseconds.
    period: f64,
    /// How far a sample may be from the step that takes it with [`Method::Nearest`], in nanoseconds.
    reach: i64,
    /// The time of step 0, which is the first sample. `None` until there is one.
    anchor: Option<Time>,
    /// The number of the last step before `next_step`.
    step_number: u64,
    /// The time of the last step.
    last_step: Time,
    /// The time of the next step.
    next_step: Time,
    /// The point up to which the line was followed: the newest sample or, while a sample is being processed,
    /// the newest step.
    position: Time,
    /// The values of the line at `position`, one for each channel.
    position_values: Vec<f32>,
    /// The values of the previous sample, where the current line begins.
    line_start: Vec<f32>,
    /// The integral of the line since the previous step, in the channel's unit times ns, one for each
    /// channel.
    area: Vec<f64>,
    /// Whether there was a sample since the previous step.
    measured: bool,
    /// The values of the step that is being emitted.
    step_values: Vec<f32>,
}

impl Resampler {
    /// Creates a resampler to `rate` steps per second (Hz), for samples of `channels` values.
    pub fn new(method: Method, rate: f64, channels: usize) -> Self {
        let period = 1e9 / rate;
        Self {
            method,
            period,
            reach: (REACH * period) as i64,
            anchor: None,
            step_number: 0,
            last_step: Time::ARRIVAL,
            next_step: Time::ARRIVAL,
            position: Time::ARRIVAL,
            position_values: vec![0.0; channels],
            line_start: vec![0.0; channels],
            area: vec![0.0; channels],
            measured: false,
            step_values: vec![0.0; channels],
        }
    }

    /// Forgets all samples. The next sample is handled as the first one.
    pub fn reset(&mut self) {
        self.anchor = None;
    }

    /// Adds the next sample and emits each step that it completes.
    pub fn push(&mut self, time: Time, values: &[f32], mut emit: impl FnMut(Step<'_>)) {
        let Some(anchor) = self.anchor else {
            self.start(time, values);
            if self.method != Method::Mean {
                emit(Step { time, values, measured: true });
            }
            return;
        };
        if self.has_step_on_line(time) {
            self.follow_line(anchor, time, values, &mut emit);
        }
        if self.method == Method::Nearest && self.next_step <= time.offset(self.reach) {
            emit(Step { time, values, measured: true });
            self.advance(anchor);
        }
        self.measured = self.measured || self.position < time;
        if self.method == Method::Mean {
            for (channel, &value) in values.iter().enumerate() {
                self.add_area(channel, time, f64::from(value));
            }
        }
        self.position = time;
        self.position_values.copy_from_slice(values);
    }

    fn start(&mut self, time: Time, values: &[f32]) {
        self.anchor = Some(time);
        self.step_number = 0;
        self.last_step = time;
        self.next_step = self.step_time(time, 1);
        self.position = time;
        self.position_values.copy_from_slice(values);
        self.area.fill(0.0);
        // With `Mean` the first sample belongs to the first interval. Otherwise it is a step of its own, which was
        // emitted already.
        self.measured = self.method == Method::Mean;
    }

    /// Whether the next step lies on the line up to the sample at `time`, and does not take that sample.
    fn has_step_on_line(&self, time: Time) -> bool {
        match self.method {
            Method::Nearest => self.next_step < time.offset(-self.reach),
            Method::Linear | Method::Mean => self.next_step <= time,
        }
    }

    /// Emits the steps on the line from the previous sample to the one at `time`.
    fn follow_line(&mut self, anchor: Time, time: Time, values: &[f32], emit: &mut impl FnMut(Step<'_>)) {
        let line_begin = self.position;
        let line_length = time.since(line_begin) as f64;
        self.line_start.copy_from_slice(&self.position_values);
        while self.has_step_on_line(time) {
            let step_length = self.next_step.since(self.last_step) as f64;
            let share = self.next_step.since(line_begin) as f64 / line_length;
            for (channel, &value) in values.iter().enumerate() {
                let begin = f64::from(self.line_start[channel]);
                let interpolated = begin + share * (f64::from(value) - begin);
                self.step_values[channel] = match self.method {
                    Method::Nearest | Method::Linear => interpolated as f32,
                    Method::Mean => {
                        self.add_area(channel, self.next_step, interpolated);
                        (std::mem::take(&mut self.area[channel]) / step_length) as f32
                    }
                };
                self.position_values[channel] = interpolated as f32;
            }
            let measured = self.method != Method::Nearest && (self.measured || self.next_step == time);
            emit(Step { time: self.next_step, values: &self.step_values, measured });
            self.position = self.next_step;
            self.advance(anchor);
            if self.next_step <= self.position {
                // The largest time that can be represented is reached. No real clock comes this far, but a
                // hostile sender can.
                break;
            }
        }
    }

    /// Goes on to the step after `next_step`.
    fn advance(&mut self, anchor: Time) {
        self.measured = false;
        self.step_number += 1;
        self.last_step = self.next_step;
        self.next_step = self.step_time(anchor, self.step_number + 1);
    }

    fn step_time(&self, anchor: Time, step: u64) -> Time {
        anchor.offset((step as f64 * self.period).round() as i64)
    }

    /// Adds the area below the line of one channel from the current position to `value` at `time`.
    fn add_area(&mut self, channel: usize, time: Time, value: f64) {
        let width = time.since(self.position) as f64;
        self.area[channel] += 0.5 * (f64::from(self.position_values[channel]) + value) * width;
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
    fn steps_between_the_samples_of_a_slow_source_are_interpolated_and_marked_as_such() {
        let steps = run(Method::Linear, 10.0, &[(0.0, 0.0), (0.25, 2.5)]);
        assert_eq!(steps, [(0.0, 0.0, true), (0.1, 1.0, false), (0.2, 2.0, false)]);
    }

    #[test]
    fn a_source_faster_than_the_model_is_averaged() {
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
    fn a_sample_that_is_near_a_step_is_that_step_and_only_steps_without_one_are_interpolated() {
        let steps = run(Method::Nearest, 10.0, &[(0.0, 0.0), (0.24, 2.4), (0.26, 9.0), (0.36, 3.6)]);
        assert_eq!(
            steps,
            [(0.0, 0.0, true), (0.1, 1.0, false), (0.24, 2.4, true), (0.26, 9.0, true), (0.36, 3.6, true)]
        );
    }

    /// With a clock that is wrong by 0.3 per mille, the samples of 100 s pass every place between two steps.
    #[test]
    fn samples_of_a_clock_that_is_a_little_wrong_pass_unchanged() {
        for (period, lost, interpolated) in [(10_003_000, 0, 3), (9_997_000, 3, 0)] {
            let samples: Vec<_> =
                (0..10_000i64).map(|i| ((i * period) as f64 / 1e9, ((i * i) % 97) as f32)).collect();
            let steps = run(Method::Nearest, 100.0, &samples);
            let taken: Vec<_> = steps.iter().filter(|step| step.2).collect();
            assert_eq!(taken.len(), samples.len() - lost);
            assert_eq!(steps.len() - taken.len(), interpolated);
            assert!(taken.iter().all(|step| samples.contains(&(step.0, step.1))));
        }
    }

    #[test]
    fn rounding_does_not_accumulate_at_a_rate_without_a_whole_period() {
        let samples: Vec<_> = (0..=3000).map(|i| (f64::from(i), 0.0)).collect();
        let steps = run(Method::Linear, 3.0, &samples);
        assert_eq!(steps.len(), 9001);
        assert_eq!(steps[9000].0, 3000.0);
    }

    proptest! {
        #[test]
        fn a_straight_line_stays_straight_whatever_the_jitter(
            gaps in prop::collection::vec(1i64..90_000_000, 2..80),
            rate in 1.0f64..200.0,
            slope in -5.0f64..5.0,
        ) {
            let mut t = 0;
            let sample = |gap: &i64| {
                t += gap;
                (t as f64 / 1e9, (slope * t as f64 / 1e9) as f32)
            };
            let samples: Vec<_> = gaps.iter().map(sample).collect();
            for (time, value, _) in run(Method::Linear, rate, &samples) {
                prop_assert!((f64::from(value) - slope * time).abs() < 1e-4);
            }
            for (time, value, _) in run(Method::Mean, rate, &samples) {
                // The mean of a line over an interval is its value in the middle.
                prop_assert!((f64::from(value) - slope * (time - 0.5 / rate)).abs() < 1e-4);
            }
        }

        #[test]
        fn jitter_loses_no_sample_of_those_that_are_nearer_to_their_own_step_than_to_others(
            place in -250_000i64..=250_000,
            jitter in prop::collection::vec(-249_000i64..=249_000, 2..200),
        ) {
            let late = |i: usize, jitter: i64| (i as i64 * 1_000_000 + place + jitter) as f64 / 1e9;
            let samples: Vec<_> = std::iter::once((0.0, 0.0))
                .chain(jitter.iter().enumerate().map(|(i, jitter)| (late(i + 1, *jitter), i as f32)))
                .collect();
            let steps = run(Method::Nearest, 1000.0, &samples);
            prop_assert!(steps.iter().all(|step| step.2));
            prop_assert!(steps.iter().map(|step| (step.0, step.1)).eq(samples));
        }

        #[test]
        fn steps_follow_one_another_and_are_samples_or_lie_between_two_whatever_the_jitter(
            gaps in prop::collection::vec(1i64..90_000_000, 2..80),
            rate in 1.0f64..200.0,
        ) {
            let mut t = 0;
            let sample = |gap: &i64| {
                t += gap;
                (t as f64 / 1e9, (t / 1000) as f32)
            };
            let samples: Vec<_> = gaps.iter().map(sample).collect();
            let steps = run(Method::Nearest, rate, &samples);
            prop_assert!(steps.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(steps.windows(2).all(|pair| pair[1].0 - pair[0].0 < 2.0 / rate + 1e-8));
            for (time, value, measured) in steps {
                prop_assert!(!measured || samples.contains(&(time, value)));
                prop_assert!((f64::from(value) - time * 1e6).abs() < 1e2, "{time} {value}");
            }
        }

        #[test]
        fn averaging_keeps_the_integral_of_the_signal(
            rows in prop::collection::vec((1i64..90_000_000, -10f32..10.0), 2..80),
            rate in 1.0f64..200.0,
        ) {
            let mut t = 0;
            let sample = |(gap, value): &(i64, f32)| {
                t += gap;
                (t as f64 / 1e9, *value)
            };
            let samples: Vec<_> = rows.iter().map(sample).collect();
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
