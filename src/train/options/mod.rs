//! How a model is trained: every setting, as a flag and as a key of a run's `config.toml`.

pub(crate) mod preset;
pub(crate) mod resolve;
pub mod settings;

use serde::{Deserialize, Serialize};

use crate::train::network::architecture::Pooling;
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;

/// Every setting of a training run. What is `None` follows from the recordings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FitOptions {
    /// Seed of the split, the weights and the order; the same seed gives the same model
    #[arg(long, default_value_t = 0, help_heading = "Training")]
    pub seed: u64,

    /// Steps a second [default: the recordings' own rate]
    #[arg(long, value_name = "HZ", help_heading = "Windows")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Steps in a window
    #[arg(long, value_name = "STEPS", default_value_t = 100, help_heading = "Windows")]
    pub window: usize,
    /// Steps between two windows [default: a tenth of the window]
    #[arg(long, value_name = "STEPS", help_heading = "Windows")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// Channels to take, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Windows")]
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub channels: Vec<String>,

    /// Units of each LSTM layer [default: 32]
    #[arg(long, value_name = "UNITS", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// Stacked LSTM layers
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = "Network")]
    pub layers: usize,
    /// What is taken of the last layer's outputs, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Pooling::Last, Pooling::Mean, Pooling::Max], help_heading = "Network")]
    pub pooling: Vec<Pooling>,
    /// First differences beside the channels
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Network")]
    pub differences: bool,
    /// Mean, deviation, range and mean changes of each channel beside what the LSTM gives
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Network")]
    pub summary: bool,
    /// What takes interchangeable channels (augment.permutations in dataset.toml) in one order, that of their means
    #[arg(long, value_enum, default_value_t = CanonicalOrder::Summary, help_heading = "Network")]
    pub canonical_order: CanonicalOrder,
    /// Units of a dense layer with ReLU before the last, 0 for none [default: 64 with 32 recordings of each surface or more, else none]
    #[arg(long, value_name = "UNITS", help_heading = "Network")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<usize>,
    /// Batch normalisation before the dense layers
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Network")]
    pub batch_norm: bool,

    /// Share left out between layers and before the dense ones
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, help_heading = "Regularisation")]
    pub dropout: f64,
    /// Share left out of each LSTM layer's inputs, the same at each step
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub input_dropout: f64,
    /// Share left out of each LSTM layer's recurrence, the same at each step
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub recurrent_dropout: f64,
    /// Share of the target that is spread over all labels
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub label_smoothing: f64,
    /// Shift each window by up to half a hop
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Regularisation")]
    pub shift: bool,
    /// Take interchangeable channels in any of their orders
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Regularisation")]
    pub permute: bool,
    /// Noise on each value, in deviations of its channel
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub jitter: f64,
    /// Deviation of a factor on each window
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub scale: f64,
    /// Probability that a channel is put to its mean throughout a window
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Regularisation")]
    pub channel_dropout: f64,
    /// How windows of rare surfaces come to count as much as others
    #[arg(long, value_enum, default_value_t = Balance::Weights, help_heading = "Regularisation")]
    pub balance: Balance,

    /// How parameters follow their gradients
    #[arg(long, value_enum, default_value_t = OptimizerKind::AdamW, help_heading = "Training")]
    pub optimizer: OptimizerKind,
    /// How far a step goes, at first
    #[arg(long, value_name = "RATE", default_value_t = 3e-3, help_heading = "Training")]
    pub learning_rate: f64,
    /// Momentum of SGD
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, help_heading = "Training")]
    pub momentum: f64,
    /// Nesterov's momentum, with SGD
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Training")]
    pub nesterov: bool,
    /// How much of each parameter a step of AdamW takes away, times the learning rate
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, help_heading = "Training")]
    pub weight_decay: f64,
    /// How the learning rate changes over the epochs
    #[arg(long, value_enum, default_value_t = Schedule::Cosine, help_heading = "Training")]
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises from 0
    #[arg(long, value_name = "EPOCHS", default_value_t = 0.0, help_heading = "Training")]
    pub warmup: f64,
    /// Epochs without a lower loss before the plateau schedule lowers the learning rate
    #[arg(long, value_name = "EPOCHS", default_value_t = 10, help_heading = "Training")]
    pub plateau_patience: usize,
    /// The factor by which it does
    #[arg(long, value_name = "FACTOR", default_value_t = 0.1, help_heading = "Training")]
    pub plateau_factor: f64,
    /// Scale gradients down to this norm, 0 for not at all
    #[arg(long, value_name = "NORM", default_value_t = 1.0, help_heading = "Training")]
    pub clip: f64,
    /// How much of the averaged weights stays at each step, 0 for no average; the average is what is validated and kept
    #[arg(long, value_name = "SHARE", default_value_t = 0.99, help_heading = "Training")]
    pub weight_average: f64,
    /// Windows in a step
    #[arg(long, value_name = "WINDOWS", default_value_t = 64, help_heading = "Training")]
    pub batch_size: usize,
    /// Passes over the training windows [default: as many as make some thousands of steps]
    #[arg(long, value_name = "COUNT", help_heading = "Training")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Epochs without a lower validation loss before training stops, the best weights kept; 0 for the last weights
    #[arg(long, value_name = "EPOCHS", default_value_t = 0, help_heading = "Training")]
    pub patience: usize,
    /// Threads, 0 for one a core; the model is the same whatever their number
    #[arg(long, value_name = "COUNT", default_value_t = 0, help_heading = "Training")]
    #[serde(skip, default)]
    pub threads: usize,

    /// Networks, each trained without one part of the recordings and scored on it, that answer as one; 0 for a single network
    /// [default: 5, 0 where --validation is given]
    #[arg(long, value_name = "COUNT", help_heading = "Validation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Share of each surface's recordings that a single network is validated on, 0 for none [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = "Validation")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Set how sure the model is by what was held out
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, help_heading = "Validation")]
    pub calibrate: bool,
}

/// How windows of rare surfaces come to count as much as others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Balance {
    /// Each surface's windows weigh in inverse proportion to their number.
    Weights,
    /// Each epoch draws as many windows of each surface.
    Sampling,
    /// They do not.
    None,
}

/// What takes the channels of a window in their canonical order, where some are interchangeable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanonicalOrder {
    /// Nothing.
    None,
    /// The summary; the LSTM takes them as they come.
    Summary,
    /// Everything.
    All,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}; it takes {takes}")]
pub struct OptionError {
    name: &'static str,
    value: String,
    takes: &'static str,
}

impl Default for FitOptions {
    fn default() -> Self {
        use clap::{Args, FromArgMatches};
        let command = Self::augment_args(clap::Command::new("fit").no_binary_name(true));
        let matches = command.get_matches_from(std::iter::empty::<&str>());
        match Self::from_arg_matches(&matches) {
            Ok(options) => options,
            // Every flag has a default or is optional, which the tests of this file hold.
            Err(error) => error.exit(),
        }
    }
}

impl FitOptions {
    /// How many networks there are: one a fold, or one.
    pub fn folds(&self) -> usize {
        match (self.folds, self.validation) {
            (Some(folds), _) => folds,
            (None, Some(_)) => 0,
            (None, None) => 5,
        }
    }

    /// The share that a single network is validated on.
    pub fn validation(&self) -> f64 {
        self.validation.unwrap_or(0.2)
    }

    /// Checks every setting by itself, and those that depend on each other.
    ///
    /// # Errors
    /// [`OptionError`] names the flag, its value and what it takes.
    pub fn check(&self) -> Result<(), OptionError> {
        let share =
            |name, value: f64| (name, value, "a share from 0 to below 1", (0.0..1.0).contains(&value));
        let least = |name, value: f64, takes| (name, value, takes, value >= 0.0 && value.is_finite());
        let count = |name, value: usize, takes, range: std::ops::RangeInclusive<usize>| {
            (name, value as f64, takes, range.contains(&value))
        };
        let folds = self.folds();
        let checks = [
            count("--hidden", self.hidden.unwrap_or(1), "1 to 4096 units", 1..=4096),
            count("--layers", self.layers, "1 to 8 layers", 1..=8),
            count("--dense", self.dense.unwrap_or(0), "0 to 4096 units", 0..=4096),
            share("--dropout", self.dropout),
            share("--input-dropout", self.input_dropout),
            share("--recurrent-dropout", self.recurrent_dropout),
            share("--label-smoothing", self.label_smoothing),
            share("--channel-dropout", self.channel_dropout),
            share("--momentum", self.momentum),
            share("--weight-average", self.weight_average),
            least("--jitter", self.jitter, "a number from 0 on"),
            least("--scale", self.scale, "a number from 0 on"),
            least("--weight-decay", self.weight_decay, "a number from 0 on"),
            least("--clip", self.clip, "a norm above 0, or 0 for none"),
            least("--warmup", self.warmup, "a number of epochs from 0 on"),
            (
                "--learning-rate",
                self.learning_rate,
                "a number above 0",
                self.learning_rate > 0.0 && self.learning_rate.is_finite(),
            ),
            (
                "--plateau-factor",
                self.plateau_factor,
                "a factor above 0 and below 1",
                self.plateau_factor > 0.0 && self.plateau_factor < 1.0,
            ),
            count("--batch-size", self.batch_size, "1 to 1048576 windows", 1..=1 << 20),
            count("--epochs", self.epochs.unwrap_or(1), "1 to 1000000 epochs", 1..=1_000_000),
            (
                "--validation",
                self.validation(),
                "a share from 0 to below 1",
                (0.0..1.0).contains(&self.validation()),
            ),
            ("--folds", folds as f64, "0, or 2 to 100 folds", folds == 0 || (2..=100).contains(&folds)),
            (
                "--folds",
                folds as f64,
                "0 where --validation is given, which is for a single network",
                folds == 0 || self.validation.is_none(),
            ),
            (
                "--pooling",
                self.pooling.len() as f64,
                "some of last, mean and max, each once",
                distinct(&self.pooling),
            ),
            ("--nesterov", 1.0, "a --momentum above 0 beside it", !self.nesterov || self.momentum > 0.0),
        ];
        match checks.into_iter().find(|(.., holds)| !holds) {
            None => Ok(()),
            Some((name, value, takes, _)) => Err(OptionError { name, value: value.to_string(), takes }),
        }
    }
}

fn distinct(pooling: &[Pooling]) -> bool {
    !pooling.is_empty() && pooling.iter().enumerate().all(|(index, one)| !pooling[..index].contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds_and_survive_toml() {
        let options = FitOptions::default();
        options.check().unwrap();
        let text = toml::to_string(&options).unwrap();
        assert_eq!(toml::from_str::<FitOptions>(&text).unwrap(), options);
        assert!(text.contains("batch-size = 64"), "{text}");
    }

    #[test]
    fn an_option_out_of_bounds_is_named_with_what_it_takes() {
        let check = |options: FitOptions| options.check().unwrap_err().to_string();
        let options = || FitOptions::default();
        assert_eq!(
            check(FitOptions { dropout: 1.0, ..options() }),
            "--dropout is 1; it takes a share from 0 to below 1"
        );
        assert!(check(FitOptions { folds: Some(1), ..options() }).contains("0, or 2 to 100 folds"));
        let both = FitOptions { folds: Some(5), validation: Some(0.2), ..options() };
        assert!(check(both).starts_with("--folds is 5; it takes 0 where --validation is given"));
        assert!(
            check(FitOptions { learning_rate: f64::NAN, ..options() }).contains("--learning-rate is NaN")
        );
        assert!(check(FitOptions { pooling: vec![], ..options() }).contains("--pooling"));
    }
}
