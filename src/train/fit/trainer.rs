//! Trains one network, epoch by epoch.
//!
//! A [`Trainer`] holds the whole state of a training run: the network, the optimiser, the learning rate
//! schedule and the random generator. The caller asks for one epoch after another and decides when to stop
//! and which weights to keep. The same seed gives the same bytes with any number of threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::RngExt;
use rand_pcg::Pcg64;

use super::balance::{class_weights, epoch_order};
use super::context::TrainingContext;
use super::epoch::{Epoch, FitError};
use super::window_statistics::WindowStatistics;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::augment::Augmentation;
use crate::train::network::batch::{Example, Regularisation, TrainingStep};
use crate::train::network::loss::{Loss, validation_loss};
use crate::train::network::preprocessing::Preprocessing;
use crate::train::network::{Network, Workspace};
use crate::train::optimize::optimizer::{Optimizer, clip_norm};
use crate::train::optimize::schedule::LearningRate;
use crate::train::optimize::weight_average::WeightAverage;
use crate::train::options::FitOptions;
use crate::train::random_streams;

/// A network in training.
#[derive(Clone, Debug)]
pub(crate) struct Trainer<'a> {
    options: &'a FitOptions,
    dataset: &'a Dataset,
    stop: &'a AtomicBool,
    /// The seed of all random draws of this network.
    seed: u128,
    split: Split,
    network: Network,
    /// A moving average of the weights, validated and kept in place of `network`; `None` if turned off.
    average: Option<WeightAverage>,
    optimizer: Optimizer,
    learning_rate: LearningRate,
    regularisation: Regularisation,
    augment: Option<Augmentation>,
    /// The summary statistics of the windows, if they are always the same.
    statistics: Option<Arc<WindowStatistics>>,
    /// The loss weight of each class, `[K]`.
    weights: Vec<f32>,
    workspace: Workspace,
    /// Draws the order of the windows and their shifts in time.
    rng: Pcg64,
    /// The number of completed epochs.
    epochs: usize,
    /// Logits of the held-out windows after the last completed epoch, row-major [N, K].
    held_out_logits: Vec<f32>,
}

impl<'a> Trainer<'a> {
    /// Draws the initial weights and measures the preprocessing on the training windows. `member` is the
    /// index of the network, from 0; each network has its own random draws.
    pub(crate) fn new(training: &TrainingContext<'a>, split: Split, member: usize) -> Self {
        let TrainingContext { options, dataset, .. } = *training;
        let architecture = options.architecture(dataset);
        let windows = dataset.windows_at(&split.training);
        let preprocessing = Preprocessing::measure(&architecture, &dataset.all_windows(), &windows);
        let mut rng = Pcg64::new(options.seed(member), random_streams::WEIGHTS);
        Self::of_network(training, split, member, Network::new(architecture, preprocessing, &mut rng))
    }

    /// Trains a network on, from the weights that it has and with its preprocessing.
    pub(crate) fn of_network(
        training: &TrainingContext<'a>,
        split: Split,
        member: usize,
        network: Network,
    ) -> Self {
        let TrainingContext { options, dataset, stop, .. } = *training;
        let windows = dataset.windows_at(&split.training);
        let augment = options.augment(dataset, network.architecture(), &windows);
        let statistics = WindowStatistics::of(dataset, &split, network.preprocessing(), augment.as_ref());
        let seed = options.seed(member);
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
            augment,
            statistics: statistics.map(Arc::new),
            weights: class_weights(dataset, &split, options.balance),
            workspace: Workspace::default(),
            rng: Pcg64::new(seed, random_streams::ORDER),
            epochs: 0,
            held_out_logits: Vec::new(),
            network,
            split,
        }
    }

    /// Trains one epoch and computes the validation loss; `None` if the stop flag was set before its end.
    ///
    /// # Errors
    /// [`FitError::Diverged`] if a loss is not finite.
    pub(crate) fn epoch(&mut self) -> Result<Option<Epoch>, FitError> {
        let epoch = self.epochs + 1;
        let learning_rate = self.learning_rate.at(self.epochs as f64);
        let Some(training) = self.train_batches(epoch)? else { return Ok(None) };
        self.held_out_logits = self.validation_logits();
        let labels = self.split.validation.iter().map(|index| self.dataset.labels[*index]);
        let validation = validation_loss(&self.held_out_logits, labels, &self.weights);
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

    /// The number of completed epochs.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs
    }

    /// The network with its current weights, not averaged.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The network that is validated and exported: with averaged weights unless averaging is turned off.
    pub(crate) fn validated_network(&self) -> &Network {
        self.average.as_ref().map_or(&self.network, WeightAverage::network)
    }

    /// Logits of the held-out windows after the last completed epoch, row-major [N, K]; empty before that.
    pub(crate) fn held_out_logits(&self) -> &[f32] {
        &self.held_out_logits
    }

    /// The optimiser with its current state.
    pub(crate) fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The learning rate of the next step.
    pub(crate) fn learning_rate(&self) -> f32 {
        self.learning_rate.at(self.epochs as f64)
    }

    /// A copy that continues with another order of the windows, other dropout and other augmentation.
    pub(crate) fn continued(&self, seed: u64) -> Self {
        let seed = self.seed ^ u128::from(seed) << 32;
        Self { seed, rng: Pcg64::new(seed, random_streams::ORDER), ..self.clone() }
    }

    /// Runs through the rest of the learning rate schedule in `epochs` epochs.
    pub(crate) fn end_within(&mut self, epochs: usize) {
        self.learning_rate.end_within(self.epochs, epochs);
    }

    /// Multiplies the learning rate of all later steps by `by`.
    pub(crate) fn scale_learning_rate(&mut self, by: f64) {
        self.learning_rate.scale(by);
    }

    /// The mean loss of some windows with the given parameters, and its gradient, `[P]`. Dropout and
    /// augmentation are off; label smoothing is applied.
    pub(crate) fn gradient(&mut self, parameters: &[f32], windows: &[usize]) -> (f64, &[f32]) {
        let mut network = self.network.clone();
        network.parameters_mut().copy_from_slice(parameters);
        let examples: Vec<Example<'_>> = windows
            .iter()
            .map(|index| Example::new(self.dataset.window(*index), self.dataset.labels[*index]))
            .collect();
        let regularisation =
            Regularisation { label_smoothing: self.regularisation.label_smoothing, ..Default::default() };
        let step = TrainingStep { weights: &self.weights, regularisation, augment: None, seed: 0 };
        let loss = network.backward(&examples, step, &mut self.workspace);
        (loss.mean(), self.workspace.gradients())
    }

    /// Which windows are trained on, and which are held out.
    pub(crate) fn split(&self) -> &Split {
        &self.split
    }

    /// Ends the training run and returns its split.
    pub(super) fn into_split(self) -> Split {
        self.split
    }

    /// Computes the logits of the held-out windows with the validated network, row-major [N, K].
    fn validation_logits(&self) -> Vec<f32> {
        let statistics = self.statistics.as_deref();
        let held_out = self.split.validation.iter().map(|index| Example {
            statistics: statistics.map(|statistics| statistics.row(*index)),
            ..Example::new(self.dataset.window(*index), self.dataset.labels[*index])
        });
        self.validated_network().logits_of(&held_out.collect::<Vec<_>>())
    }

    fn diverged(&self, epoch: usize, loss: Loss) -> FitError {
        FitError::Diverged { epoch, loss: loss.mean(), learning_rate: self.options.learning_rate }
    }

    /// Trains one epoch; `None` if the stop flag was set before its end.
    fn train_batches(&mut self, epoch: usize) -> Result<Option<Loss>, FitError> {
        let order = self.order();
        let batches = order.len().div_ceil(self.options.batch_size);
        let mut total = Loss::default();
        for (index, batch) in order.chunks(self.options.batch_size).enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let progress = (epoch - 1) as f64 + index as f64 / batches as f64;
            let rate = self.learning_rate.at(progress);
            let loss = self.step(batch, epoch, index, rate)?;
            total.add(loss);
        }
        Ok(Some(total))
    }

    /// Trains one step on the batch with this index in its epoch, and returns the loss before the step.
    ///
    /// # Errors
    /// [`FitError::Diverged`] if the loss is not finite.
    pub(crate) fn step(
        &mut self,
        batch: &[usize],
        epoch: usize,
        index: usize,
        rate: f32,
    ) -> Result<Loss, FitError> {
        let statistics = self.statistics.clone();
        let examples = batch.iter().map(|index| Example {
            statistics: statistics.as_deref().map(|statistics| statistics.row(*index)),
            ..self.example(*index)
        });
        let examples: Vec<Example<'_>> = examples.collect();
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
            average.update(&self.network);
        }
        Ok(loss)
    }

    /// The windows of one epoch in the order that they are trained on.
    pub(crate) fn order(&mut self) -> Vec<usize> {
        epoch_order(self.dataset, &self.split, self.options.balance, &mut self.rng)
    }

    /// A training window, shifted at random within its recording if the settings ask for it.
    fn example(&mut self, index: usize) -> Example<'a> {
        let position = self.dataset.windows[index];
        let room = position.earlier + position.later;
        let window = if self.options.shift && room > 0 {
            let steps = self.rng.random_range(0..=room) as isize - position.earlier as isize;
            self.dataset.shifted(index, steps)
        } else {
            self.dataset.window(index)
        };
        Example::new(window, self.dataset.labels[index])
    }
}
