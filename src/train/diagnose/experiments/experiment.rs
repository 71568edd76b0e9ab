//! One training run as an experiment: its settings and windows, and how it is run.

use std::collections::BTreeSet;

use super::outcome::ExperimentOutcome;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::context::TrainingContext;
use crate::train::fit::epoch::Epoch;
use crate::train::fit::member::confusion;
use crate::train::fit::trainer::Trainer;
use crate::train::kernel::activation::softmax_rows;
use crate::train::options::FitOptions;

/// A training run that is planned.
#[derive(Clone, Debug)]
pub(crate) struct Experiment<'a> {
    /// The settings, with every setting filled in.
    pub options: FitOptions,
    pub dataset: &'a Dataset,
    /// Windows that are dropped from training, by index.
    pub untrained: BTreeSet<usize>,
    /// Windows that are dropped from scoring, by index.
    pub unscored: BTreeSet<usize>,
    /// The share of the training recordings that are trained on.
    pub share: f64,
}

impl<'a> Experiment<'a> {
    /// A run with these settings on all of these windows.
    pub(crate) fn new(options: FitOptions, dataset: &'a Dataset) -> Self {
        Self { options, dataset, untrained: BTreeSet::new(), unscored: BTreeSet::new(), share: 1.0 }
    }

    /// The split into training and validation windows for a seed.
    pub(crate) fn split(&self, seed: u64) -> Split {
        let mut split = Split::for_one(self.dataset, self.options.validation(), seed);
        split.training.retain(|window| !self.untrained.contains(window));
        split.validation.retain(|window| !self.unscored.contains(window));
        if self.share < 1.0 {
            let without = 1.0 - self.share;
            split.training = Split::subset(self.dataset, &split.training, without, seed);
        }
        split
    }

    /// Trains with this seed. The result is `None` if there are fewer training windows than labels, or if the
    /// deadline of `pool` or an interrupt came before the end.
    pub(crate) fn run(&self, seed: u64, pool: &WorkerPool<'_>) -> Option<ExperimentOutcome> {
        let split = self.split(seed);
        let dataset = self.dataset;
        let classes = dataset.card.labels.len();
        if split.training.len() < classes {
            return None;
        }
        let options = FitOptions { seed: self.options.seed.wrapping_add(seed), ..self.options.clone() };
        let quiet = |_: usize, _: &Epoch| {};
        let training = TrainingContext { options: &options, dataset, stop: pool.stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, split, 0);
        let epochs = options.epochs();
        // Accuracy is a mean over the last tenth of the epochs.
        let unscored_epochs = epochs - epochs.div_ceil(10);
        let (mut history, mut table, mut diverged) =
            (Vec::new(), Confusion::new(&dataset.card.labels), false);
        while trainer.epochs() < epochs {
            match trainer.epoch() {
                Ok(Some(epoch)) => history.push(epoch),
                Ok(None) => return None,
                Err(_) => {
                    diverged = true;
                    break;
                }
            }
            if trainer.epochs() > unscored_epochs {
                table.merge(&validation_confusion(&trainer, dataset));
            }
            if pool.expired() {
                return None;
            }
        }
        Some(ExperimentOutcome::of(history, &table, diverged, dataset))
    }
}

/// The confusion of the validation windows after the last epoch.
fn validation_confusion(trainer: &Trainer<'_>, dataset: &Dataset) -> Confusion {
    let mut probabilities = trainer.held_out_logits().to_vec();
    softmax_rows(&mut probabilities, dataset.card.labels.len());
    let truth = trainer.split().validation.iter().map(|window| dataset.labels[*window]);
    confusion(&dataset.card.labels, &probabilities, truth)
}
