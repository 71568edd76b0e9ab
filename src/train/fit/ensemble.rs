//! Several networks that predict as one: the probabilities are the softmax of the mean of their logits. With them goes
//! the score of how unlike the training windows a window is.

use ndarray::ArrayView2;

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::Network;
use crate::train::network::architecture::Architecture;
use crate::train::novelty::score::NoveltyScore;

/// One or more networks of the same architecture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ensemble {
    architecture: Architecture,
    members: Vec<Network>,
    /// How unlike the training windows a window is; `None` if the model does not say it.
    novelty: Option<NoveltyScore>,
}

impl Ensemble {
    /// Joins networks of one architecture.
    ///
    /// # Panics
    /// If `members` is empty, which is a bug in the caller.
    pub(crate) fn of(members: Vec<Network>) -> Self {
        let architecture = members[0].architecture().clone();
        Self { architecture, members, novelty: None }
    }

    /// The architecture that all members have.
    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The networks; there is at least one.
    pub(crate) fn members(&self) -> &[Network] {
        &self.members
    }

    /// The score of how unlike the training windows a window is; `None` if the model does not say it.
    pub(crate) fn novelty(&self) -> Option<&NoveltyScore> {
        self.novelty.as_ref()
    }

    /// Makes the model say how unlike the training windows a window is, or no longer say it.
    pub(crate) fn set_novelty(&mut self, score: Option<NoveltyScore>) {
        self.novelty = score;
    }

    /// The novelty of windows, each row-major [W, C], in double precision: `[N]`. Empty if the model does not say it.
    pub(crate) fn novelty_of(&self, windows: &[&[f32]]) -> Vec<f64> {
        let (Some(score), Some(member)) = (&self.novelty, self.members.first()) else { return Vec::new() };
        let preprocessing = member.preprocessing();
        if preprocessing.summary().is_none() {
            return Vec::new();
        }
        let statistics: Vec<f64> =
            windows.iter().flat_map(|window| preprocessing.exact_statistics(window)).collect();
        let rows = ArrayView2::from_shape((windows.len(), score.statistics()), &statistics);
        rows.map(|rows| score.novelty(rows)).unwrap_or_default()
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
