//! Augmentation: random changes to a training window under which its surface stays the same.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::scaling::Scaling;

/// The random changes that are made to training windows. They are drawn anew each time that a window is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// The orders of the channels to choose from, including the recorded one; if empty, the order stays the
    /// same.
    pub orders: Vec<Vec<usize>>,
    /// The standard deviation of the factor that all values of the window are multiplied by; its mean is 1. 0
    /// for none.
    pub scale: f32,
    /// The standard deviation of the factors that the values of each channel are multiplied by, one for each channel;
    /// their mean is 1. 0 for none.
    pub gain: f32,
    /// The standard deviation of the noise added to each value, relative to that of the value's channel. 0
    /// for none.
    pub jitter: f32,
    /// The probability that a channel is replaced by its mean in the whole window.
    pub channel_dropout: f32,
    /// The means and standard deviations of the channels over the training windows.
    pub scaling: Scaling,
}

impl Augmentation {
    /// Whether values are changed, rather than only the order of the channels.
    pub(crate) fn changes_values(&self) -> bool {
        self.scale > 0.0 || self.gain > 0.0 || self.jitter > 0.0 || self.channel_dropout > 0.0
    }

    /// Writes an augmented copy of the window, row-major [W, C], to `changed`.
    pub fn apply(&self, window: &[f32], rng: &mut impl Rng, changed: &mut Vec<f32>) {
        let Scaling { mean, factor } = &self.scaling;
        let channels = mean.len().max(1);
        changed.clear();
        match self.orders.len() {
            0 => changed.extend_from_slice(window),
            count => {
                let order = &self.orders[rng.random_range(0..count)];
                let steps = window.chunks_exact(channels);
                changed.extend(steps.flat_map(|step| order.iter().map(|from| step[*from])));
            }
        }

        if self.scale > 0.0 {
            let scale = 1.0 + self.scale * normal(rng);
            changed.iter_mut().for_each(|value| *value *= scale);
        }
        if self.gain > 0.0 {
            for channel in 0..channels {
                let gain = 1.0 + self.gain * normal(rng);
                changed.iter_mut().skip(channel).step_by(channels).for_each(|value| *value *= gain);
            }
        }
        if self.jitter > 0.0 {
            for step in changed.chunks_exact_mut(channels) {
                step.iter_mut()
                    .zip(factor)
                    .for_each(|(value, factor)| *value += self.jitter * normal(rng) / factor);
            }
        }
        if self.channel_dropout > 0.0 {
            for (channel, mean) in mean.iter().enumerate() {
                if rng.random::<f32>() < self.channel_dropout {
                    changed.iter_mut().skip(channel).step_by(channels).for_each(|value| *value = *mean);
                }
            }
        }
    }
}

/// A value from the standard normal distribution.
fn normal(rng: &mut impl Rng) -> f32 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;

    /// A window [100, 2] with the values 0, 1, 2, …, augmented.
    fn augmented(augment: &Augmentation, seed: u64) -> Vec<f32> {
        let window: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let mut changed = Vec::new();
        augment.apply(&window, &mut Pcg64::new(u128::from(seed), 0), &mut changed);
        changed
    }

    #[test]
    fn each_kind_of_augmentation_makes_only_its_own_change() {
        let none = Augmentation {
            scaling: Scaling { mean: vec![7.0, 9.0], factor: vec![0.1, 0.1] },
            ..Augmentation::default()
        };
        assert_eq!(augmented(&none, 0)[..4], [0.0, 1.0, 2.0, 3.0]);
        let order = Augmentation { orders: vec![vec![1, 0]], ..none.clone() };
        assert_eq!(augmented(&order, 0)[..4], [1.0, 0.0, 3.0, 2.0]);
        let scale = augmented(&Augmentation { scale: 0.1, ..none.clone() }, 0);
        assert!((scale[150] / scale[50] - 3.0).abs() < 1e-5 && scale[50] != 50.0);
        let gain = augmented(&Augmentation { gain: 0.1, ..none.clone() }, 0);
        let factors = [gain[150] / 150.0, gain[151] / 151.0];
        assert!((gain[50] / 50.0 - factors[0]).abs() < 1e-6 && (gain[51] / 51.0 - factors[1]).abs() < 1e-6);
        assert!(factors[0] != factors[1] && factors[0] != 1.0);
        let jitter = augmented(&Augmentation { jitter: 0.1, ..none.clone() }, 0);
        let errors: Vec<f32> = jitter.iter().enumerate().map(|(i, value)| value - i as f32).collect();
        let square = errors.iter().map(|error| error * error).sum::<f32>() / 200.0;
        assert!((square.sqrt() - 1.0).abs() < 0.15, "a tenth of a standard deviation of 10: {square}");
        let dropped = augmented(&Augmentation { channel_dropout: 0.999, ..none }, 0);
        assert_eq!(dropped[..4], [7.0, 9.0, 7.0, 9.0]);
    }
}
