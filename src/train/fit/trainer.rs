//! A network in training, epoch by epoch.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::context::TrainingContext;
use super::epoch::{Epoch, FitError};
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::augment::Augmentation;
use crate::train::network::batch::{Example, Regularisation, TrainingStep};
use crate::train::network::loss::{Loss, cost, most_probable};
use crate::train::network::preprocessing::Preprocessing;
use crate::train::network::{Network, Workspace};
use crate::train::optimize::optimizer::{Optimizer, clip_norm};
use crate::train::optimize::schedule::LearningRate;
use crate::train::optimize::weight_average::WeightAverage;
use crate::train::options::{Balance, FitOptions};
use crate::train::random_streams;

/// A network in training.
#[derive(Debug)]
pub(crate) struct Trainer<'a> {
    options: &'a FitOptions,
    dataset: &'a Dataset,
    stop: &'a AtomicBool,
    /// The seed of everything that is drawn.
    seed: u128,
    split: Split,
    network: Network,
    /// What is validated and kept in its place, where asked for.
    average: Option<WeightAverage>,
    optimizer: Optimizer,
    learning_rate: LearningRate,
    regularisation: Regularisation,
    augment: Option<Augmentation>,
    /// One weight a class: in inverse proportion to its windows, with a mean of 1 over the windows.
    weights: Vec<f32>,
    workspace: Workspace,
    rng: Pcg64,
    /// Epochs that have ended.
    epochs: usize,
    /// Logits of the windows held out after the last of them, row-major [N, K].
    held: Vec<f32>,
}

impl<'a> Trainer<'a> {
    /// Before the first epoch; `member` is the network's number among several, from 0.
    pub(crate) fn new(training: &TrainingContext<'a>, split: Split, member: usize) -> Self {
        let TrainingContext { options, dataset, stop, .. } = *training;
        let architecture = options.architecture(dataset);
        let windows = || split.training.iter().map(|index| dataset.window(*index));
        let input = Preprocessing::measure(&architecture, windows());
        let seed = options.seed(member);
        let network =
            Network::new(architecture.clone(), input, &mut Pcg64::new(seed, random_streams::WEIGHTS));
        let counts = dataset.count(split.training.iter().copied());
        let present = counts.iter().filter(|count| **count > 0).count();
        let weight = |count: usize| match options.balance {
            Balance::Weights => split.training.len() as f32 / (present * count.max(1)) as f32,
            Balance::Sampling | Balance::None => 1.0,
        };
        Self {
            options,
            dataset,
            stop,
            seed,
            average: (options.weight_average > 0.0)
                .then(|| WeightAverage::new(options.weight_average as f32, &network)),
            optimizer: Optimizer::new(options.optimizer(), network.parameters().len()),
            learning_rate: options.learning_rate(),
            regularisation: options.regularisation(),
            augment: options.augment(dataset, &architecture, windows()),
            weights: counts.iter().map(|count| weight(*count)).collect(),
            workspace: Workspace::default(),
            rng: Pcg64::new(seed, random_streams::ORDER),
            epochs: 0,
            held: Vec::new(),
            network,
            split,
        }
    }

    /// Trains one epoch; `None` where training was stopped before its end.
    ///
    /// # Errors
    /// [`FitError::Diverged`].
    pub(crate) fn epoch(&mut self) -> Result<Option<Epoch>, FitError> {
        let epoch = self.epochs + 1;
        let learning_rate = self.learning_rate.at(self.epochs as f64);
        let Some(training) = self.pass(epoch)? else { return Ok(None) };
        self.held = self.answers();
        let validation = self.validation();
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
        self.learning_rate.epoch_ended(figures.validation_loss.unwrap_or(figures.loss));
        self.epochs = epoch;
        Ok(Some(figures))
    }

    /// How many epochs have ended.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs
    }

    /// The network as it is.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The network that is validated and kept: with its weights averaged, or as it is.
    pub(crate) fn kept(&self) -> &Network {
        self.average.as_ref().map_or(&self.network, WeightAverage::network)
    }

    /// Logits of the windows held out after the last epoch, row-major [N, K].
    pub(crate) fn held(&self) -> &[f32] {
        &self.held
    }

    /// The optimiser as it is.
    pub(crate) fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The learning rate of the next step.
    pub(crate) fn learning_rate(&self) -> f32 {
        self.learning_rate.at(self.epochs as f64)
    }

    /// The same training from here on, with another order of the windows and other draws of what is left out.
    pub(crate) fn continued(&self, seed: u64) -> Self {
        let seed = self.seed ^ u128::from(seed) << 32;
        Self {
            options: self.options,
            dataset: self.dataset,
            stop: self.stop,
            seed,
            split: self.split.clone(),
            network: self.network.clone(),
            average: self.average.clone(),
            optimizer: self.optimizer.clone(),
            learning_rate: self.learning_rate.clone(),
            regularisation: self.regularisation,
            augment: self.augment.clone(),
            weights: self.weights.clone(),
            workspace: Workspace::default(),
            rng: Pcg64::new(seed, random_streams::ORDER),
            epochs: self.epochs,
            held: self.held.clone(),
        }
    }

    /// Multiplies the learning rate from here on.
    pub(crate) fn scale_learning_rate(&mut self, by: f64) {
        self.learning_rate.scale(by);
    }

    /// The mean loss of some windows as they are, with nothing left out or changed, and its gradient.
    pub(crate) fn gradient(&mut self, parameters: &[f32], windows: &[usize]) -> (f64, &[f32]) {
        let mut network = self.network.clone();
        network.parameters_mut().copy_from_slice(parameters);
        let examples: Vec<Example<'_>> = windows
            .iter()
            .map(|index| Example { window: self.dataset.window(*index), label: self.dataset.labels[*index] })
            .collect();
        let regularisation =
            Regularisation { label_smoothing: self.regularisation.label_smoothing, ..Default::default() };
        let step = TrainingStep { weights: &self.weights, regularisation, augment: None, seed: 0 };
        let loss = network.backward(&examples, step, &mut self.workspace);
        (loss.mean(), self.workspace.gradients())
    }

    /// The network to keep, with its logits of the windows held out.
    pub(crate) fn now(&self) -> (Network, Vec<f32>) {
        (self.kept().clone(), self.answers())
    }

    /// Which windows are trained on and which are held out.
    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// The same, at the end of training.
    pub(crate) fn into_split(self) -> Split {
        self.split
    }

    fn answers(&self) -> Vec<f32> {
        let held: Vec<&[f32]> =
            self.split.validation.iter().map(|index| self.dataset.window(*index)).collect();
        self.kept().logits(&held)
    }

    fn diverged(&self, epoch: usize, loss: Loss) -> FitError {
        FitError::Diverged { epoch, loss: loss.mean(), learning_rate: self.options.learning_rate }
    }

    /// `None` where training was stopped before the epoch's end.
    fn pass(&mut self, epoch: usize) -> Result<Option<Loss>, FitError> {
        let order = self.order();
        let batches = order.len().div_ceil(self.options.batch_size);
        let mut total = Loss::default();
        for (index, batch) in order.chunks(self.options.batch_size).enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let passed = (epoch - 1) as f64 + index as f64 / batches as f64;
            let rate = self.learning_rate.at(passed);
            let loss = self.step(batch, epoch, index, rate)?;
            total.add(loss);
        }
        Ok(Some(total))
    }

    fn step(&mut self, batch: &[usize], epoch: usize, index: usize, rate: f32) -> Result<Loss, FitError> {
        let examples: Vec<_> = batch.iter().map(|index| self.example(*index)).collect();
        let step = TrainingStep {
            weights: &self.weights,
            regularisation: self.regularisation,
            augment: self.augment.as_ref(),
            seed: self.seed << 64 | (epoch as u128) << 32 | index as u128,
        };
        let loss = self.network.backward(&examples, step, &mut self.workspace);
        if !loss.sum.is_finite() {
            return Err(self.diverged(epoch, loss));
        }
        if self.options.clip > 0.0 {
            clip_norm(self.workspace.gradients_mut(), self.options.clip as f32);
        }
        self.optimizer.step(rate, self.network.parameters_mut(), self.workspace.gradients());
        if let Some(average) = &mut self.average {
            average.follow(&self.network);
        }
        Ok(loss)
    }

    /// Trains so many steps at a learning rate that grows by the same factor at each, from one to the other, until the loss is twice
    /// that of the first step or no number: each step's learning rate and its batch's loss (the range test of Smith 2015).
    pub(crate) fn range_test(mut self, from: f64, to: f64, steps: usize) -> Vec<(f64, f64)> {
        let mut seen: Vec<(f64, f64)> = Vec::new();
        for epoch in 1.. {
            let order = self.order();
            for (index, batch) in order.chunks(self.options.batch_size).enumerate() {
                let share = seen.len() as f64 / steps.saturating_sub(1).max(1) as f64;
                let rate = from * (to / from).powf(share);
                let stopped = seen.len() == steps || self.stop.load(Ordering::Relaxed);
                let Some(loss) = self.step(batch, epoch, index, rate as f32).ok().filter(|_| !stopped) else {
                    return seen;
                };
                seen.push((rate, loss.mean()));
                if loss.mean() > 2.0 * seen[0].1 {
                    return seen;
                }
            }
            if order.is_empty() {
                break;
            }
        }
        seen
    }

    /// The windows of an epoch, in the order that they are trained on.
    fn order(&mut self) -> Vec<usize> {
        let mut order = self.split.training.clone();
        order.shuffle(&mut self.rng);
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
        drawn.shuffle(&mut self.rng);
        drawn
    }

    fn example(&mut self, index: usize) -> Example<'a> {
        let place = self.dataset.windows[index];
        let window = if self.options.shift && place.earlier + place.later > 0 {
            let by = self.rng.random_range(0..=place.earlier + place.later) as isize - place.earlier as isize;
            self.dataset.shifted(index, by)
        } else {
            self.dataset.window(index)
        };
        Example { window, label: self.dataset.labels[index] }
    }

    fn validation(&self) -> Option<Loss> {
        let classes = self.weights.len();
        let mut probabilities = self.held.clone();
        crate::train::kernel::activation::softmax_rows(&mut probabilities, classes);
        let labels = self.split.validation.iter().map(|index| self.dataset.labels[*index]);
        let mut loss = Loss::default();
        for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
            let sum = cost(row[label], self.weights[label]);
            loss.add(Loss { sum, correct: usize::from(most_probable(row) == label), windows: 1 });
        }
        (loss.windows > 0).then_some(loss)
    }
}
