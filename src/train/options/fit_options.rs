//! Every setting of a training run, with its default.

use clap::ArgAction;
use serde::{Deserialize, Serialize};

use crate::train::network::architecture::{InputScaling, Pooling};
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;

/// Every setting of a training run. A setting that is `None` follows from the recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FitOptions {
    /// Seed of the split, the initial weights and the order of the windows; the same seed gives the same
    /// model
    #[arg(long, default_value_t = 0, help_heading = "Training")]
    pub seed: u64,

    /// Steps per second [default: the sample rate of the recordings]
    #[arg(long, value_name = "HZ", help_heading = "Windows")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Steps in a window
    #[arg(long, value_name = "STEPS", default_value_t = 100, help_heading = "Windows")]
    pub window: usize,
    /// Steps from the start of one window to the start of the next [default: a tenth of the window]
    #[arg(long, value_name = "STEPS", help_heading = "Windows")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// Channels to use, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Windows")]
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub channels: Vec<String>,

    /// How the values of each channel are scaled before they go into the network
    #[arg(long, value_enum, default_value_t = InputScaling::Robust, help_heading = "Network")]
    #[serde(default)]
    pub input_scaling: InputScaling,
    /// Units of each LSTM layer [default: 32]
    #[arg(long, value_name = "UNITS", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// Number of stacked LSTM layers
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = "Network")]
    pub layers: usize,
    /// How the outputs of the last LSTM layer become one vector, separated by commas; several are
    /// concatenated
    #[arg(long, value_enum, value_delimiter = ',', help_heading = "Network")]
    #[arg(default_values_t = [Pooling::Last, Pooling::Mean, Pooling::Max])]
    pub pooling: Vec<Pooling>,
    /// Add the first differences of the channels to the input of the LSTM layers
    #[arg(long, value_name = "BOOL", default_value_t = false, help_heading = "Network")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub differences: bool,
    /// Steps that the LSTM layers take at once, as one longer step; 1 for step by step
    #[arg(long, value_name = "STEPS", default_value_t = 4, help_heading = "Network")]
    #[serde(default = "one_step")]
    pub patch: usize,
    /// Add summary statistics of each channel to the output of the LSTM layers: quantiles, changes, the power
    /// in frequency bands and correlations
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Network")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub summary: bool,
    /// Narrow bins in which each summary statistic is encoded piecewise linearly, 0 to only scale it [default: 8
    /// with at least 12 recordings of each surface, otherwise 0]
    #[arg(long, value_name = "COUNT", help_heading = "Network")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_bins: Option<usize>,
    /// Parts of the network that take interchangeable channels (augment.permutations in dataset.toml) in the
    /// order of their means
    #[arg(long, value_enum, default_value_t = CanonicalOrder::Summary, help_heading = "Network")]
    pub canonical_order: CanonicalOrder,
    /// Units of a dense layer with ReLU before the last layer, 0 for none [default: 64 with at least 12
    /// recordings of each surface, otherwise 0]
    #[arg(long, value_name = "UNITS", help_heading = "Network")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dense: Option<usize>,
    /// Use batch normalisation before the dense layers
    #[arg(long, value_name = "BOOL", default_value_t = false, help_heading = "Network")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub batch_norm: bool,

    /// Dropout rate between LSTM layers and before the dense layers
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, help_heading = "Regularisation")]
    pub dropout: f64,
    /// Dropout rate of each LSTM layer's inputs, with the same mask at each step
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub input_dropout: f64,
    /// Dropout rate of each LSTM layer's hidden state, with the same mask at each step
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub recurrent_dropout: f64,
    /// Share of each target that is spread evenly over all labels
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub label_smoothing: f64,
    /// Shift each training window by up to half a hop, at random
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Regularisation")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub shift: bool,
    /// Put interchangeable channels of each training window into a random order
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Regularisation")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub permute: bool,
    /// Standard deviation of the noise added to each value, relative to that of its channel
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub jitter: f64,
    /// Standard deviation of a random factor that each training window is multiplied by
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub scale: f64,
    /// Standard deviation of a random factor for each channel of each training window [default: 0.05 if a network
    /// that was trained on early recordings does better with it on later ones, otherwise 0]
    #[arg(long, value_name = "SHARE", help_heading = "Regularisation")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Probability that a channel is replaced by its mean in the whole window
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub channel_dropout: f64,
    /// How rare surfaces are balanced with frequent ones
    #[arg(long, value_enum, default_value_t = Balance::Weights, help_heading = "Regularisation")]
    pub balance: Balance,

    /// Optimiser that changes the weights, given their gradients
    #[arg(long, value_enum, default_value_t = OptimizerKind::AdamW, help_heading = "Training")]
    pub optimizer: OptimizerKind,
    /// Initial learning rate
    #[arg(long, value_name = "RATE", default_value_t = 3e-3, help_heading = "Training")]
    pub learning_rate: f64,
    /// Momentum of SGD, 0 for none
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Training")]
    pub momentum: f64,
    /// Use Nesterov's momentum with SGD
    #[arg(long, value_name = "BOOL", default_value_t = false, help_heading = "Training")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub nesterov: bool,
    /// Weight decay of AdamW: the share of each weight, times the learning rate, that a step subtracts from
    /// it
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, help_heading = "Training")]
    pub weight_decay: f64,
    /// How the learning rate changes over the epochs
    #[arg(long, value_enum, default_value_t = Schedule::Cosine, help_heading = "Training")]
    pub schedule: Schedule,
    /// Epochs at the start over which the learning rate rises from 0
    #[arg(long, value_name = "EPOCHS", default_value_t = 0.0, help_heading = "Training")]
    pub warmup: f64,
    /// Epochs without a lower loss after which the plateau schedule lowers the learning rate
    #[arg(long, value_name = "EPOCHS", default_value_t = 10, help_heading = "Training")]
    pub plateau_patience: usize,
    /// Factor that the plateau schedule multiplies the learning rate by
    #[arg(long, value_name = "FACTOR", default_value_t = 0.1, help_heading = "Training")]
    pub plateau_factor: f64,
    /// Maximum norm of the gradients, 0 for no limit
    #[arg(long, value_name = "NORM", default_value_t = 1.0, help_heading = "Training")]
    pub clip: f64,
    /// Decay of the moving average of the weights, 0 for no average; the averaged weights are the ones
    /// validated and exported
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, help_heading = "Training")]
    pub weight_average: f64,
    /// Windows in a batch
    #[arg(long, value_name = "WINDOWS", default_value_t = 64, help_heading = "Training")]
    pub batch_size: usize,
    /// Passes over the training windows [default: as many as make about 2000 steps, but 20 to 500]
    #[arg(long, value_name = "COUNT", help_heading = "Training")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Epochs without a lower validation loss after which training stops and keeps the best weights; 0 to
    /// train all epochs and keep the last weights
    #[arg(long, value_name = "EPOCHS", default_value_t = 0, help_heading = "Training")]
    pub patience: usize,
    /// Once a network has learned its training windows, with a mean loss below 0.01 in three epochs in a row, run
    /// through the rest of the schedule in a tenth of the epochs
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Training")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    #[serde(default)]
    pub end_when_learned: bool,
    /// Training windows of each surface that the model's file keeps for `refit`, 0 for none; at most 512 KiB in all
    #[arg(long, value_name = "WINDOWS", default_value_t = 24, help_heading = "Training")]
    #[serde(default = "rehearsal_windows")]
    pub rehearsal_windows: usize,
    /// Number of threads, 0 for one per core; the model does not depend on it
    #[arg(long, value_name = "COUNT", default_value_t = 0, help_heading = "Training")]
    #[serde(skip, default)]
    pub threads: usize,

    /// Number of networks in the model, each trained without one part of the recordings and scored on that
    /// part; the model averages their logits. 0 for a single network [default: 5, or 0 with --validation]
    #[arg(long, value_name = "COUNT", help_heading = "Validation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Share of each surface's recordings that a single network is validated on, 0 for none [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = "Validation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Calibrate the model's confidence on the held-out windows
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Validation")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub calibrate: bool,
    /// Give the model an output `novelty` that says how unlike the training windows a window is, from 0 to 1; it needs
    /// --summary
    #[arg(long, value_name = "BOOL", default_value_t = true, help_heading = "Validation")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    #[serde(default = "with_novelty")]
    pub novelty: bool,
}

/// The default of `novelty` in settings that were saved before there was a choice.
fn with_novelty() -> bool {
    true
}

/// The default of `patch` in settings that were saved before there was a choice.
fn one_step() -> usize {
    1
}

/// The default of `rehearsal_windows` in settings that were saved before there was a choice.
fn rehearsal_windows() -> usize {
    FitOptions::default().rehearsal_windows
}

/// How rare surfaces are balanced with frequent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// The loss of each window is weighted in inverse proportion to the number of its surface's windows.
    Weights,
    /// Each epoch draws the same number of windows of each surface.
    Sampling,
    /// Surfaces are not balanced.
    None,
}

/// The parts of the network that take interchangeable channels in canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanonicalOrder {
    /// No part; the channels keep their recorded order.
    None,
    /// The summary statistics; the LSTM layers take the recorded order.
    Summary,
    /// The summary statistics and the LSTM layers.
    All,
}

/// The values of the flags that are not given.
impl Default for FitOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            rate: None,
            window: 100,
            hop: None,
            channels: Vec::new(),
            input_scaling: InputScaling::Robust,
            hidden: None,
            layers: 1,
            pooling: vec![Pooling::Last, Pooling::Mean, Pooling::Max],
            differences: false,
            patch: 4,
            summary: true,
            summary_bins: None,
            canonical_order: CanonicalOrder::Summary,
            dense: None,
            batch_norm: false,
            dropout: 0.4,
            input_dropout: 0.0,
            recurrent_dropout: 0.0,
            label_smoothing: 0.0,
            shift: true,
            permute: true,
            jitter: 0.0,
            scale: 0.0,
            gain: None,
            channel_dropout: 0.0,
            balance: Balance::Weights,
            optimizer: OptimizerKind::AdamW,
            learning_rate: 3e-3,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.01,
            schedule: Schedule::Cosine,
            warmup: 0.0,
            plateau_patience: 10,
            plateau_factor: 0.1,
            clip: 1.0,
            weight_average: 0.99,
            batch_size: 64,
            epochs: None,
            patience: 0,
            end_when_learned: true,
            rehearsal_windows: 24,
            threads: 0,
            folds: None,
            validation: None,
            calibrate: true,
            novelty: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        let command = FitOptions::augment_args(clap::Command::new("fit"));
        let matches = command.try_get_matches_from(["fit"]).unwrap();
        assert_eq!(FitOptions::from_arg_matches(&matches).unwrap(), FitOptions::default());
    }

    #[test]
    fn the_defaults_survive_toml() {
        let options = FitOptions::default();
        let text = toml::to_string(&options).unwrap();
        assert_eq!(toml::from_str::<FitOptions>(&text).unwrap(), options);
        assert!(text.contains("batch-size = 64") && text.contains("input-scaling = \"robust\""), "{text}");
    }

    #[test]
    fn settings_that_were_saved_before_there_was_a_choice_of_scaling_are_robust() {
        let text = toml::to_string(&FitOptions::default()).unwrap();
        let before = text.replace("input-scaling = \"robust\"\n", "");
        assert_ne!(before, text);
        assert_eq!(toml::from_str::<FitOptions>(&before).unwrap(), FitOptions::default());
    }
}
