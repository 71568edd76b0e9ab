//! The newest steps of one stream, and when they make a window.

use super::resampler::Step;
use super::step_bits::StepBits;

/// A ring buffer of the newest W steps of one stream, which also says when a window is due.
///
/// The first window is due when the ring is full, and another one after every `hop` further steps.
#[derive(Clone, Debug)]
pub struct WindowRing {
    /// W, the steps in a window.
    steps: usize,
    channels: usize,
    hop: usize,
    /// The values of the steps, `channels` for each slot of the ring.
    values: Vec<f32>,
    /// The steps that were measured rather than interpolated.
    measured: StepBits,
    /// The slot of the next step. It holds the oldest step once the ring is full.
    head: usize,
    /// The number of steps in the ring, at most `steps`.
    filled: usize,
    steps_until_due: usize,
}

impl WindowRing {
    /// Creates an empty ring for windows of `steps` steps of `channels` values each. Counts of 0 are taken as
    /// 1.
    pub fn new(steps: usize, channels: usize, hop: usize) -> Self {
        let (steps, channels, hop) = (steps.max(1), channels.max(1), hop.max(1));
        Self {
            steps,
            channels,
            hop,
            values: vec![0.0; steps * channels],
            measured: StepBits::new(steps),
            head: 0,
            filled: 0,
            steps_until_due: steps,
        }
    }

    /// Adds a step, in place of the oldest one if the ring is full. Returns whether a window is due.
    pub fn push(&mut self, step: Step<'_>) -> bool {
        let start = self.head * self.channels;
        self.values[start..start + self.channels].copy_from_slice(step.values);
        self.measured.replace(self.head, step.measured);
        self.head = (self.head + 1) % self.steps;
        self.filled = (self.filled + 1).min(self.steps);
        self.steps_until_due -= 1;
        if self.steps_until_due > 0 {
            return false;
        }
        self.steps_until_due = self.hop;
        true
    }

    /// Changes the hop. The next window is due `hop` steps after the last one, or with the next step if that
    /// many steps have passed already.
    pub fn set_hop(&mut self, hop: usize) {
        let hop = hop.max(1);
        // A ring that is not full has not made a window yet, so the hop does not matter for the first one.
        if self.filled == self.steps {
            self.steps_until_due = (hop + self.steps_until_due).saturating_sub(self.hop).max(1);
        }
        self.hop = hop;
    }

    /// Empties the ring, so that the next window is due after W more steps. Returns whether it held any step.
    pub fn clear(&mut self) -> bool {
        let held_steps = self.filled > 0;
        self.filled = 0;
        self.steps_until_due = self.steps;
        held_steps
    }

    /// The values of a full ring, oldest step first, row-major [W, C].
    pub fn window(&self) -> Vec<f32> {
        let (newer, older) = self.values.split_at(self.head * self.channels);
        [older, newer].concat()
    }

    /// The share of the steps of a full ring that were measured rather than interpolated, from 0 to 1.
    pub fn measured_share(&self) -> f64 {
        f64::from(self.measured.count()) / self.steps as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::Time;

    proptest! {
        #[test]
        fn windows_hold_the_newest_steps_in_order_and_are_a_hop_apart(
            steps in 1usize..20,
            hop in 1usize..30,
            count in 0usize..200,
        ) {
            let time = Time::from_nanos(0).unwrap();
            let mut ring = WindowRing::new(steps, 2, hop);
            let mut due = Vec::new();
            for i in 0..count {
                let values = [i as f32, -(i as f32)];
                if ring.push(Step { time, values: &values, measured: i % 2 == 0 }) {
                    let expected: Vec<f32> =
                        (i + 1 - steps..=i).flat_map(|j| [j as f32, -(j as f32)]).collect();
                    prop_assert_eq!(ring.window(), expected);
                    due.push(i);
                }
            }
            let is_due = |i: &usize| i + 1 >= steps && (i + 1 - steps).is_multiple_of(hop);
            let expected: Vec<usize> = (0..count).filter(is_due).collect();
            prop_assert_eq!(due, expected);
        }

        #[test]
        fn after_a_change_of_the_hop_the_next_window_is_the_new_hop_after_the_last(
            before in 1usize..20,
            after in 1usize..20,
            at in 0usize..60,
        ) {
            let steps = 10;
            let mut ring = WindowRing::new(steps, 1, before);
            let mut due = Vec::new();
            for i in 0..100 {
                if i == at {
                    ring.set_hop(after);
                }
                if ring.push(Step { time: Time::from_nanos(0).unwrap(), values: &[0.0], measured: true }) {
                    due.push(i);
                }
            }
            prop_assert_eq!(due[0], steps - 1);
            for pair in due.windows(2) {
                let expected = if pair[1] < at { before } else { after.max(at.saturating_sub(pair[0])) };
                prop_assert_eq!(pair[1] - pair[0], expected);
            }
        }
    }
}
