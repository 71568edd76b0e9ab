//! The measurements that the rules of a verdict use.

use super::families::TestFamilies;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::inspection::Inspection;
use crate::train::diagnose::reference::spike::SpikeMeasurement;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::diagnose::statistics::loss_curve::median;
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// All measurements of one round of experiments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The settings of the unchanged run, with the epochs that the changes were tried with.
    pub options: &'a FitOptions,
    pub dataset: &'a Dataset,
    pub inspection: &'a Inspection,
    /// The outcomes of the unchanged run, seed by seed.
    pub control: &'a [Option<ExperimentOutcome>],
    /// Balanced accuracy of trees on the drives that each seed holds out; `None` for a seed without trees.
    pub trees: &'a [Option<f64>],
    /// The changes that were tried.
    pub trials: &'a [Trial],
    /// The number of windows held out divided by that of the windows trained on.
    pub overlap: f64,
    /// Whether the runs have fewer epochs than the settings ask for.
    pub shortened: bool,
    /// Whether they have less than a third of them, so that the network may be far from what it would become.
    pub unfinished: bool,
    /// The learning rate at which the loss of the range test falls fastest; `None` if there was no time for
    /// the test.
    pub steepest: Option<f64>,
    /// The figures of every epoch of the reference run.
    pub history: &'a [Epoch],
    /// The measurement around a spike of the reference run; `None` if there was no time.
    pub spike: Option<&'a SpikeMeasurement>,
    /// The tests of an earlier round.
    pub earlier_tests: &'a TestFamilies,
}

impl Evidence<'_> {
    /// The first trial whose change would fix this cause.
    pub(crate) fn trial(&self, cause: Cause) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.cause == Some(cause))
    }

    /// The trial of this change.
    pub(crate) fn trial_of(&self, change: &Change) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.change == *change)
    }

    /// The mean of a figure over the seeds of the unchanged run.
    pub(crate) fn control_mean(&self, of: impl Fn(&ExperimentOutcome) -> f64) -> f64 {
        mean(self.control, of)
    }

    /// Whether the unchanged runs have learned their windows.
    pub(super) fn has_learned(&self) -> bool {
        self.control_median(&second_half_median) < LEARNED
    }

    /// The median over the unchanged runs of a figure of their training losses.
    pub(super) fn control_median(&self, value: &dyn Fn(&[f64]) -> f64) -> f64 {
        let losses = self.control.iter().flatten();
        let losses = losses.map(|outcome| outcome.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>());
        median(losses.map(|losses| value(&losses)).collect())
    }

    /// By how much the trees are ahead of the network on the same drives.
    pub(crate) fn trees_ahead(&self) -> Option<Estimate> {
        let pairs = self.control.iter().zip(self.trees);
        let ahead = pairs.filter_map(|(network, trees)| Some(trees.as_ref()? - network.as_ref()?.accuracy));
        Estimate::of(&ahead.collect::<Vec<_>>(), self.overlap)
    }

    /// By how much balanced accuracy falls with half of the recordings.
    pub(crate) fn loss_by_half(&self) -> Option<Estimate> {
        let half = self.trial_of(&Change::RecordingShare { percent: 50 })?;
        Some(half.effect?.accuracy.negated())
    }

    /// By how much balanced accuracy falls from the epoch with the lowest validation loss to the last one. The
    /// epoch is that of the other seeds, because the drives that choose an epoch make it look too good. `None` if the
    /// validation loss does not climb.
    pub(crate) fn lost_by_climb(&self) -> Option<Estimate> {
        let outcomes: Vec<&ExperimentOutcome> = self.control.iter().flatten().collect();
        let climbs = outcomes.iter().filter(|outcome| climb(outcome) >= CLIMB).count();
        if 2 * climbs <= outcomes.len() {
            return None;
        }
        let lost: Vec<f64> = (0..outcomes.len())
            .filter_map(|seed| {
                let mut others: Vec<usize> =
                    outcomes.iter().enumerate().filter(|(o, _)| *o != seed).map(|(_, o)| lowest(o)).collect();
                others.sort_unstable();
                let epoch = *others.get(others.len() / 2)?;
                let accuracies = &outcomes[seed].accuracies;
                // As many epochs are averaged as for the accuracy at the end.
                let around = accuracies.len().div_ceil(10);
                let first = epoch.saturating_sub(around / 2).min(accuracies.len().saturating_sub(around));
                let at = accuracies.get(first..first + around)?;
                Some(at.iter().sum::<f64>() / at.len() as f64 - outcomes[seed].accuracy)
            })
            .collect();
        Estimate::of(&lost, self.overlap)
    }
}

/// A training loss, in nats, below which a network has learned its windows.
const LEARNED: f64 = 0.1;

/// Whether a run with these training losses has learned its windows.
pub(super) fn is_learned(losses: &[f64]) -> bool {
    second_half_median(losses) < LEARNED
}

/// The median loss of the second half of the epochs.
fn second_half_median(losses: &[f64]) -> f64 {
    median(losses[losses.len() / 2..].to_vec())
}

/// The validation loss climbs if it ends above its minimum by at least this factor, as a natural logarithm.
const CLIMB: f64 = 0.22;

/// By which factor the validation loss ends above its minimum, as a natural logarithm.
fn climb(outcome: &ExperimentOutcome) -> f64 {
    let losses = smoothed(outcome);
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let rise = ((outcome.validation_loss + 1e-3) / (least + 1e-3)).ln();
    if rise.is_finite() { rise } else { 0.0 }
}

/// The index of the epoch with the lowest validation loss.
fn lowest(outcome: &ExperimentOutcome) -> usize {
    let losses = smoothed(outcome);
    let epochs = losses.iter().enumerate().min_by(|one, other| one.1.total_cmp(other.1));
    epochs.map_or(0, |(epoch, _)| epoch)
}

/// The validation loss of each epoch as a mean over a tenth of the epochs around it.
fn smoothed(outcome: &ExperimentOutcome) -> Vec<f64> {
    let losses: Vec<f64> = outcome.history.iter().filter_map(|epoch| epoch.validation_loss).collect();
    let reach = losses.len().div_ceil(20);
    let around = |epoch: usize| {
        let part = &losses[epoch.saturating_sub(reach)..(epoch + reach + 1).min(losses.len())];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..losses.len()).map(around).collect()
}
