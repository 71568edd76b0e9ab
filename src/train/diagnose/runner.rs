//! Experiments: trainings with one thing changed, over several seeds, as many at once as there are cores.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::curve::roughness;
use super::estimate::Estimate;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::fit::member::confusion;
use crate::train::fit::trainer::Trainer;
use crate::train::kernel::activation::softmax_rows;
use crate::train::options::FitOptions;

/// Where experiments are run.
#[derive(Clone, Copy)]
pub(crate) struct ExperimentRunner<'a> {
    /// How many at once.
    pub workers: usize,
    /// When the last of them has to end.
    pub deadline: Instant,
    /// Once it is set, they end.
    pub stop: &'a AtomicBool,
    /// Told how many experiments have ended.
    pub ended: &'a (dyn Fn() + Sync),
}

/// A training to be tried.
#[derive(Clone, Debug)]
pub(crate) struct Experiment<'a> {
    /// Its settings, complete.
    pub options: FitOptions,
    /// Its windows.
    pub dataset: &'a Dataset,
    /// Windows that are not trained on.
    pub untrained: BTreeSet<usize>,
    /// Windows that are not scored.
    pub unscored: BTreeSet<usize>,
    /// The share of the recordings of the training side that are trained on.
    pub share: f64,
}

/// What came of a training.
#[derive(Clone, Debug)]
pub(crate) struct ExperimentOutcome {
    /// Every epoch.
    pub history: Vec<Epoch>,
    /// Balanced accuracy on the windows held out, a mean over the last tenth of the epochs; 1 / labels where training fell apart.
    pub accuracy: f64,
    /// The same of the rarest label alone.
    pub rarest: f64,
    /// The mean loss of the windows held out, over the same epochs.
    pub loss: f64,
    /// The mean training loss over the same epochs.
    pub training_loss: f64,
    /// The roughness of the training loss.
    pub roughness: f64,
    /// The roughness of the validation loss.
    pub validation_roughness: f64,
    /// Whether the loss became no number.
    pub diverged: bool,
}

impl<'a> Experiment<'a> {
    /// With these settings on these windows, and nothing left out.
    pub(crate) fn new(options: FitOptions, dataset: &'a Dataset) -> Self {
        Self { options, dataset, untrained: BTreeSet::new(), unscored: BTreeSet::new(), share: 1.0 }
    }

    /// The split of a seed.
    pub(crate) fn split(&self, seed: u64) -> Split {
        let mut split = Split::for_one(self.dataset, self.options.validation(), seed);
        split.training.retain(|window| !self.untrained.contains(window));
        split.validation.retain(|window| !self.unscored.contains(window));
        if self.share < 1.0 {
            let share = 1.0 - self.share;
            split.training = Split::part(self.dataset, &split.training, share, seed);
        }
        split
    }
}

/// Seeds that changes are tried over: as many as there is time for.
pub(super) const SEEDS: [usize; 2] = [5, 3];

/// One of two kinds of work.
enum Either<A, B> {
    One(A),
    Other(B),
}

impl ExperimentRunner<'_> {
    /// Whether it is time to end.
    pub(crate) fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// The time left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Does some work on every core, each on a thread of its own; `None` for what there was no time for.
    pub(crate) fn each<T: Send>(
        &self,
        count: usize,
        work: impl Fn(usize) -> Option<T> + Sync,
    ) -> Result<Vec<Option<T>>, FitError> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
        let pools: Vec<_> = (0..self.workers.max(1)).map(|_| pool(1)).collect::<Result<_, _>>()?;
        std::thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| {
                    pool.install(|| {
                        loop {
                            let index = next.fetch_add(1, Ordering::Relaxed);
                            if index >= count || self.over() {
                                break;
                            }
                            let result = work(index);
                            (self.ended)();
                            if let Ok(mut results) = results.lock() {
                                results[index] = result;
                            }
                        }
                    });
                });
            }
        });
        Ok(results.into_inner().unwrap_or_default())
    }

    /// Does two pieces of work of different kinds; `None` for what there was no time for.
    ///
    /// # Errors
    /// [`FitError::Threads`].
    pub(super) fn both<A: Send, B: Send>(
        &self,
        one: impl Fn() -> A + Sync,
        other: impl Fn() -> B + Sync,
    ) -> Result<(Option<A>, Option<B>), FitError> {
        let (mut results, each) =
            ((None, None), |job| Some(if job == 0 { Either::One(one()) } else { Either::Other(other()) }));
        for result in self.each(2, each)?.into_iter().flatten() {
            match result {
                Either::One(result) => results.0 = Some(result),
                Either::Other(result) => results.1 = Some(result),
            }
        }
        Ok(results)
    }

    /// Runs each experiment over the seeds 0, 1, …: a row an experiment, with `None` for what there was no time for.
    ///
    /// # Errors
    /// [`FitError::Threads`].
    pub(crate) fn run(
        &self,
        experiments: &[Experiment<'_>],
        seeds: usize,
    ) -> Result<Vec<Vec<Option<ExperimentOutcome>>>, FitError> {
        // Seed by seed, so that what is cut short by the deadline is the last seeds and not the last experiments.
        let count = experiments.len();
        let flat =
            self.each(count * seeds, |index| self.one(&experiments[index % count], (index / count) as u64))?;
        let mut rows: Vec<Vec<Option<ExperimentOutcome>>> = vec![Vec::new(); count];
        flat.into_iter().enumerate().for_each(|(index, outcome)| rows[index % count].push(outcome));
        Ok(rows)
    }

    /// One training of one experiment; `None` where it was cut short.
    pub(crate) fn one(&self, experiment: &Experiment<'_>, seed: u64) -> Option<ExperimentOutcome> {
        let split = experiment.split(seed);
        let dataset = experiment.dataset;
        let classes = dataset.card.labels.len();
        if split.training.len() < classes {
            return None;
        }
        let options =
            FitOptions { seed: experiment.options.seed.wrapping_add(seed), ..experiment.options.clone() };
        let quiet = |_: usize, _: &Epoch| {};
        let training = TrainingContext { options: &options, dataset, stop: self.stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, split, 0);
        let epochs = options.epochs();
        let last = epochs - epochs.div_ceil(10);
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
            if trainer.epochs() > last {
                table.merge(&answers(&trainer, dataset));
            }
            if self.over() {
                return None;
            }
        }
        Some(ExperimentOutcome::of(history, &table, diverged, dataset))
    }
}

fn answers(trainer: &Trainer<'_>, dataset: &Dataset) -> Confusion {
    let mut probabilities = trainer.held().to_vec();
    softmax_rows(&mut probabilities, dataset.card.labels.len());
    let truth = trainer.split().validation.iter().map(|window| dataset.labels[*window]);
    confusion(&dataset.card.labels, &probabilities, truth)
}

impl ExperimentOutcome {
    fn of(history: Vec<Epoch>, table: &Confusion, diverged: bool, dataset: &Dataset) -> Self {
        let classes = dataset.card.labels.len();
        let guess = 1.0 / classes as f64;
        let count = history.len().div_ceil(10);
        let settled = &history[history.len() - count..];
        let mean = |of: &dyn Fn(&Epoch) -> Option<f64>| {
            let values: Vec<f64> = settled.iter().filter_map(of).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let worst = (classes as f64).ln();
        let or = |value: f64, other: f64| if diverged || !value.is_finite() { other } else { value };
        let counts = dataset.count(0..dataset.len());
        let rarest = counts.iter().enumerate().min_by_key(|(_, count)| **count).map_or(0, |(label, _)| label);
        let row = table.table().get(rarest).map(Vec::as_slice).unwrap_or_default();
        let recall = row.get(rarest).copied().unwrap_or(0) as f64 / row.iter().sum::<u64>().max(1) as f64;
        let curve = |of: &dyn Fn(&Epoch) -> Option<f64>| history.iter().filter_map(of).collect::<Vec<_>>();
        Self {
            accuracy: or(table.balanced_accuracy(), guess),
            rarest: or(recall, 0.0),
            loss: or(mean(&|epoch| epoch.validation_loss), 10.0 * worst),
            training_loss: or(mean(&|epoch| Some(epoch.loss)), worst),
            roughness: roughness(&curve(&|epoch| Some(epoch.loss))),
            validation_roughness: roughness(&curve(&|epoch| epoch.validation_loss)),
            diverged,
            history,
        }
    }
}

/// By what factor a loss or a roughness fell, as a natural logarithm. What is as small as a thousandth does not matter.
pub(super) fn fall(before: f64, after: f64) -> f64 {
    ((before + 1e-3) / (after + 1e-3)).ln()
}

/// What a change did, seed by seed against the same seeds without it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Effect {
    /// By how much balanced accuracy on held-out recordings rose, as a share.
    pub accuracy: Estimate,
    /// By how much that of the rarest label rose.
    pub rarest: Estimate,
    /// By what factor the validation loss fell, as a natural logarithm.
    pub loss: Estimate,
    /// By what factor the roughness of the training loss fell, as a natural logarithm.
    pub roughness: Estimate,
}

impl Effect {
    /// Of a change; `None` where fewer than two seeds were run with and without it.
    pub(crate) fn of(
        before: &[Option<ExperimentOutcome>],
        after: &[Option<ExperimentOutcome>],
    ) -> Option<Self> {
        let pairs: Vec<(&ExperimentOutcome, &ExperimentOutcome)> =
            before.iter().zip(after).filter_map(|(b, a)| Some((b.as_ref()?, a.as_ref()?))).collect();
        let estimate = |of: &dyn Fn(&ExperimentOutcome, &ExperimentOutcome) -> f64| {
            Estimate::of(&pairs.iter().map(|(before, after)| of(before, after)).collect::<Vec<_>>())
        };
        Some(Self {
            accuracy: estimate(&|before, after| after.accuracy - before.accuracy)?,
            rarest: estimate(&|before, after| after.rarest - before.rarest)?,
            loss: estimate(&|before, after| fall(before.loss, after.loss))?,
            roughness: estimate(&|before, after| fall(before.roughness, after.roughness))?,
        })
    }
}
