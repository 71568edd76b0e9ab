//! Decides which changes apply to a training run, and plans the experiment for each.

use std::collections::BTreeSet;

use super::change::Change;
use super::experiment::Experiment;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::cleaning::CleanedData;
use crate::train::network::architecture::InputScaling;
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::{Balance, FitOptions};

/// The factor by which the epochs are raised to see whether there are too few.
const MORE_EPOCHS: usize = 3;
/// The fewest epochs with windows cut at a smaller hop.
const MIN_FINER_EPOCHS: f64 = 2.5;
/// Classes are unequal if the largest has more windows than the smallest by at least this factor.
const UNEQUAL: f64 = 1.5;
/// Noise added to training windows is tried without from this standard deviation on, relative to that of the channel.
const SOME_NOISE: f64 = 0.1;
/// From this one on, it is as strong as much of what tells surfaces apart.
const MUCH_NOISE: f64 = 0.5;
/// A learning rate is far above the usual one, which is the default of most frameworks, by this factor.
const LONG_STEPS: f64 = 30.0;

/// The priority of changes for causes that are evident from the settings or the recordings.
const EVIDENT: u8 = 1;
/// The priority of changes for causes that are likely from them.
const LIKELY: u8 = 3;
/// With fewer training steps than this, there are probably too few of them; `fit` takes ten times as many.
pub(crate) const FEW_STEPS: usize = 300;

/// A training run that changes are tried on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    /// The settings, with every setting filled in.
    pub options: &'a FitOptions,
    pub data: &'a CleanedData,
    /// The same recordings cut at the default hop; `None` unless that is much smaller.
    pub finer: Option<&'a Dataset>,
    /// Windows with values far outside of all others, by index.
    pub outliers: &'a BTreeSet<usize>,
    /// The default settings, with the time that one window takes in one epoch, in seconds.
    pub defaults: &'a (FitOptions, f64),
    /// How long one window takes in one epoch, in seconds.
    pub window_time: f64,
}

/// A change to be tried.
#[derive(Clone, Debug)]
pub(crate) struct PlannedTrial<'a> {
    pub change: Change,
    /// The cause that the change would fix; `None` if it would not fix any.
    pub cause: Option<Cause>,
    /// The run with the change.
    pub experiment: Experiment<'a>,
    /// Changes with a lower number are tried first.
    pub(super) priority: u8,
}

impl PlannedTrial<'_> {
    /// Whether the settings or the recordings themselves make this change likely to help, before any training: very
    /// small batches, an input that is not scaled, a rare surface that is not weighted, hardly any steps or far too long
    /// ones.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self.priority, EVIDENT | LIKELY)
    }
}

impl<'a> Base<'a> {
    /// A run with these settings on the windows of the base.
    pub(crate) fn experiment(&self, options: FitOptions) -> Experiment<'a> {
        let experiment = Experiment::new(options, &self.data.dataset, self.window_time);
        let (untrained, unscored) = (self.data.untrained.clone(), self.data.unscored.clone());
        Experiment { untrained, unscored, ..experiment }
    }

    /// Every change that applies, starting with the one to try first.
    pub(crate) fn changes(&self) -> Vec<PlannedTrial<'a>> {
        let settings = self.step_changes().into_iter().chain(self.network_changes());
        let mut planned: Vec<PlannedTrial<'a>> = settings
            .map(|(priority, change, cause, options)| PlannedTrial {
                change,
                cause,
                experiment: self.experiment(options),
                priority,
            })
            .collect();
        planned.extend(self.with_defaults());
        planned.extend(self.without_outliers());
        planned.extend(self.smaller_hop());
        planned.extend([(5, 50), (8, 25)].map(|(priority, percent)| self.recording_share(priority, percent)));
        // A stable sort, so that changes of one priority keep their order.
        planned.sort_by_key(|trial| trial.priority);
        planned
    }

    fn unchanged(&self) -> FitOptions {
        self.options.clone()
    }

    /// Changes to the training steps: batch size, learning rate, epochs and optimiser.
    fn step_changes(&self) -> Vec<SettingsChange> {
        let options = self.options;
        let unchanged = || self.unchanged();
        let mut changes = Vec::new();
        if options.batch_size < 32 {
            let training_windows = self.data.dataset.len() as f64 * (1.0 - options.validation());
            let size = 32.min((training_windows / 2.0) as usize).max(options.batch_size * 2);
            changes.push((
                if options.batch_size <= 8 { EVIDENT } else { 6 },
                Change::BatchSize { from: options.batch_size, to: size },
                Some(Cause::BatchTooSmall),
                FitOptions { batch_size: size, ..unchanged() },
            ));
        }
        let rate = options.learning_rate;
        let lower = FitOptions { learning_rate: round(rate / 10.0), ..unchanged() };
        let long_steps = has_long_steps(options);
        let priority = if long_steps { EVIDENT } else { 2 };
        changes.push((priority, Change::LowerLearningRate, Some(Cause::LearningRateTooHigh), lower));
        let higher = FitOptions { learning_rate: round(rate * 10.0), ..unchanged() };
        changes.push((2, Change::HigherLearningRate, Some(Cause::LearningRateTooLow), higher));
        let (from, to) = (options.epochs(), MORE_EPOCHS * options.epochs());
        let more = FitOptions { epochs: Some(to), ..unchanged() };
        let steps = from * self.data.dataset.len().div_ceil(options.batch_size.max(1));
        let priority = if steps < FEW_STEPS { EVIDENT } else { 4 };
        changes.push((priority, Change::MoreEpochs { from, to }, Some(Cause::TooFewEpochs), more));
        let priority = if long_steps { LIKELY } else { 4 };
        if options.clip == 0.0 {
            let clipped = FitOptions { clip: 1.0, ..unchanged() };
            changes.push((priority, Change::Clip, Some(Cause::GradientSpikes), clipped));
        }
        if options.schedule == Schedule::Constant {
            let cosine = FitOptions { schedule: Schedule::Cosine, ..unchanged() };
            changes.push((priority, Change::CosineSchedule, Some(Cause::GradientSpikes), cosine));
        }
        if options.optimizer != OptimizerKind::AdamW {
            let adamw = FitOptions { optimizer: OptimizerKind::AdamW, ..unchanged() };
            let priority = if options.optimizer == OptimizerKind::Sgd { EVIDENT } else { 4 };
            changes.push((priority, Change::AdamW, Some(Cause::WrongOptimizer), adamw));
        }
        changes
    }

    /// Changes to the network and its loss: scaling, size, regularisation and class weights.
    fn network_changes(&self) -> Vec<SettingsChange> {
        let options = self.options;
        let unchanged = || self.unchanged();
        let mut changes = Vec::new();
        let cause = match options.input_scaling {
            InputScaling::Robust => None,
            InputScaling::Standard => (!self.outliers.is_empty()).then_some(Cause::Outliers),
            InputScaling::None => Some(Cause::UnscaledInput),
        };
        if let Some(cause) = cause {
            let scaled = FitOptions { input_scaling: InputScaling::Robust, ..unchanged() };
            changes.push((EVIDENT, Change::RobustScaling, Some(cause), scaled));
        }
        if options.hidden() > 16 {
            let (hidden, dense) = ((options.hidden() / 8).max(12), options.dense() / 8);
            changes.push((
                if options.hidden() > 64 { LIKELY } else { 6 },
                Change::FewerUnits { from: options.hidden(), to: hidden },
                Some(Cause::NetworkTooLarge),
                FitOptions { hidden: Some(hidden), dense: Some(dense), ..unchanged() },
            ));
        }
        let dropout =
            options.dropout + options.input_dropout + options.recurrent_dropout + options.channel_dropout;
        if dropout > 0.0 {
            let without = FitOptions {
                dropout: 0.0,
                input_dropout: 0.0,
                recurrent_dropout: 0.0,
                channel_dropout: 0.0,
                ..unchanged()
            };
            let priority = if dropout > 0.5 { LIKELY } else { 6 };
            changes.push((priority, Change::NoDropout, Some(Cause::RegularisationTooStrong), without));
        }
        // Noise that is small beside the signal is usual.
        let noise = options.jitter + options.scale + options.gain.unwrap_or(0.0);
        if noise >= SOME_NOISE {
            let without = FitOptions { jitter: 0.0, scale: 0.0, gain: Some(0.0), ..unchanged() };
            let priority = if noise >= MUCH_NOISE { LIKELY } else { 6 };
            changes.push((priority, Change::NoNoise, Some(Cause::RegularisationTooStrong), without));
        }
        if options.batch_norm {
            let without = FitOptions { batch_norm: false, ..unchanged() };
            // The statistics of small batches are noise, so there the batch is the cause.
            let small = options.batch_size < 16;
            let cause = if small { Cause::BatchTooSmall } else { Cause::RegularisationTooStrong };
            changes.push((6, Change::NoBatchNorm, Some(cause), without));
        }
        if options.balance == Balance::None && is_unequal(&self.data.dataset) {
            let balanced = FitOptions { balance: Balance::Weights, ..unchanged() };
            changes.push((LIKELY, Change::BalancedWeights, Some(Cause::ClassImbalance), balanced));
        }
        changes
    }

    /// Training with the settings that `fit` has without flags; `None` if these are the settings.
    fn with_defaults(&self) -> Option<PlannedTrial<'a>> {
        let (options, window_time) = self.defaults;
        // The number of epochs follows from the number of windows, so it differs a little.
        let same_epochs = FitOptions { epochs: self.options.epochs, ..options.clone() };
        let ratio = options.epochs() as f64 / self.options.epochs() as f64;
        if same_epochs.flags(self.options).is_empty() && (0.6..1.7).contains(&ratio) {
            return None;
        }
        let experiment = match self.finer {
            Some(finer) => Experiment::new(options.clone(), finer, *window_time),
            None => Experiment { window_time: *window_time, ..self.experiment(options.clone()) },
        };
        Some(PlannedTrial { change: Change::Defaults, cause: None, experiment, priority: 0 })
    }

    /// Training and scoring without the windows that have outliers, and the run that this is compared with.
    fn without_outliers(&self) -> Vec<PlannedTrial<'a>> {
        let windows = self.outliers;
        // With too many of them, there would be nothing left to compare.
        if windows.is_empty() || 2 * windows.len() > self.data.dataset.len() {
            return Vec::new();
        }
        let mut unscored = self.experiment(self.unchanged());
        unscored.unscored.extend(windows);
        let mut without = unscored.clone();
        without.untrained.extend(windows);
        let planned =
            |change, cause, experiment| PlannedTrial { change, cause, experiment, priority: EVIDENT };
        vec![
            planned(Change::OutliersUnscored, None, unscored),
            planned(Change::WithoutOutliers, Some(Cause::Outliers), without),
        ]
    }

    /// Training on windows cut at a smaller hop.
    fn smaller_hop(&self) -> Option<PlannedTrial<'a>> {
        let (finer, dataset) = (self.finer?, &self.data.dataset);
        // The number of steps stays the same, so that only the windows can help and not a longer training.
        let epochs = self.options.epochs() as f64 * dataset.len() as f64 / finer.len().max(1) as f64;
        if epochs < MIN_FINER_EPOCHS {
            // Rounded to whole epochs, the number of steps would differ.
            return None;
        }
        let epochs = epochs.round() as usize;
        let options = FitOptions { hop: Some(finer.card.hop), epochs: Some(epochs), ..self.unchanged() };
        Some(PlannedTrial {
            change: Change::SmallerHop { from: dataset.card.hop, to: finer.card.hop },
            cause: Some(Cause::TooFewWindows),
            experiment: Experiment::new(options, finer, self.window_time),
            priority: 7,
        })
    }

    /// Training on a part of the training recordings.
    fn recording_share(&self, priority: u8, percent: u8) -> PlannedTrial<'a> {
        let share = f64::from(percent) / 100.0;
        // The number of steps stays the same as with all recordings.
        let epochs = (self.options.epochs() as f64 / share).round() as usize;
        let options = FitOptions { epochs: Some(epochs), ..self.unchanged() };
        PlannedTrial {
            change: Change::RecordingShare { percent },
            cause: None,
            experiment: Experiment { share, ..self.experiment(options) },
            priority,
        }
    }
}

/// The priority of a change of the settings, the change, the cause that it would fix, and the changed settings.
type SettingsChange = (u8, Change, Option<Cause>, FitOptions);

/// Whether the learning rate is far above what the optimiser usually has, and nothing limits the steps or shortens them
/// later.
fn has_long_steps(options: &FitOptions) -> bool {
    let usual = match options.optimizer {
        OptimizerKind::Sgd => 0.01,
        _ => 0.001,
    };
    let limited = options.clip > 0.0 || options.schedule != Schedule::Constant;
    !limited && options.learning_rate >= LONG_STEPS * usual
}

/// Whether the labels have unequal numbers of windows.
fn is_unequal(dataset: &Dataset) -> bool {
    let counts = dataset.count(0..dataset.len());
    let (low, high) = counts.iter().fold((usize::MAX, 0), |(l, h), count| (l.min(*count), h.max(*count)));
    high as f64 >= UNEQUAL * low as f64
}

/// Rounds to seven significant digits, so that 0.003 / 10 is written as 0.0003 and not as
/// 0.00030000000000000003.
fn round(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
