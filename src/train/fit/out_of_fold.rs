//! The answers to held-out windows.

use std::collections::BTreeMap;

use super::member::{TrainedMember, confusion};
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::kernel::activation::softmax_rows;

/// The number of parts of the held-out recordings of a single network for cross-fitting.
const GROUPS: usize = 5;

/// The answers to held-out windows, in the order of the windows. A window is answered by the mean of the
/// logits of all networks that were not trained on its part of the recordings: the member of the model that
/// leaves the part out, and the [companions](super::companions) that do.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutOfFold {
    /// The windows' indices in the dataset, `[N]`.
    pub windows: Vec<usize>,
    /// The index of the member of the model that leaves out each window, which is that of the window's part,
    /// `[N]`.
    pub members: Vec<usize>,
    /// The number of networks that answered each window, members and companions, `[N]`.
    pub networks: Vec<usize>,
    /// Probabilities, row-major [N, K], calibrated as the exported model is.
    pub probabilities: Vec<f32>,
    /// The mean of the logits before calibration, row-major [N, K].
    pub(crate) logits: Vec<f32>,
}

impl OutOfFold {
    /// Collects the answers of the members and companions to the windows that these leave out, for K classes.
    pub(crate) fn new(members: &[TrainedMember], companions: &[TrainedMember], classes: usize) -> Self {
        let networks: Vec<&TrainedMember> = members.iter().chain(companions).collect();
        // For each window, the first network that leaves it out and the logits of all that do.
        let mut answers: BTreeMap<usize, (usize, Vec<&[f32]>)> = BTreeMap::new();
        for (index, network) in networks.into_iter().enumerate() {
            let rows = network.member.split.validation.iter().zip(network.logits.chunks_exact(classes));
            for (window, row) in rows {
                // A member comes before the companions that leave out the same window.
                answers.entry(*window).or_insert_with(|| (index, Vec::new())).1.push(row);
            }
        }
        let mut out_of_fold = Self::default();
        for (window, (member, rows)) in answers {
            let share = 1.0 / rows.len() as f32;
            let mut mean = vec![0.0; classes];
            for row in &rows {
                mean.iter_mut().zip(*row).for_each(|(sum, logit)| *sum += share * logit);
            }
            out_of_fold.windows.push(window);
            out_of_fold.members.push(member);
            out_of_fold.networks.push(rows.len());
            out_of_fold.logits.extend(mean);
        }
        out_of_fold.scale_temperature(1.0, classes);
        out_of_fold
    }

    /// Computes the probabilities of the logits divided by a temperature.
    pub(super) fn scale_temperature(&mut self, temperature: f64, classes: usize) {
        self.probabilities =
            self.logits.iter().map(|logit| (f64::from(*logit) / temperature) as f32).collect();
        softmax_rows(&mut self.probabilities, classes);
    }

    /// The actual labels of the windows, `[N]`.
    pub(crate) fn labels(&self, dataset: &Dataset) -> Vec<usize> {
        self.windows.iter().map(|window| dataset.labels[*window]).collect()
    }

    /// The smallest number of networks that answered a window; 0 without windows.
    pub(crate) fn networks(&self) -> usize {
        self.networks.iter().min().copied().unwrap_or(0)
    }

    /// The part of the recordings that each window is in for cross-fitting, `[N]`: the part that a member of the
    /// model leaves out, or, of a single network, one of up to [`GROUPS`] parts of its held-out recordings.
    pub(super) fn calibration_groups(&self, dataset: &Dataset, members: usize) -> Vec<usize> {
        if members > 1 {
            return self.members.clone();
        }
        let group = |window: &usize| dataset.recordings[dataset.recording_of_window[*window]].group.as_str();
        // The groups of recordings are dealt out label by label, so that each part has all labels if possible.
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for window in &self.windows {
            groups.entry(group(window)).or_insert(dataset.labels[*window]);
        }
        let mut order: Vec<(usize, &str)> = groups.into_iter().map(|(group, label)| (label, group)).collect();
        order.sort_unstable();
        let parts = order.iter().enumerate().map(|(index, (_, group))| (*group, index % GROUPS));
        let parts: BTreeMap<&str, usize> = parts.collect();
        self.windows.iter().map(|window| parts.get(group(window)).copied().unwrap_or(0)).collect()
    }

    /// Actual against predicted labels of the windows in the chosen parts.
    pub(super) fn confusion(&self, dataset: &Dataset, chosen: impl Fn(usize) -> bool) -> Confusion {
        let classes = dataset.card.labels.len();
        let rows = self.windows.iter().zip(&self.members).zip(self.probabilities.chunks_exact(classes));
        let rows: Vec<_> = rows.filter(|((_, member), _)| chosen(**member)).collect();
        let probabilities: Vec<f32> = rows.iter().flat_map(|(_, row)| *row).copied().collect();
        let labels = rows.iter().map(|((window, _), _)| dataset.labels[**window]);
        confusion(&dataset.card.labels, &probabilities, labels)
    }
}
