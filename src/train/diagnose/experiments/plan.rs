//! Decides which changes apply to a training run, and plans the experiment for each.

use super::change::Change;
use super::experiment::Experiment;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::inspection::CleanedData;
use crate::train::diagnose::inspection::screening::stuck_windows;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::optimize::optimizer::OptimizerKind;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::{Balance, FitOptions};

/// A change to be tried.
#[derive(Clone, Debug)]
pub(crate) struct PlannedTrial<'a> {
    pub change: Change,
    /// The cause that the change would fix; `None` if it would not fix any.
    pub cause: Option<Cause>,
    /// The run with the change.
    pub experiment: Experiment<'a>,
}

/// Every change that applies to a run with these settings. The number of changes does not depend on the
/// epochs.
pub(crate) fn plan_trials<'a>(
    request: &DiagnosisRequest<'a>,
    cleaned: &'a CleanedData,
    options: &FitOptions,
) -> Vec<PlannedTrial<'a>> {
    let dataset = request.dataset;
    let training_windows = dataset.len() as f64 * (1.0 - options.validation());
    let settings = step_changes(options, training_windows).into_iter().chain(network_changes(options));
    let mut planned: Vec<PlannedTrial<'a>> = settings
        .map(|(change, cause, options)| {
            let experiment = Experiment::new(options, dataset);
            PlannedTrial { change, cause, experiment }
        })
        .collect();
    planned.extend(request.finer.map(|finer| smaller_hop(options, dataset, finer)));
    planned.extend([50, 25].map(|percent| recording_share(options, dataset, percent)));
    if !cleaned.suspects.is_empty() {
        planned.extend(without_suspects(options, dataset, cleaned));
    }
    planned.extend(without_stuck_channel(options, dataset, cleaned));
    planned.extend(cleaned.grouped.as_ref().map(|grouped| PlannedTrial {
        change: Change::GroupedDrives,
        cause: Some(Cause::LeakySplit),
        experiment: Experiment::new(options.clone(), grouped),
    }));
    planned
}

/// A change of the settings, the cause that it would fix, and the changed settings.
type SettingsChange = (Change, Option<Cause>, FitOptions);

/// Changes to the training steps: batch size, learning rate and optimiser.
fn step_changes(options: &FitOptions, training_windows: f64) -> Vec<SettingsChange> {
    let unchanged = || options.clone();
    let mut changes = Vec::new();
    if options.batch_size < 32 {
        let size = 32.min((training_windows / 2.0) as usize).max(options.batch_size * 2);
        changes.push((
            Change::BatchSize { from: options.batch_size, to: size },
            Some(Cause::BatchTooSmall),
            FitOptions { batch_size: size, ..unchanged() },
        ));
    }
    let rate = options.learning_rate;
    let lower = FitOptions { learning_rate: round(rate / 10.0), ..unchanged() };
    changes.push((Change::LowerLearningRate, Some(Cause::LearningRateTooHigh), lower));
    let higher = FitOptions { learning_rate: round(rate * 10.0), ..unchanged() };
    changes.push((Change::HigherLearningRate, Some(Cause::LearningRateTooLow), higher));
    if options.clip == 0.0 {
        let clipped = FitOptions { clip: 1.0, ..unchanged() };
        changes.push((Change::Clip, Some(Cause::GradientSpikes), clipped));
    }
    if options.schedule == Schedule::Constant {
        let cosine = FitOptions { schedule: Schedule::Cosine, ..unchanged() };
        changes.push((Change::CosineSchedule, Some(Cause::GradientSpikes), cosine));
    }
    if options.optimizer != OptimizerKind::AdamW {
        let adamw = FitOptions { optimizer: OptimizerKind::AdamW, ..unchanged() };
        // SGD does not divide by the size of recent gradients, so its steps do not grow by themselves.
        let cause = (options.optimizer != OptimizerKind::Sgd).then_some(Cause::GradientSpikes);
        changes.push((Change::AdamW, cause, adamw));
    }
    changes
}

/// Changes to the network and its loss: size, regularisation and class weights.
fn network_changes(options: &FitOptions) -> Vec<SettingsChange> {
    let unchanged = || options.clone();
    let mut changes = Vec::new();
    if options.hidden() > 16 {
        let (hidden, dense) = ((options.hidden() / 8).max(12), options.dense() / 8);
        changes.push((
            Change::FewerUnits { from: options.hidden(), to: hidden },
            Some(Cause::NetworkTooLarge),
            FitOptions { hidden: Some(hidden), dense: Some(dense), ..unchanged() },
        ));
    }
    if options.dropout + options.input_dropout + options.recurrent_dropout + options.channel_dropout > 0.0 {
        let without = FitOptions {
            dropout: 0.0,
            input_dropout: 0.0,
            recurrent_dropout: 0.0,
            channel_dropout: 0.0,
            ..unchanged()
        };
        changes.push((Change::NoDropout, Some(Cause::RegularisationTooStrong), without));
    }
    if options.batch_norm {
        let without = FitOptions { batch_norm: false, ..unchanged() };
        // The statistics of small batches are noise, so there the batch is the cause.
        let cause =
            if options.batch_size < 16 { Cause::BatchTooSmall } else { Cause::RegularisationTooStrong };
        changes.push((Change::NoBatchNorm, Some(cause), without));
    }
    if options.balance == Balance::None {
        let balanced = FitOptions { balance: Balance::Weights, ..unchanged() };
        changes.push((Change::BalancedWeights, Some(Cause::ClassImbalance), balanced));
    }
    changes
}

/// Training on windows cut at a smaller hop.
fn smaller_hop<'a>(options: &FitOptions, dataset: &Dataset, finer: &'a Dataset) -> PlannedTrial<'a> {
    // The number of steps stays the same, so that only the windows can help and not a longer training.
    let epochs = (options.epochs() * dataset.len()).div_ceil(finer.len().max(1));
    let options = FitOptions { hop: Some(finer.card.hop), epochs: Some(epochs), ..options.clone() };
    PlannedTrial {
        change: Change::SmallerHop { from: dataset.card.hop, to: finer.card.hop },
        cause: Some(Cause::TooFewWindows),
        experiment: Experiment::new(options, finer),
    }
}

/// Training on a part of the training recordings.
fn recording_share<'a>(options: &FitOptions, dataset: &'a Dataset, percent: u8) -> PlannedTrial<'a> {
    let share = f64::from(percent) / 100.0;
    // The number of steps stays the same as with all recordings.
    let epochs = (options.epochs() as f64 / share).round() as usize;
    let options = FitOptions { epochs: Some(epochs), ..options.clone() };
    PlannedTrial {
        change: Change::RecordingShare { percent },
        cause: None,
        experiment: Experiment { share, ..Experiment::new(options, dataset) },
    }
}

/// Training without the windows whose label is suspected to be wrong, and the run that this is compared with.
fn without_suspects<'a>(
    options: &FitOptions,
    dataset: &'a Dataset,
    cleaned: &CleanedData,
) -> [PlannedTrial<'a>; 2] {
    let suspects = &cleaned.suspects;
    let unscored = Experiment { unscored: suspects.clone(), ..Experiment::new(options.clone(), dataset) };
    [
        PlannedTrial {
            change: Change::WithoutSuspects,
            cause: Some(Cause::LabelErrors),
            experiment: Experiment { untrained: suspects.clone(), ..unscored.clone() },
        },
        PlannedTrial { change: Change::SuspectsUnscored, cause: None, experiment: unscored },
    ]
}

/// Training without the stuck channels or, if there is only one channel, without the windows in which it is
/// stuck.
fn without_stuck_channel<'a>(
    options: &FitOptions,
    dataset: &'a Dataset,
    cleaned: &'a CleanedData,
) -> Option<PlannedTrial<'a>> {
    let cause = Some(Cause::DeadChannel);
    if let Some(live) = &cleaned.live {
        let names: Vec<String> = live.card.channels.iter().map(|channel| channel.name.clone()).collect();
        let options = FitOptions { channels: names.clone(), ..options.clone() };
        let experiment = Experiment::new(options, live);
        return Some(PlannedTrial { change: Change::LiveChannels { names }, cause, experiment });
    }
    if dataset.card.channels.len() != 1 {
        return None;
    }
    let untrained = stuck_windows(dataset, 0);
    let experiment = Experiment { untrained, ..Experiment::new(options.clone(), dataset) };
    let any = !experiment.untrained.is_empty();
    any.then_some(PlannedTrial { change: Change::WithoutStuckWindows, cause, experiment })
}

/// Rounds to seven significant digits, so that 0.003 / 10 is written as 0.0003 and not as
/// 0.00030000000000000003.
fn round(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
