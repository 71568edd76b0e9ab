//! Chooses better settings, and compares them with the run as it was on drives that chose nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::experiments::change::Change;
use super::experiments::effect::{Effect, log_fall, pairs};
use super::experiments::experiment::Experiment;
use super::experiments::outcome::ExperimentOutcome;
use super::experiments::runner::Runner;
use super::experiments::trial::Trial;
use super::statistics::estimate::Estimate;
use super::verdict::finding::Finding;
use super::worker_pool::WorkerPool;
use crate::train::data::dataset::Dataset;
use crate::train::fit::epoch::FitError;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::FitOptions;

/// The number of seeds that both sides of the comparison are trained with.
const SEEDS: usize = 3;

/// The recommended settings, compared with the run as it was.
#[derive(Clone, Debug)]
pub(crate) struct FixedTraining {
    /// The recommended settings. Settings that are `None` are left to `fit`, which chooses them from the
    /// recordings.
    pub options: FitOptions,
    /// The number of epochs of a complete run with these settings.
    pub epochs: usize,
    /// The outcomes of the unchanged run, seed by seed.
    pub before: Vec<Option<ExperimentOutcome>>,
    /// The outcomes with the recommended settings, seed by seed.
    pub after: Vec<Option<ExperimentOutcome>>,
    /// The number of drives that both sides were scored on and that chose nothing; 0 if the drives that chose the
    /// settings scored them as well, because there were too few to reserve any.
    pub reserved: usize,
    /// The rise of the share of a drive's windows that are predicted correctly, with an interval over the drives;
    /// `None` with fewer than three reserved drives.
    pub rise: Option<Estimate>,
}

/// The settings with the most effective change for each cause. The change for the first finding is applied last,
/// so that it overrides the others. `epochs` is the number of epochs that the changes were tried with.
pub(crate) fn with_causes_fixed(
    original: &FitOptions,
    findings: &[Finding],
    trials: &[Trial],
    epochs: usize,
) -> FitOptions {
    let mut options = original.clone();
    for finding in findings.iter().rev() {
        let gain = |trial: &&Trial| {
            let worth = |e: Effect| worth(e.accuracy.mean, e.loss.mean, e.roughness.mean);
            trial.effect.map_or(0.0, worth)
        };
        let trials =
            trials.iter().filter(|trial| trial.cause == Some(finding.cause) && trial.effect.is_some());
        if let Some(trial) = trials.max_by(|one, other| gain(one).total_cmp(&gain(other))) {
            options = with_change(&options, &trial.options, original, epochs);
            if let Change::MoreEpochs { to, .. } = trial.change {
                options.epochs = Some(to);
            }
        }
    }
    let found = |cause| findings.iter().any(|finding| finding.cause == cause);
    if found(Cause::GradientSpikes) || found(Cause::TooManyEpochs) {
        options.schedule = Schedule::Cosine;
    }
    if [Cause::GradientSpikes, Cause::LearningRateTooHigh, Cause::BatchTooSmall].into_iter().any(found) {
        // A single step changes the average of the weights little.
        options.weight_average = FitOptions::default().weight_average;
    }
    options
}

/// The chosen settings without those that `fit` would choose by itself.
pub(crate) fn recommended(dataset: &Dataset, mut options: FitOptions, use_defaults: bool) -> FitOptions {
    // A single network, as the diagnosis trains it.
    let by_fit = FitOptions { folds: Some(0), ..FitOptions::default() }.resolved(dataset);
    options.hidden = options.hidden.filter(|_| options.hidden != by_fit.hidden);
    options.dense = options.dense.filter(|_| options.dense != by_fit.dense);
    options.summary_bins = options.summary_bins.filter(|_| options.summary_bins != by_fit.summary_bins);
    options.epochs = options.epochs.filter(|_| !use_defaults && options.epochs != by_fit.epochs);
    options
}

/// Whether the default settings are to be recommended rather than the user's own with every cause fixed. They are
/// preferred if both are about equal, because they need no flags and were tested on more data.
pub(crate) fn prefers_defaults(
    fixed: &[Option<ExperimentOutcome>],
    defaults: &[Option<ExperimentOutcome>],
) -> bool {
    defaults.iter().any(Option::is_some) && gain(defaults, fixed) <= NEGLIGIBLE_GAIN
}

/// Trains the run as it was and the one with the recommended settings, and scores both on the same drives. The result
/// is `None` if there was no time, or if the settings turn out not to be better.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn compare(
    [before, after]: [Experiment<'_>; 2],
    recommended: FitOptions,
    reserved: &BTreeSet<usize>,
    pool: &WorkerPool<'_>,
) -> Result<Option<FixedTraining>, FitError> {
    // The recommended settings get the time that they need, and the run as it was, which may have far more epochs,
    // what is left.
    let time = 0.9 * pool.time_left().as_secs_f64() * pool.threads as f64 / SEEDS as f64;
    let epochs = after.options.epochs();
    let after = shortened(after, 0.6 * time);
    let before = shortened(before, time - after.seconds());
    let mut runner = Runner::new(vec![after, before]);
    runner.run(&[0, 1], 0..SEEDS, pool)?;
    let (after, before) = (runner.outcomes(0).to_vec(), runner.outcomes(1).to_vec());
    let better = pairs(&before, &after).next().is_some() && gain(&before, &after) > 0.0;
    let rise = if reserved.is_empty() { None } else { rise_by_drive(&before, &after) };
    Ok(better.then_some(FixedTraining {
        options: recommended,
        epochs,
        before,
        after,
        reserved: reserved.len(),
        rise,
    }))
}

/// The same run with no more epochs than take this long, in seconds.
fn shortened(experiment: Experiment<'_>, seconds: f64) -> Experiment<'_> {
    let share = seconds / experiment.seconds();
    match share < 1.0 {
        true => experiment.with_epochs((experiment.options.epochs() as f64 * share) as usize),
        false => experiment,
    }
}

/// The mean rise of the share of a drive's windows that are predicted correctly. The drives are independent of
/// each other and of the training windows, so the interval over them holds for other drives of these surfaces.
fn rise_by_drive(
    before: &[Option<ExperimentOutcome>],
    after: &[Option<ExperimentOutcome>],
) -> Option<Estimate> {
    let share = |(correct, windows): (u64, u64)| correct as f64 / windows.max(1) as f64;
    let old = counts_by_drive(pairs(before, after).map(|(before, _)| before));
    let new = counts_by_drive(pairs(before, after).map(|(_, after)| after));
    let rises = new.into_iter().filter_map(|(drive, counts)| Some(share(counts) - share(*old.get(&drive)?)));
    Estimate::of(&rises.collect::<Vec<_>>(), 0.0)
}

/// How many windows of each drive, by index, were predicted correctly, and how many there are, summed over the runs.
fn counts_by_drive<'a>(runs: impl Iterator<Item = &'a ExperimentOutcome>) -> BTreeMap<usize, (u64, u64)> {
    let mut sums: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for (drive, (correct, windows)) in runs.flat_map(|run| &run.recordings) {
        let sum = sums.entry(*drive).or_default();
        *sum = (sum.0 + correct, sum.1 + windows);
    }
    sums
}

/// Settings whose gains differ by at most this much count as equal.
const NEGLIGIBLE_GAIN: f64 = 0.01;

/// Joins three improvements into one number, in shares of balanced accuracy: the rise of balanced accuracy,
/// and the falls of the loss and of the roughness as natural logarithms. The factors are our own choice: a
/// loss that is a tenth lower counts as one point of accuracy, and half the roughness as three and a half
/// points.
fn worth(accuracy: f64, loss: f64, roughness: f64) -> f64 {
    accuracy + 0.1 * loss + 0.05 * roughness
}

/// The mean gain from `before` to `after` by [`worth`], with the roughness of the validation loss, over the
/// seeds that were run in both; 0 if there are none.
fn gain(before: &[Option<ExperimentOutcome>], after: &[Option<ExperimentOutcome>]) -> f64 {
    let gain = |(before, after): (&ExperimentOutcome, &ExperimentOutcome)| {
        let roughness = log_fall(before.validation_roughness, after.validation_roughness);
        let loss = log_fall(before.validation_loss, after.validation_loss);
        worth(after.accuracy - before.accuracy, loss, roughness)
    };
    let gains: Vec<f64> = pairs(before, after).map(gain).collect();
    gains.iter().sum::<f64>() / gains.len().max(1) as f64
}

/// `options` with every setting that differs between `trial` and `original`, except for the epochs. `epochs`
/// is the number of epochs that `original` was run with.
fn with_change(options: &FitOptions, trial: &FitOptions, original: &FitOptions, epochs: usize) -> FitOptions {
    let table = |options: &FitOptions| toml::Table::try_from(options).unwrap_or_default();
    let before = table(&FitOptions { epochs: Some(epochs), ..original.clone() });
    let mut joined = table(options);
    let differs =
        table(trial).into_iter().filter(|(key, value)| before.get(key) != Some(value) && key != "epochs");
    joined.extend(differs);
    joined.try_into().unwrap_or_else(|_| options.clone())
}
