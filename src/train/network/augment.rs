//! Changes to a training window that leave its surface what it is.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::preprocessing::Scaling;

/// What may be done to a training window; each is drawn anew each time that the window is trained on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// The orders of the channels, that which they come in among them; none leaves it.
    pub orders: Vec<Vec<usize>>,
    /// The deviation of the factor that the whole window is multiplied by.
    pub scale: f32,
    /// The deviation of the noise on each value, in deviations of its channel.
    pub jitter: f32,
    /// The probability that a channel is put to its mean throughout.
    pub channel_dropout: f32,
    /// The channels' means and deviations.
    pub scaling: Scaling,
}

impl Augmentation {
    /// Writes the window, row-major [W, C], as it is to be trained on into `changed`.
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
            let by = 1.0 + self.scale * normal(rng);
            changed.iter_mut().for_each(|value| *value *= by);
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

fn normal(rng: &mut impl Rng) -> f32 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_pcg::Pcg64;

    fn changed(augment: &Augmentation, seed: u64) -> Vec<f32> {
        let window: Vec<f32> = (0..200).map(|i| i as f32).collect();
        let mut changed = Vec::new();
        augment.apply(&window, &mut Pcg64::new(u128::from(seed), 0), &mut changed);
        changed
    }

    #[test]
    fn each_change_does_what_it_says_and_nothing_else() {
        let none = Augmentation {
            scaling: Scaling { mean: vec![7.0, 9.0], factor: vec![0.1, 0.1] },
            ..Augmentation::default()
        };
        assert_eq!(changed(&none, 0)[..4], [0.0, 1.0, 2.0, 3.0]);
        let order = Augmentation { orders: vec![vec![1, 0]], ..none.clone() };
        assert_eq!(changed(&order, 0)[..4], [1.0, 0.0, 3.0, 2.0]);
        let scale = changed(&Augmentation { scale: 0.1, ..none.clone() }, 0);
        assert!((scale[150] / scale[50] - 3.0).abs() < 1e-5 && scale[50] != 50.0);
        let jitter = changed(&Augmentation { jitter: 0.1, ..none.clone() }, 0);
        let errors: Vec<f32> = jitter.iter().enumerate().map(|(i, value)| value - i as f32).collect();
        let square = errors.iter().map(|error| error * error).sum::<f32>() / 200.0;
        assert!((square.sqrt() - 1.0).abs() < 0.15, "a tenth of a deviation of 10: {square}");
        let dropped = changed(&Augmentation { channel_dropout: 0.999, ..none }, 0);
        assert_eq!(dropped[..4], [7.0, 9.0, 7.0, 9.0]);
    }
}
