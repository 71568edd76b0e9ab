//! Networks that answer as one: the mean of their logits.

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::Network;
use crate::train::network::architecture::Architecture;

/// One network or several of the same architecture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ensemble {
    architecture: Architecture,
    members: Vec<Network>,
}

impl Ensemble {
    /// Of members of one architecture.
    ///
    /// # Panics
    /// Without a member: a fault of the caller.
    pub(crate) fn of(members: Vec<Network>) -> Self {
        let architecture = members[0].architecture().clone();
        Self { architecture, members }
    }

    /// What each member is made of.
    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The members, of which there is at least one.
    pub(crate) fn members(&self) -> &[Network] {
        &self.members
    }

    /// Divides every logit by a temperature, which leaves the order of the labels and changes how sure it is.
    pub(crate) fn scale_temperature(&mut self, temperature: f64) {
        self.members.iter_mut().for_each(|network| network.scale_temperature(temperature));
    }

    /// The mean of the members' logits, row-major [N, K], of windows, each row-major [W, C].
    pub(crate) fn logits(&self, windows: &[&[f32]]) -> Vec<f32> {
        let share = 1.0 / self.members.len() as f32;
        let mut mean = vec![0.0; windows.len() * self.architecture.classes];
        for network in &self.members {
            mean.iter_mut().zip(network.logits(windows)).for_each(|(sum, logit)| *sum += share * logit);
        }
        mean
    }

    /// Probabilities, row-major [N, K], of windows, each row-major [W, C].
    pub(crate) fn probabilities(&self, windows: &[&[f32]]) -> Vec<f32> {
        let mut logits = self.logits(windows);
        softmax_rows(&mut logits, self.architecture.classes);
        logits
    }
}
