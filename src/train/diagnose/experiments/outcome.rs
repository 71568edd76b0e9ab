//! The figures of one experiment.

use std::collections::BTreeMap;

use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::statistics::loss_curve::roughness;
use crate::train::fit::epoch::Epoch;

/// The figures of one training run. Means are over the last tenth of the epochs.
#[derive(Clone, Debug)]
pub(crate) struct ExperimentOutcome {
    /// The figures of every epoch.
    pub history: Vec<Epoch>,
    /// Mean balanced accuracy on the held-out windows; 1 / labels if the run diverged.
    pub accuracy: f64,
    /// Mean recall of the label with the fewest windows; 0 if the run diverged.
    pub rarest_recall: f64,
    /// Mean loss of the held-out windows, in nats; ten times the loss of guessing if the run diverged.
    pub validation_loss: f64,
    /// Mean training loss, in nats; the loss of guessing if the run diverged.
    pub training_loss: f64,
    /// Roughness of the training loss, in nats per epoch.
    pub roughness: f64,
    /// Roughness of the validation loss, in nats per epoch.
    pub validation_roughness: f64,
    /// Whether the loss became infinite or NaN.
    pub diverged: bool,
    /// Balanced accuracy on the held-out windows after each epoch.
    pub accuracies: Vec<f64>,
    /// For each held-out recording, by index, how many of its windows were predicted correctly and how many there
    /// are, summed over the last tenth of the epochs.
    pub recordings: BTreeMap<usize, (u64, u64)>,
}

impl ExperimentOutcome {
    /// The outcome from the epochs and the confusion of the held-out windows over the last tenth of them.
    pub(crate) fn of(history: Vec<Epoch>, table: &Confusion, diverged: bool, dataset: &Dataset) -> Self {
        let classes = dataset.card.labels.len();
        let guess = 1.0 / classes as f64;
        let count = history.len().div_ceil(10);
        let last_tenth = &history[history.len() - count..];
        let mean = |of: &dyn Fn(&Epoch) -> Option<f64>| {
            let values: Vec<f64> = last_tenth.iter().filter_map(of).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let guess_loss = (classes as f64).ln();
        let or = |value: f64, other: f64| if diverged || !value.is_finite() { other } else { value };
        let counts = dataset.count(0..dataset.len());
        let rarest = counts.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(label, _)| label);
        let row = table.table().get(rarest).map(Vec::as_slice).unwrap_or_default();
        let recall = row.get(rarest).copied().unwrap_or(0) as f64 / row.iter().sum::<u64>().max(1) as f64;
        let curve = |of: &dyn Fn(&Epoch) -> Option<f64>| history.iter().filter_map(of).collect::<Vec<_>>();
        Self {
            accuracy: or(table.balanced_accuracy(), guess),
            rarest_recall: or(recall, 0.0),
            validation_loss: or(mean(&|epoch| epoch.validation_loss), 10.0 * guess_loss),
            training_loss: or(mean(&|epoch| Some(epoch.loss)), guess_loss),
            roughness: roughness(&curve(&|epoch| Some(epoch.loss))),
            validation_roughness: roughness(&curve(&|epoch| epoch.validation_loss)),
            diverged,
            accuracies: Vec::new(),
            recordings: BTreeMap::new(),
            history,
        }
    }
}

/// The mean of a figure over the seeds that were run; NaN if none was.
pub(crate) fn mean(outcomes: &[Option<ExperimentOutcome>], of: impl Fn(&ExperimentOutcome) -> f64) -> f64 {
    let values: Vec<f64> = outcomes.iter().flatten().map(of).collect();
    values.iter().sum::<f64>() / values.len() as f64
}
