//! The training loop of one network.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_pcg::Pcg64;

use super::augment::Augment;
use super::dataset::Dataset;
use super::input::Input;
use super::loss::{Loss, cost, most_probable};
use super::network::{Example, Network, Regularisation, Step, Workspace};
use super::optimizer::{Optimizer, clip_norm};
use super::options::{BadOption, Balance, FitOptions};
use super::schedule::LearningRate;
use super::split::Split;
use super::streams;
use crate::score::Confusion;

/// One epoch's figures. Losses are weighted by class; those of validation are `None` where nothing is held out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of the training windows, while they were trained on.
    pub loss: f64,
    /// Share of the training windows told right, while they were trained on.
    pub accuracy: f64,
    /// Mean loss of the validation windows.
    pub validation_loss: Option<f64>,
    /// Share of the validation windows told right.
    pub validation_accuracy: Option<f64>,
    /// The learning rate of the epoch's first step.
    pub learning_rate: f32,
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The network, with the weights of its best epoch, or of its last.
    pub network: Network,
    /// Which windows were held out.
    pub split: Split,
    /// Every epoch's figures.
    pub history: Vec<Epoch>,
    /// The epoch that the weights are of, counted from 1.
    pub best: usize,
    /// Logits of the windows held out, row-major [N, K].
    pub logits: Vec<f32>,
}

/// Why training stopped without a network.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// An option out of its bounds.
    #[error(transparent)]
    Option(#[from] BadOption),
    /// Fewer windows than labels.
    #[error("there are {windows} windows to train on and {labels} labels; lower --hop, or record more")]
    TooFew {
        /// Windows.
        windows: usize,
        /// Labels.
        labels: usize,
    },
    /// The loss is no number any more.
    #[error(
        "the loss is {loss} in epoch {epoch} at the learning rate {learning_rate}; set a smaller --learning-rate"
    )]
    Diverged {
        /// The epoch.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// The learning rate.
        learning_rate: f64,
    },
    /// Ended before there was a network.
    #[error("training was interrupted before any network was trained; nothing was written")]
    Interrupted,
    /// The system gives no threads.
    #[error("{threads} threads cannot be started: {why}; set a smaller --threads")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        why: String,
    },
}

/// What several networks are trained with.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// Every setting, with those that follow from the recordings filled in; see [`FitOptions::resolved`].
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// Once it is set, training ends at the next batch.
    pub stop: &'a AtomicBool,
    /// Told each epoch, with the network's number.
    pub progress: &'a (dyn Fn(usize, &Epoch) + Sync),
}

impl Training<'_> {
    /// Trains a network; `member` is its number among several, from 0.
    ///
    /// # Errors
    /// [`FitError`]: too few windows, or a loss that is no number.
    pub fn fit(&self, split: Split, member: usize) -> Result<Fitted, FitError> {
        let labels = self.dataset.card.labels.len();
        if split.training.len() < labels {
            return Err(FitError::TooFew { windows: split.training.len(), labels });
        }
        Fit::new(self, split, member).run()
    }
}

/// Starts a pool of so many threads, 0 for one a core.
///
/// # Errors
/// [`FitError::Threads`].
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, FitError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|why| FitError::Threads { threads, why: why.to_string() })
}

struct Fit<'a> {
    training: &'a Training<'a>,
    options: &'a FitOptions,
    dataset: &'a Dataset,
    member: usize,
    split: Split,
    network: Network,
    optimizer: Optimizer,
    learning_rate: LearningRate,
    regularisation: Regularisation,
    augment: Option<Augment>,
    /// One weight a class: in inverse proportion to its windows, with a mean of 1 over the windows.
    weights: Vec<f32>,
    workspace: Workspace,
}

impl<'a> Fit<'a> {
    fn new(training: &'a Training<'a>, split: Split, member: usize) -> Self {
        let Training { options, dataset, .. } = *training;
        let architecture = options.architecture(dataset);
        let windows = || split.training.iter().map(|index| dataset.window(*index));
        let input = Input::measure(&architecture, windows());
        let own = options.seed(member);
        let network = Network::new(architecture.clone(), input, &mut Pcg64::new(own, streams::WEIGHTS));
        let counts = dataset.count(split.training.iter().copied());
        let present = counts.iter().filter(|count| **count > 0).count();
        let weight = |count: usize| match options.balance {
            Balance::Weights => split.training.len() as f32 / (present * count.max(1)) as f32,
            Balance::Sampling | Balance::None => 1.0,
        };
        Self {
            training,
            options,
            dataset,
            member,
            optimizer: Optimizer::new(options.optimizer(), network.parameters().len()),
            learning_rate: options.learning_rate(),
            regularisation: options.regularisation(),
            augment: options.augment(dataset, &architecture, windows()),
            weights: counts.iter().map(|count| weight(*count)).collect(),
            workspace: Workspace::default(),
            network,
            split,
        }
    }

    fn run(mut self) -> Result<Fitted, FitError> {
        let held: Vec<&[f32]> =
            self.split.validation.iter().map(|index| self.dataset.window(*index)).collect();
        let mut rng = Pcg64::new(self.options.seed(self.member), streams::ORDER);
        let (mut history, mut best, mut lowest) = (Vec::new(), 0, f64::INFINITY);
        let mut kept = (self.network.clone(), Vec::new());
        for epoch in 1..=self.options.epochs() {
            let learning_rate = self.learning_rate.at((epoch - 1) as f64);
            let Some(training) = self.epoch(epoch, &mut rng)? else { break };
            let logits = self.network.logits(&held);
            let validation = self.validation(&logits);
            if let Some(loss) = validation.filter(|loss| !loss.sum.is_finite()) {
                return Err(self.diverged(epoch, loss));
            }
            let figures = Epoch {
                epoch,
                loss: training.mean(),
                accuracy: training.accuracy(),
                validation_loss: validation.map(|loss| loss.mean()),
                validation_accuracy: validation.map(|loss| loss.accuracy()),
                learning_rate,
            };
            (self.training.progress)(self.member, &figures);
            history.push(figures);
            self.learning_rate.epoch_ended(figures.validation_loss.unwrap_or(figures.loss));
            // Without patience the last weights are those that the schedule led to, and the validation chooses nothing.
            let loss = figures.validation_loss.filter(|_| self.options.patience > 0);
            if loss.is_none_or(|loss| loss < lowest) {
                (lowest, best) = (loss.unwrap_or(lowest), epoch);
                kept = (self.network.clone(), logits);
            } else if epoch - best >= self.options.patience {
                break;
            }
        }
        // Stopped within the first epoch: what there is.
        let (network, logits) =
            if best == 0 { (self.network.clone(), self.network.logits(&held)) } else { kept };
        Ok(Fitted { network, split: self.split, history, best, logits })
    }

    fn diverged(&self, epoch: usize, loss: Loss) -> FitError {
        FitError::Diverged { epoch, loss: loss.mean(), learning_rate: self.options.learning_rate }
    }

    /// `None` where training was stopped before the epoch's end.
    fn epoch(&mut self, epoch: usize, rng: &mut Pcg64) -> Result<Option<Loss>, FitError> {
        let order = self.order(rng);
        let batches = order.len().div_ceil(self.options.batch_size);
        let mut total = Loss::default();
        for (index, batch) in order.chunks(self.options.batch_size).enumerate() {
            if self.training.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let examples: Vec<_> = batch.iter().map(|index| self.example(*index, rng)).collect();
            let passed = (epoch - 1) as f64 + index as f64 / batches as f64;
            let step = Step {
                weights: &self.weights,
                regularisation: self.regularisation,
                augment: self.augment.as_ref(),
                seed: self.options.seed(self.member) << 64 | (epoch as u128) << 32 | index as u128,
            };
            let loss = self.network.backward(&examples, step, &mut self.workspace);
            if !loss.sum.is_finite() {
                return Err(self.diverged(epoch, loss));
            }
            if self.options.clip > 0.0 {
                clip_norm(self.workspace.gradients_mut(), self.options.clip as f32);
            }
            let rate = self.learning_rate.at(passed);
            self.optimizer.step(rate, self.network.parameters_mut(), self.workspace.gradients());
            total.add(loss);
        }
        Ok(Some(total))
    }

    /// The windows of an epoch, in the order that they are trained on.
    fn order(&self, rng: &mut Pcg64) -> Vec<usize> {
        let mut order = self.split.training.clone();
        order.shuffle(rng);
        if self.options.balance != Balance::Sampling {
            return order;
        }
        let classes = self.dataset.card.labels.len();
        let mut by_label = vec![Vec::new(); classes];
        order.iter().for_each(|index| by_label[self.dataset.labels[*index]].push(*index));
        by_label.retain(|windows| !windows.is_empty());
        let each = order.len().div_ceil(by_label.len().max(1));
        let mut drawn: Vec<usize> =
            by_label.iter().flat_map(|windows| windows.iter().cycle().take(each)).copied().collect();
        drawn.shuffle(rng);
        drawn
    }

    fn example(&self, index: usize, rng: &mut impl Rng) -> Example<'a> {
        let place = self.dataset.places[index];
        let window = if self.options.shift && place.earlier + place.later > 0 {
            let by = rng.random_range(0..=place.earlier + place.later) as isize - place.earlier as isize;
            self.dataset.shifted(index, by)
        } else {
            self.dataset.window(index)
        };
        Example { window, label: self.dataset.labels[index] }
    }

    fn validation(&self, logits: &[f32]) -> Option<Loss> {
        let classes = self.weights.len();
        let mut probabilities = logits.to_vec();
        super::activation::softmax_rows(&mut probabilities, classes);
        let labels = self.split.validation.iter().map(|index| self.dataset.labels[*index]);
        let mut loss = Loss::default();
        for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
            let sum = cost(row[label], self.weights[label]);
            loss.add(Loss { sum, correct: usize::from(most_probable(row) == label), windows: 1 });
        }
        (loss.windows > 0).then_some(loss)
    }
}

/// Counts probabilities, row-major [N, K], against their windows' labels.
pub fn confusion(labels: &[String], probabilities: &[f32], truth: impl Iterator<Item = usize>) -> Confusion {
    let mut confusion = Confusion::new(labels);
    for (row, truth) in probabilities.chunks_exact(labels.len().max(1)).zip(truth) {
        confusion.add(truth, Some(most_probable(row)));
    }
    confusion
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::cross_validation::Trained;
    use crate::train::optimizer::OptimizerKind;
    use crate::train::schedule::Schedule;
    use crate::train::tests::waves;

    fn quick() -> FitOptions {
        FitOptions {
            schedule: Schedule::Constant,
            optimizer: OptimizerKind::RmsProp,
            hidden: Some(12),
            epochs: Some(12),
            learning_rate: 1e-2,
            dropout: 0.1,
            folds: Some(0),
            patience: 10,
            ..FitOptions::default()
        }
    }

    fn run(options: &FitOptions, dataset: &Dataset) -> Result<Trained, FitError> {
        let options = options.resolved(dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        Training { options: &options, dataset, stop: &stop, progress: &progress }.run()
    }

    #[test]
    fn waves_of_different_frequency_are_told_apart() {
        let dataset = waves(3, 5, 8);
        let trained = run(&quick(), &dataset).unwrap();
        assert!(trained.windows(&dataset).accuracy() > 0.9, "{}", trained.windows(&dataset));
        let member = &trained.members[0];
        let best = member.history[member.best - 1].validation_loss.unwrap();
        assert!(member.history.iter().all(|epoch| epoch.validation_loss.unwrap() >= best));
        assert!(trained.chosen_on_validation());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads() {
        let dataset = waves(3, 5, 8);
        let every = FitOptions {
            folds: Some(2),
            epochs: Some(2),
            layers: 2,
            batch_norm: true,
            dense: 4,
            jitter: 0.1,
            recurrent_dropout: 0.2,
            balance: Balance::Sampling,
            ..quick()
        };
        for options in [FitOptions { epochs: Some(3), ..quick() }, every] {
            let run = |threads, seed| {
                let trained = run(&FitOptions { threads, seed, ..options.clone() }, &dataset).unwrap();
                let parameters = trained.ensemble.members().iter().flat_map(|network| network.parameters());
                parameters.map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            let one = run(1, 3);
            assert_eq!(one, run(3, 3));
            assert_ne!(one, run(1, 4));
        }
    }

    #[test]
    fn every_optimizer_and_schedule_learns() {
        let dataset = waves(2, 5, 8);
        let optimizers =
            [OptimizerKind::Sgd, OptimizerKind::RmsProp, OptimizerKind::Adam, OptimizerKind::AdamW];
        let schedules = [Schedule::Constant, Schedule::Cosine, Schedule::Plateau];
        for (index, optimizer) in optimizers.into_iter().enumerate() {
            let momentum = if optimizer == OptimizerKind::Sgd { 0.9 } else { 0.0 };
            let (schedule, warmup) = (schedules[index % 3], 1.0);
            let options = FitOptions { optimizer, momentum, schedule, warmup, epochs: Some(15), ..quick() };
            let history = &run(&options, &dataset).unwrap().members[0].history;
            assert!(history[history.len() - 1].loss < 0.7 * history[0].loss, "{optimizer:?} {schedule:?}");
        }
    }

    #[test]
    fn each_fold_is_scored_by_the_network_that_has_not_seen_it() {
        let dataset = waves(3, 5, 8);
        let options = FitOptions { folds: Some(5), patience: 0, ..quick() };
        let trained = run(&options, &dataset).unwrap();
        assert_eq!((trained.members.len(), trained.scores(&dataset).len()), (5, 5));
        assert_eq!(trained.held.windows, (0..dataset.len()).collect::<Vec<_>>());
        for (window, member) in trained.held.windows.iter().zip(&trained.held.members) {
            assert!(trained.members[*member].split.validation.contains(window));
            assert!(!trained.members[*member].split.training.contains(window));
        }
        let calibration = trained.calibration.unwrap();
        assert!(calibration.temperature > 0.0 && trained.windows(&dataset).accuracy() > 0.9);
        assert_eq!(trained.decisions(&dataset).total(), dataset.len() as u64);
    }

    #[test]
    fn a_stop_ends_training_at_the_next_batch_with_what_there_is() {
        let dataset = waves(2, 5, 8);
        let stop = AtomicBool::new(false);
        let progress = |_: usize, epoch: &Epoch| stop.store(epoch.epoch == 2, Ordering::Relaxed);
        let options = FitOptions { folds: Some(3), patience: 0, ..quick() }.resolved(&dataset);
        let training = Training { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        let trained = training.run().unwrap();
        assert_eq!((trained.members.len(), trained.members[0].history.len()), (1, 2));
    }

    #[test]
    fn training_stops_when_validation_no_longer_improves() {
        let mut dataset = waves(2, 5, 6);
        // The held-out recordings say the opposite of the others, so that learning only makes validation worse.
        let split = Split::new(&dataset, 0.2, 0);
        split.validation.iter().for_each(|index| dataset.labels[*index] = 1 - dataset.labels[*index]);
        let trained = run(&FitOptions { patience: 2, epochs: Some(50), ..quick() }, &dataset).unwrap();
        let member = &trained.members[0];
        assert_eq!(member.history.len(), member.best + 2);
    }

    #[test]
    fn a_loss_that_is_no_number_stops_training_with_the_mend() {
        let mut dataset = waves(2, 3, 4);
        dataset.steps[3] = f32::NAN;
        let options = FitOptions { validation: Some(0.0), folds: None, ..quick() };
        let error = run(&options, &dataset).unwrap_err().to_string();
        assert!(error.contains("the loss is NaN in epoch 1") && error.contains("--learning-rate"), "{error}");
    }
}
