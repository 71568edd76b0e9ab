//! The settings that follow from the recordings, and the settings in the form that each part of the trainer
//! takes.

use super::fit_options::{CanonicalOrder, FitOptions};
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::architecture::Architecture;
use crate::train::network::augment::Augmentation;
use crate::train::network::batch::Regularisation;
use crate::train::network::preprocessing::Preprocessing;
use crate::train::optimize::optimizer::OptimizerOptions;
use crate::train::optimize::schedule::{LearningRate, ScheduleOptions};

/// The default of `--hidden`.
const HIDDEN: usize = 32;
/// The default of `--dense` if each surface has at least [`MANY_RECORDINGS`] recordings; otherwise it is 0.
const DENSE: usize = 64;
/// The default of `--summary-bins` if each surface has at least [`MANY_RECORDINGS`] recordings; otherwise it is 0.
const SUMMARY_BINS: usize = 8;
/// The number of recordings per surface from which the larger head is used by default. On new drives, networks without
/// LSTM layers were one to four points better with bins where the rarest surface has 14 or 48 drives. With 7 drives,
/// the larger head was about three points worse.
const MANY_RECORDINGS: usize = 12;
/// About how many training steps a run has if `--epochs` is not given; the epochs are limited to 20 to 500.
const STEPS: f64 = 2000.0;

impl FitOptions {
    /// The same settings, with a value for each setting that follows from the recordings. With several folds,
    /// `validation` is `None`.
    pub fn resolved(&self, dataset: &Dataset) -> Self {
        let folds = self.folds();
        let splits = Split::of_run(dataset, folds, self.validation(), self.seed);
        // The mean over the networks of the windows that each is trained on.
        let training = splits.iter().map(|split| split.training.len()).sum::<usize>() / splits.len().max(1);
        let has_many = Split::fewest_groups(dataset) >= MANY_RECORDINGS;
        let steps_per_epoch = training.div_ceil(self.batch_size.max(1)).max(1) as f64;
        Self {
            rate: Some(dataset.card.rate),
            hop: Some(dataset.card.hop),
            channels: dataset.card.channels.iter().map(|channel| channel.name.clone()).collect(),
            hidden: Some(self.hidden.unwrap_or(HIDDEN)),
            dense: Some(self.dense.unwrap_or(if has_many { DENSE } else { 0 })),
            summary_bins: Some(self.summary_bins.unwrap_or(if has_many { SUMMARY_BINS } else { 0 })),
            epochs: Some(
                self.epochs.unwrap_or_else(|| ((STEPS / steps_per_epoch).round() as usize).clamp(20, 500)),
            ),
            folds: Some(folds),
            validation: (folds == 0).then(|| self.validation()),
            ..self.clone()
        }
    }

    /// The number of networks: one per fold; 0 stands for a single network without folds.
    pub fn folds(&self) -> usize {
        match (self.folds, self.validation) {
            (Some(folds), _) => folds,
            (None, Some(_)) => 0,
            (None, None) => 5,
        }
    }

    /// The share of each surface's recordings that a single network is validated on.
    pub fn validation(&self) -> f64 {
        self.validation.unwrap_or(0.2)
    }

    /// The units of each LSTM layer.
    pub(crate) fn hidden(&self) -> usize {
        self.hidden.unwrap_or(HIDDEN)
    }

    /// The units of the dense layer with ReLU; 0 for none, and if the setting is not resolved.
    pub(crate) fn dense(&self) -> usize {
        self.dense.unwrap_or(0)
    }

    /// The standard deviation of the random factors of the channels; 0 if it is not chosen yet.
    pub(crate) fn gain(&self) -> f64 {
        self.gain.unwrap_or(0.0)
    }

    /// The passes over the training windows; 1 if the setting is not resolved.
    pub fn epochs(&self) -> usize {
        self.epochs.unwrap_or(1)
    }

    /// The seed of one network of the model. `member` is the index of the network, from 0; each network has
    /// its own seed.
    pub(crate) fn seed(&self, member: usize) -> u128 {
        u128::from(self.seed) | (member as u128) << 56
    }

    /// The architecture of a network for these windows.
    pub fn architecture(&self, dataset: &Dataset) -> Architecture {
        let card = &dataset.card;
        let canonical = match self.canonical_order {
            CanonicalOrder::None => false,
            CanonicalOrder::Summary => self.summary,
            CanonicalOrder::All => true,
        } && !dataset.permutations.is_empty();
        Architecture {
            window: card.window,
            channels: card.channels.len(),
            classes: card.labels.len(),
            hidden: self.hidden(),
            layers: self.layers,
            pooling: self.pooling.clone(),
            differences: self.differences,
            patch: self.patch.min(card.window),
            summary: self.summary,
            summary_bins: self.summary_bins.unwrap_or(0),
            dense: self.dense(),
            batch_norm: self.batch_norm,
            orders: if canonical { dataset.orders() } else { Vec::new() },
            ordered_steps: self.canonical_order == CanonicalOrder::All,
            input_scaling: self.input_scaling,
        }
    }

    /// The settings of the optimiser.
    pub(crate) fn optimizer(&self) -> OptimizerOptions {
        let (momentum, weight_decay) = (self.momentum as f32, self.weight_decay as f32);
        OptimizerOptions { kind: self.optimizer, momentum, nesterov: self.nesterov, weight_decay }
    }

    /// The learning rate of the training run, before its first step.
    pub(crate) fn learning_rate(&self) -> LearningRate {
        let Self { schedule, warmup, plateau_patience, plateau_factor, .. } = *self;
        let options = ScheduleOptions { schedule, warmup, plateau_patience, plateau_factor };
        LearningRate::new(options, self.learning_rate as f32, self.epochs())
    }

    /// Dropout and label smoothing.
    pub(crate) fn regularisation(&self) -> Regularisation {
        Regularisation {
            dropout: self.dropout as f32,
            input_dropout: self.input_dropout as f32,
            recurrent_dropout: self.recurrent_dropout as f32,
            label_smoothing: self.label_smoothing as f32,
        }
    }

    /// The augmentation of the training windows, which are each row-major [W, C]; `None` if nothing is to be
    /// changed.
    ///
    /// The means and standard deviations of the channels are measured on `windows`.
    pub(crate) fn augment(
        &self,
        dataset: &Dataset,
        architecture: &Architecture,
        windows: &[&[f32]],
    ) -> Option<Augmentation> {
        // Windows whose steps are put into canonical order are the same in every order.
        let canonical_steps = architecture.ordered_steps && !architecture.orders.is_empty();
        let permute = self.permute && !canonical_steps && !dataset.permutations.is_empty();
        let changes = permute
            || self.scale > 0.0
            || self.gain() > 0.0
            || self.jitter > 0.0
            || self.channel_dropout > 0.0;
        changes.then(|| {
            let plain = Architecture::plain(architecture.window, architecture.channels, 1, 2);
            Augmentation {
                orders: if permute { dataset.orders() } else { Vec::new() },
                scale: self.scale as f32,
                gain: self.gain() as f32,
                jitter: self.jitter as f32,
                channel_dropout: self.channel_dropout as f32,
                scaling: Preprocessing::measure(&plain, windows, &[]).scaling().clone(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn the_larger_head_is_used_from_12_recordings_per_surface_unless_flags_set_it() {
        let head = |options: FitOptions, groups: usize| {
            let resolved = options.resolved(&sine_waves(2, groups, 1));
            (resolved.dense, resolved.summary_bins)
        };
        assert_eq!(head(FitOptions::default(), 11), (Some(0), Some(0)));
        assert_eq!(head(FitOptions::default(), 12), (Some(64), Some(8)));
        let set = FitOptions { dense: Some(8), summary_bins: Some(3), ..FitOptions::default() };
        assert_eq!(head(set, 2), (Some(8), Some(3)));
    }

    #[test]
    fn epochs_follow_from_the_windows_that_a_network_is_trained_on() {
        // 10 recordings of 64 windows: 2 folds train on 5 of them, 10 folds on 9.
        let dataset = sine_waves(2, 5, 64);
        let epochs = |folds: usize| {
            FitOptions { folds: Some(folds), batch_size: 32, ..FitOptions::default() }
                .resolved(&dataset)
                .epochs()
        };
        assert_eq!([2, 5, 10].map(epochs), [200, 125, 111]);
    }
}
