//! The training loop.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::dataset::Dataset;
use super::loss::{Loss, cost, most_probable};
use super::network::{Example, Network, SHARD, Scaling, Sizes, Workspace};
use super::optimizer::{Optimizer, clip_norm};
use super::split::Split;
use super::streams;
use crate::score::Confusion;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// The seed of the weights, the order and the split.
    pub seed: u64,
    /// Units of the LSTM.
    pub hidden: usize,
    /// The share of the LSTM's outputs that are left out in training, from 0 to below 1.
    pub dropout: f32,
    /// How far a step goes, at first.
    pub learning_rate: f32,
    /// How that changes over the epochs.
    pub schedule: Schedule,
    /// Gradients are scaled down to this norm, where it is given.
    pub clip: Option<f32>,
    /// Windows a step.
    pub batch_size: usize,
    /// The most passes over the training windows.
    pub epochs: usize,
    /// Epochs without a lower validation loss before training stops.
    pub patience: usize,
    /// The share of the recordings that are held out.
    pub validation: f64,
    /// Threads; 0 for one a core. The result is the same whatever their number.
    pub threads: usize,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            hidden: 64,
            dropout: 0.0,
            learning_rate: 2e-3,
            schedule: Schedule::Cosine,
            clip: Some(1.0),
            batch_size: 64,
            epochs: 30,
            patience: 10,
            validation: 0.2,
            threads: 0,
        }
    }
}

/// How the learning rate changes over the epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Along half a cosine, down to 0 after the last epoch (Loshchilov and Hutter 2017, without restarts).
    #[default]
    Cosine,
}

impl Schedule {
    /// The factor on the learning rate at a share of the training, from 0 to 1.
    pub fn factor(self, share: f64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * share).cos()),
        }
    }
}

/// One epoch's figures. Losses are weighted by class; those of validation are `None` where nothing is held out.
#[derive(Clone, Copy, Debug, PartialEq)]
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
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The network, with the weights of its best epoch.
    pub network: Network,
    /// Which windows were held out.
    pub split: Split,
    /// Every epoch's figures.
    pub history: Vec<Epoch>,
    /// The epoch that the weights are of, counted from 1.
    pub best: usize,
    /// True against predicted labels on the validation windows.
    pub confusion: Confusion,
}

/// Why training stopped without a network.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// An option out of its bounds.
    #[error("{name} is {value}; it takes {takes}")]
    Option {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        takes: &'static str,
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
        learning_rate: f32,
    },
    /// The system gives no threads.
    #[error("{threads} threads cannot be started: {why}; set a smaller --threads")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        why: String,
    },
}

/// Trains a network on a data set. `progress` is told each epoch.
///
/// # Errors
/// [`FitError`]: an option out of its bounds, or a loss that is no number.
pub fn fit(
    options: &FitOptions,
    dataset: &Dataset,
    mut progress: impl FnMut(&Epoch) + Send,
) -> Result<Fitted, FitError> {
    options.check()?;
    let threads = options.threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|why| FitError::Threads { threads, why: why.to_string() })?;
    pool.install(|| Fit::new(options, dataset).run(&mut progress))
}

impl FitOptions {
    fn check(&self) -> Result<(), FitError> {
        let bad = |name, value: String, takes| Err(FitError::Option { name, value, takes });
        if self.hidden == 0 || self.hidden > 4096 {
            return bad("--hidden", self.hidden.to_string(), "1 to 4096 units");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return bad("--dropout", self.dropout.to_string(), "a share from 0 to below 1");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return bad("--learning-rate", self.learning_rate.to_string(), "a number above 0");
        }
        if self.clip.is_some_and(|clip| !(clip > 0.0 && clip.is_finite())) {
            return bad("--clip", self.clip.unwrap_or_default().to_string(), "a norm above 0");
        }
        if self.batch_size == 0 || self.batch_size > 65_536 {
            return bad("--batch-size", self.batch_size.to_string(), "1 to 65536 windows");
        }
        if self.epochs == 0 {
            return bad("--epochs", "0".into(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.validation) {
            return bad("--validation", self.validation.to_string(), "a share from 0 to below 1");
        }
        Ok(())
    }
}

struct Fit<'a> {
    options: &'a FitOptions,
    dataset: &'a Dataset,
    split: Split,
    network: Network,
    optimizer: Optimizer,
    /// One weight a class: in inverse proportion to its windows, with a mean of 1 over the windows.
    weights: Vec<f32>,
    /// The orders of the channels that a window is trained in; `None` is as it is.
    orders: Vec<Option<&'a [usize]>>,
    workspaces: Vec<Workspace>,
    gradients: Vec<f32>,
}

impl<'a> Fit<'a> {
    fn new(options: &'a FitOptions, dataset: &'a Dataset) -> Self {
        let split = Split::new(dataset, options.validation, options.seed);
        let statistics = dataset.statistics(&split.training);
        let factor = |deviation: f64| if deviation > 1e-9 { (1.0 / deviation) as f32 } else { 1.0 };
        let scaling = Scaling {
            mean: statistics.iter().map(|channel| channel.mean as f32).collect(),
            factor: statistics.iter().map(|channel| factor(channel.deviation)).collect(),
        };
        let sizes = Sizes {
            window: dataset.card.window,
            channels: dataset.card.channels.len(),
            hidden: options.hidden,
            classes: dataset.card.labels.len(),
        };
        let mut rng = Pcg64::new(u128::from(options.seed), streams::WEIGHTS);
        let network = Network::new(sizes, scaling, &mut rng);
        let counts = dataset.count(split.training.iter().copied());
        let present = counts.iter().filter(|count| **count > 0).count();
        let weight = |count: usize| split.training.len() as f32 / (present * count.max(1)) as f32;
        Self {
            options,
            dataset,
            optimizer: Optimizer::rms_prop(network.parameters().len()),
            weights: counts.into_iter().map(weight).collect(),
            orders: [None]
                .into_iter()
                .chain(dataset.permutations.iter().map(|order| Some(order.as_slice())))
                .collect(),
            workspaces: vec![Workspace::default(); options.batch_size.div_ceil(SHARD)],
            gradients: vec![0.0; network.parameters().len()],
            network,
            split,
        }
    }

    fn run(mut self, progress: &mut impl FnMut(&Epoch)) -> Result<Fitted, FitError> {
        let validation = self.dataset.gather(&self.split.validation);
        let mut rng = Pcg64::new(u128::from(self.options.seed), streams::ORDER);
        let (mut history, mut best, mut lowest) = (Vec::new(), 0, f64::INFINITY);
        let mut kept = self.network.parameters().to_vec();
        for epoch in 1..=self.options.epochs {
            let training = self.epoch(epoch, &mut rng)?;
            let held = self.validate(&validation);
            if let Some(held) = held.filter(|held| !held.sum.is_finite()) {
                return Err(self.diverged(epoch, held));
            }
            let figures = Epoch {
                epoch,
                loss: training.mean(),
                accuracy: training.correct as f64 / training.windows.max(1) as f64,
                validation_loss: held.map(|held| held.mean()),
                validation_accuracy: held.map(|held| held.correct as f64 / held.windows as f64),
            };
            progress(&figures);
            history.push(figures);
            // Where nothing is held out, the last epoch is as good as can be told.
            let loss = figures.validation_loss.unwrap_or(f64::NEG_INFINITY);
            if loss < lowest || figures.validation_loss.is_none() {
                (lowest, best) = (loss, epoch);
                kept.copy_from_slice(self.network.parameters());
            } else if epoch - best >= self.options.patience {
                break;
            }
        }
        self.network.parameters_mut().copy_from_slice(&kept);
        let confusion = self.confusion(&validation);
        Ok(Fitted { network: self.network, split: self.split, history, best, confusion })
    }

    fn diverged(&self, epoch: usize, loss: Loss) -> FitError {
        FitError::Diverged { epoch, loss: loss.mean(), learning_rate: self.options.learning_rate }
    }

    fn epoch(&mut self, epoch: usize, rng: &mut Pcg64) -> Result<Loss, FitError> {
        let mut order = self.split.training.clone();
        order.shuffle(rng);
        let batches = order.len().div_ceil(self.options.batch_size);
        let mut total = Loss::default();
        for (step, batch) in order.chunks(self.options.batch_size).enumerate() {
            let examples: Vec<_> = batch
                .iter()
                .map(|&index| Example {
                    values: self.dataset.window(index),
                    order: self.orders[rng.random_range(0..self.orders.len())],
                    label: self.dataset.labels[index],
                })
                .collect();
            let passed = (epoch - 1) as f64 + step as f64 / batches as f64;
            let factor = self.options.schedule.factor(passed / self.options.epochs as f64);
            let rate = (f64::from(self.options.learning_rate) * factor) as f32;
            let loss = self.step(&examples, (epoch as u64) << 32 | step as u64, rate);
            if !loss.sum.is_finite() {
                return Err(self.diverged(epoch, loss));
            }
            total.add(loss);
        }
        Ok(total)
    }

    /// One batch: shards in parallel, each with its own gradients and its own draw of dropout, added in order.
    fn step(&mut self, batch: &[Example<'_>], moment: u64, learning_rate: f32) -> Loss {
        let Self { options, network, weights, workspaces, gradients, optimizer, .. } = self;
        let shards = batch.par_chunks(SHARD).zip(workspaces.par_iter_mut()).enumerate();
        let losses: Vec<Loss> = shards
            .map(|(shard, (examples, workspace))| {
                let state = u128::from(options.seed) << 64 | u128::from(moment);
                let rng = &mut Pcg64::new(state, streams::DROPOUT + shard as u128);
                network.train_shard(examples, weights, batch.len(), options.dropout, rng, workspace)
            })
            .collect();
        gradients.fill(0.0);
        for workspace in workspaces.iter().take(losses.len()) {
            gradients.iter_mut().zip(workspace.gradients()).for_each(|(sum, part)| *sum += part);
        }
        if let Some(clip) = options.clip {
            clip_norm(gradients, clip);
        }
        optimizer.step(learning_rate, network.parameters_mut(), gradients);
        let mut total = Loss::default();
        losses.into_iter().for_each(|loss| total.add(loss));
        total
    }

    fn validate(&self, windows: &[f32]) -> Option<Loss> {
        let labels = self.split.validation.iter().map(|index| self.dataset.labels[*index]);
        let probabilities = self.network.probabilities(windows);
        let mut loss = Loss::default();
        for (row, label) in probabilities.chunks_exact(self.weights.len()).zip(labels) {
            let sum = cost(row[label], self.weights[label]);
            loss.add(Loss { sum, correct: usize::from(most_probable(row) == label), windows: 1 });
        }
        (loss.windows > 0).then_some(loss)
    }

    fn confusion(&self, windows: &[f32]) -> Confusion {
        let labels = self.split.validation.iter().map(|index| self.dataset.labels[*index]);
        confusion(&self.dataset.card.labels, &self.network.probabilities(windows), labels)
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
    use crate::train::tests::waves;

    fn quick() -> FitOptions {
        FitOptions {
            schedule: Schedule::Constant,
            hidden: 12,
            epochs: 12,
            learning_rate: 1e-2,
            dropout: 0.1,
            ..FitOptions::default()
        }
    }

    #[test]
    fn waves_of_different_frequency_are_told_apart() {
        let fitted = fit(&quick(), &waves(3, 5, 8), |_| {}).unwrap();
        assert!(fitted.confusion.accuracy() > 0.9, "{}", fitted.confusion);
        let best = fitted.history[fitted.best - 1].validation_loss.unwrap();
        assert!(fitted.history.iter().all(|epoch| epoch.validation_loss.unwrap() >= best));
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads() {
        let dataset = waves(3, 5, 8);
        let run = |threads, seed| {
            let options = FitOptions { threads, seed, epochs: 3, ..quick() };
            let fitted = fit(&options, &dataset, |_| {}).unwrap();
            fitted.network.parameters().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let one = run(1, 5);
        assert_eq!(one, run(2, 5));
        assert_eq!(one, run(3, 5));
        assert_ne!(one, run(2, 6));
    }

    #[test]
    fn a_loss_that_is_no_number_stops_training_with_the_mend() {
        let mut dataset = waves(2, 3, 2);
        dataset.steps[3] = f32::NAN;
        let error =
            fit(&FitOptions { validation: 0.0, ..quick() }, &dataset, |_| {}).unwrap_err().to_string();
        assert!(error.starts_with("the loss is NaN in epoch 1"), "{error}");
        assert!(error.ends_with("set a smaller --learning-rate"));
    }

    #[test]
    fn an_option_out_of_bounds_is_named() {
        let error = fit(&FitOptions { dropout: 1.0, ..quick() }, &waves(2, 3, 2), |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "--dropout is 1; it takes a share from 0 to below 1");
    }

    #[test]
    fn training_stops_when_validation_no_longer_improves() {
        let options = FitOptions { epochs: 500, patience: 2, learning_rate: 0.05, ..quick() };
        let fitted = fit(&options, &waves(2, 3, 2), |_| {}).unwrap();
        assert_eq!(fitted.history.len(), fitted.best + 2);
    }
}
