//! One training run as an experiment: its settings and windows, and how it is run.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::ExperimentOutcome;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::context::TrainingContext;
use crate::train::fit::epoch::Epoch;
use crate::train::fit::trainer::Trainer;
use crate::train::network::loss::most_probable;
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
    /// The recordings that are held out with every seed, by index; `None` if each seed holds out others.
    pub held_out: Option<&'a BTreeSet<usize>>,
    /// How long one window takes in one epoch, in seconds.
    pub window_time: f64,
}

/// What the runs over the last epochs predicted.
struct Scored {
    table: Confusion,
    /// For each recording, how many of its windows were predicted correctly, and how many there are.
    recordings: BTreeMap<usize, (u64, u64)>,
}

impl<'a> Experiment<'a> {
    /// A run with these settings on all of these windows.
    pub(crate) fn new(options: FitOptions, dataset: &'a Dataset, window_time: f64) -> Self {
        let (untrained, unscored) = (BTreeSet::new(), BTreeSet::new());
        Self { options, dataset, untrained, unscored, share: 1.0, held_out: None, window_time }
    }

    /// The split into training and validation windows for a seed.
    pub(crate) fn split(&self, seed: u64) -> Split {
        let mut split = match self.held_out {
            None => Split::for_one(self.dataset, self.options.validation(), seed),
            Some(recordings) => {
                let held_out =
                    |window: &usize| recordings.contains(&self.dataset.recording_of_window[*window]);
                let (validation, training) = (0..self.dataset.len()).partition(held_out);
                Split { training, validation, warnings: Vec::new() }
            }
        };
        split.training.retain(|window| !self.untrained.contains(window));
        split.validation.retain(|window| !self.unscored.contains(window));
        if self.share < 1.0 {
            let without = 1.0 - self.share;
            split.training = Split::subset(self.dataset, &split.training, without, seed);
        }
        split
    }

    /// How long the run takes on one thread, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        let training = self.dataset.len() as f64 * (1.0 - self.options.validation()) * self.share;
        self.window_time * training * self.options.epochs() as f64
    }

    /// The same run with another number of epochs.
    pub(crate) fn with_epochs(&self, epochs: usize) -> Self {
        Self { options: FitOptions { epochs: Some(epochs.max(2)), ..self.options.clone() }, ..self.clone() }
    }

    /// Trains with this seed. The result is `None` if there are fewer training windows than labels, or if the
    /// deadline of `pool` or an interrupt came before the end.
    pub(crate) fn run(&self, seed: u64, pool: &WorkerPool<'_>) -> Option<ExperimentOutcome> {
        let split = self.split(seed);
        let dataset = self.dataset;
        if split.training.len() < dataset.card.labels.len() {
            return None;
        }
        let options = FitOptions { seed: self.options.seed.wrapping_add(seed), ..self.options.clone() };
        let quiet = |_: usize, _: &Epoch| {};
        let training = TrainingContext { options: &options, dataset, stop: pool.stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, split, 0);
        let epochs = options.epochs();
        // Accuracy is a mean over the last tenth of the epochs.
        let unscored_epochs = epochs - epochs.div_ceil(10);
        let mut last = Scored::new(dataset);
        let (mut history, mut accuracies, mut diverged) = (Vec::new(), Vec::new(), false);
        while trainer.epochs() < epochs {
            match trainer.epoch() {
                Ok(Some(epoch)) => history.push(epoch),
                Ok(None) => return None,
                Err(_) => {
                    diverged = true;
                    break;
                }
            }
            let mut scored = Scored::new(dataset);
            scored.add(&trainer, dataset);
            accuracies.push(scored.table.balanced_accuracy());
            if trainer.epochs() > unscored_epochs {
                last.merge(scored);
            }
            if pool.expired() {
                return None;
            }
        }
        let outcome = ExperimentOutcome::of(history, &last.table, diverged, dataset);
        Some(ExperimentOutcome { accuracies, recordings: last.recordings, ..outcome })
    }
}

impl Scored {
    fn new(dataset: &Dataset) -> Self {
        Self { table: Confusion::new(&dataset.card.labels), recordings: BTreeMap::new() }
    }

    /// Adds the predictions of the validation windows after the last epoch.
    fn add(&mut self, trainer: &Trainer<'_>, dataset: &Dataset) {
        // The largest logit is that of the largest probability.
        let rows = trainer.held_out_logits().chunks_exact(dataset.card.labels.len());
        for (window, row) in trainer.split().validation.iter().zip(rows) {
            let (truth, predicted) = (dataset.labels[*window], most_probable(row));
            self.table.add(truth, Some(predicted));
            let counts = self.recordings.entry(dataset.recording_of_window[*window]).or_default();
            counts.0 += u64::from(truth == predicted);
            counts.1 += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.table.merge(&other.table);
        for (recording, (correct, windows)) in other.recordings {
            let counts = self.recordings.entry(recording).or_default();
            *counts = (counts.0 + correct, counts.1 + windows);
        }
    }
}
