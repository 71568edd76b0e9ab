//! Several networks that predict as one: the probabilities are the softmax of the mean of their logits.

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::Network;
use crate::train::network::architecture::Architecture;

/// One or more networks of the same architecture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ensemble {
    architecture: Architecture,
    members: Vec<Network>,
}

impl Ensemble {
    /// Joins networks of one architecture.
    ///
    /// # Panics
    /// If `members` is empty, which is a bug in the caller.
    pub(crate) fn of(members: Vec<Network>) -> Self {
        let architecture = members[0].architecture().clone();
        Self { architecture, members }
    }

    /// The architecture that all members have.
    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The networks; there is at least one.
    pub(crate) fn members(&self) -> &[Network] {
        &self.members
    }

    /// Divides the logits of all members by a temperature (Guo et al. 2017), which changes the confidence of
    /// predictions and never their label.
    pub(crate) fn scale_temperature(&mut self, temperature: f64) {
        self.members.iter_mut().for_each(|network| network.scale_temperature(temperature));
    }

    /// The probabilities of the labels, row-major [N, K], for N windows, each row-major [W, C].
    pub(crate) fn probabilities(&self, windows: &[&[f32]]) -> Vec<f32> {
        probabilities(&self.members.iter().collect::<Vec<_>>(), windows, self.architecture.classes)
    }
}

/// The probabilities of K labels by several networks, row-major [N, K], for N windows, each row-major [W, C].
pub(crate) fn probabilities(networks: &[&Network], windows: &[&[f32]], classes: usize) -> Vec<f32> {
    let share = 1.0 / networks.len() as f32;
    let mut mean = vec![0.0; windows.len() * classes];
    for network in networks {
        mean.iter_mut().zip(network.logits(windows)).for_each(|(sum, logit)| *sum += share * logit);
    }
    softmax_rows(&mut mean, classes);
    mean
}
