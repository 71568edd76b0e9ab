//! A moving average of a network's weights over the training steps. A single step changes it little.

use crate::train::network::Network;

/// An exponential moving average of a network's parameters and moving statistics over the steps of its
/// training (Polyak and Juditsky 1992; Keras's `use_ema`).
///
/// The decay of step t, counted from 0, is the smaller of the requested decay and (1 + t) / (10 + t), as in
/// TensorFlow's `ExponentialMovingAverage`, so that the initial weights soon lose their influence.
#[derive(Clone, Debug)]
pub(crate) struct WeightAverage {
    decay: f32,
    steps: u32,
    network: Network,
}

impl WeightAverage {
    /// The average before the first step of `network`. `decay`, from 0 to below 1, is the share of the
    /// average that each step keeps, after the first steps.
    pub(crate) fn new(decay: f32, network: &Network) -> Self {
        Self { decay, steps: 0, network: network.clone() }
    }

    /// Includes the weights of the network after a training step.
    pub(crate) fn update(&mut self, network: &Network) {
        let steps = self.steps as f32;
        let decay = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.steps = self.steps.saturating_add(1);
        let move_towards = |average: &mut [f32], values: &[f32]| {
            average
                .iter_mut()
                .zip(values)
                .for_each(|(average, value)| *average += (1.0 - decay) * (value - *average));
        };
        move_towards(self.network.parameters_mut(), network.parameters());
        let moving = self.network.moving_mut();
        move_towards(&mut moving.mean, &network.moving().mean);
        move_towards(&mut moving.variance, &network.moving().variance);
    }

    /// The network with the averaged weights and moving statistics.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64;

    use super::*;
    use crate::train::network::architecture::Architecture;
    use crate::train::network::preprocessing::Preprocessing;

    #[test]
    fn the_average_forgets_the_initial_weights_and_follows_a_jump_slowly() {
        let architecture = Architecture::plain(4, 1, 2, 2);
        let preprocessing = Preprocessing::measure(&architecture, &[], &[]);
        let mut network = Network::new(architecture, preprocessing, &mut Pcg64::new(0, 0));
        let fill = |network: &mut Network, value: f32| network.parameters_mut().fill(value);
        fill(&mut network, 100.0);
        let mut average = WeightAverage::new(0.9, &network);
        fill(&mut network, 1.0);
        // The decay is 1/10 at the first step, so a tenth of 100 remains; then it is 2/11, 3/12, …
        average.update(&network);
        assert!((average.network().parameters()[0] - 10.9).abs() < 1e-4);
        (0..200).for_each(|_| average.update(&network));
        assert!((average.network().parameters()[0] - 1.0).abs() < 1e-5);
        fill(&mut network, 11.0);
        network.moving_mut().mean.fill(1.0);
        average.update(&network);
        let (parameters, moving) = (average.network().parameters(), average.network().moving());
        assert!(parameters.iter().all(|value| (value - 2.0).abs() < 1e-5));
        assert!(moving.mean.iter().all(|mean| (mean - 0.1).abs() < 1e-6));
    }
}
