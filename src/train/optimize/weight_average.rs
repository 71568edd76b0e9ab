//! The running mean of a network's weights over its steps, which does not jump where a single step does.

use crate::train::network::Network;

/// An exponential moving average of a network's parameters and moving statistics over the steps of its training (Polyak and Juditsky
/// 1992; Keras's `use_ema`). What each step keeps of it grows from a tenth to the share asked for, as (1 + steps) / (10 + steps), so that
/// the first weights are soon forgotten.
#[derive(Clone, Debug)]
pub(crate) struct WeightAverage {
    share: f32,
    steps: u32,
    network: Network,
}

impl WeightAverage {
    /// Before the first step of `network`; `share`, from 0 to below 1, is what each step keeps of the average once there were many.
    pub(crate) fn new(share: f32, network: &Network) -> Self {
        Self { share, steps: 0, network: network.clone() }
    }

    /// Takes in the network as it is after a step.
    pub(crate) fn follow(&mut self, network: &Network) {
        let steps = self.steps as f32;
        let share = self.share.min((1.0 + steps) / (10.0 + steps));
        self.steps = self.steps.saturating_add(1);
        let towards = |average: &mut [f32], now: &[f32]| {
            average
                .iter_mut()
                .zip(now)
                .for_each(|(average, now)| *average += (1.0 - share) * (now - *average));
        };
        towards(self.network.parameters_mut(), network.parameters());
        let moving = self.network.moving_mut();
        towards(&mut moving.mean, &network.moving().mean);
        towards(&mut moving.variance, &network.moving().variance);
    }

    /// The network with the averaged weights.
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
    fn the_average_forgets_its_first_weights_and_lags_behind_a_jump() {
        let architecture = Architecture::plain(4, 1, 2, 2);
        let input = Preprocessing::measure(&architecture, std::iter::empty::<&[f32]>());
        let mut network = Network::new(architecture, input, &mut Pcg64::new(0, 0));
        let put = |network: &mut Network, value: f32| network.parameters_mut().fill(value);
        put(&mut network, 100.0);
        let mut average = WeightAverage::new(0.9, &network);
        put(&mut network, 1.0);
        // A tenth of 100 is left after the first step, then 2/11 of that tenth, …
        average.follow(&network);
        assert!((average.network().parameters()[0] - 10.9).abs() < 1e-4);
        (0..200).for_each(|_| average.follow(&network));
        assert!((average.network().parameters()[0] - 1.0).abs() < 1e-5);
        put(&mut network, 11.0);
        network.moving_mut().mean.fill(1.0);
        average.follow(&network);
        let (parameters, moving) = (average.network().parameters(), average.network().moving());
        assert!(parameters.iter().all(|value| (value - 2.0).abs() < 1e-5));
        assert!(moving.mean.iter().all(|mean| (mean - 0.1).abs() < 1e-6));
    }
}
