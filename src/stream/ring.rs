//! The last steps of one stream, and when they make a window.

use super::resampler::Step;

/// A ring of the last `steps` steps that says when a window is due: once it is full, and then every `hop` steps.
#[derive(Clone, Debug)]
pub struct WindowRing {
    steps: usize,
    channels: usize,
    hop: usize,
    values: Vec<f32>,
    measured: Vec<bool>,
    /// Where the next step goes, which is also where the oldest one stands once the ring is full.
    head: usize,
    filled: usize,
    until_due: usize,
}

impl WindowRing {
    /// An empty ring for windows of `steps` steps of `channels` values; each count is at least 1.
    pub fn new(steps: usize, channels: usize, hop: usize) -> Self {
        let (steps, channels, hop) = (steps.max(1), channels.max(1), hop.max(1));
        Self {
            steps,
            channels,
            hop,
            values: vec![0.0; steps * channels],
            measured: vec![false; steps],
            head: 0,
            filled: 0,
            until_due: steps,
        }
    }

    /// Adds a step and says whether a window is due.
    pub fn push(&mut self, step: Step<'_>) -> bool {
        let start = self.head * self.channels;
        self.values[start..start + self.channels].copy_from_slice(step.values);
        self.measured[self.head] = step.measured;
        self.head = (self.head + 1) % self.steps;
        self.filled = (self.filled + 1).min(self.steps);
        self.until_due -= 1;
        if self.until_due > 0 {
            return false;
        }
        self.until_due = self.hop;
        true
    }

    /// Moves the windows to come another distance apart; the next one is that far from the last, or due with the next step.
    pub fn set_hop(&mut self, hop: usize) {
        let hop = hop.max(1);
        // A ring that is not full yet has had no window.
        if self.filled == self.steps {
            self.until_due = (hop + self.until_due).saturating_sub(self.hop).max(1);
        }
        self.hop = hop;
    }

    /// Empties the ring: the next window is due `steps` steps from now. Says whether there was anything in it.
    pub fn clear(&mut self) -> bool {
        let had_any = self.filled > 0;
        self.filled = 0;
        self.until_due = self.steps;
        had_any
    }

    /// The full ring's values, oldest step first, row-major [W, C].
    pub fn window(&self) -> Vec<f32> {
        let (newer, older) = self.values.split_at(self.head * self.channels);
        [older, newer].concat()
    }

    /// The share of the steps that were measured, from 0 to 1.
    pub fn measured(&self) -> f64 {
        self.measured.iter().filter(|measured| **measured).count() as f64 / self.steps as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::signal::Time;

    proptest! {
        #[test]
        fn windows_are_the_last_steps_in_order_a_hop_apart(steps in 1usize..20, hop in 1usize..30, count in 0usize..200) {
            let mut ring = WindowRing::new(steps, 2, hop);
            let mut due = Vec::new();
            for i in 0..count {
                let values = [i as f32, -(i as f32)];
                if ring.push(Step { time: Time::from_nanos(0).unwrap(), values: &values, measured: i % 2 == 0 }) {
                    let expected: Vec<f32> = (i + 1 - steps..=i).flat_map(|j| [j as f32, -(j as f32)]).collect();
                    prop_assert_eq!(ring.window(), expected);
                    due.push(i);
                }
            }
            let expected: Vec<usize> = (0..count).filter(|i| i + 1 >= steps && (i + 1 - steps) % hop == 0).collect();
            prop_assert_eq!(due, expected);
        }

        #[test]
        fn after_another_hop_the_next_window_is_that_far_from_the_last(
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
