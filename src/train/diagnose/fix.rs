//! Finds better settings, and trains with them before they are recommended.

use super::cause::Cause;
use super::experiments::effect::{Effect, log_fall, pairs};
use super::experiments::experiment::Experiment;
use super::experiments::outcome::ExperimentOutcome;
use super::experiments::runner::{SEEDS, run_within_time};
use super::experiments::trial::{Trial, TriedChanges};
use super::inspection::CleanedData;
use super::request::DiagnosisRequest;
use super::verdict::finding::Finding;
use super::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::FitOptions;

/// The recommended settings, with their outcomes and those of the unchanged run. Each run has as many of its
/// epochs as there was time for.
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
}

/// The share of the remaining time that is for the candidates. The rest is for the unchanged run, which may
/// have far more epochs.
const CANDIDATE_TIME: f64 = 0.4;

/// Tries the settings with every cause fixed, and the default settings, and compares the better of the two
/// with the unchanged run. The result is `None` if neither is better or there was no time.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn find_fix(
    request: &DiagnosisRequest<'_>,
    findings: &[Finding],
    tried: &TriedChanges,
    cleaned: &CleanedData,
    pool: &WorkerPool<'_>,
) -> Result<Option<FixedTraining>, FitError> {
    let own = with_causes_fixed(request.options, findings, tried);
    let defaults = FitOptions {
        rate: request.options.rate,
        window: request.options.window,
        channels: own.channels.clone(),
        folds: Some(0),
        validation: request.options.validation,
        seed: request.options.seed,
        ..FitOptions::default()
    };
    let candidates = [own, defaults];
    let wrong_labels = findings.iter().any(|finding| finding.cause == Cause::LabelErrors);
    let experiments =
        candidates.each_ref().map(|options| candidate_experiment(request, options, cleaned, wrong_labels));
    // A multiple of the number of threads, so that no core is idle during the last round.
    let seeds = SEEDS[1].next_multiple_of(pool.threads.max(1)).min(SEEDS[0]);
    let deadline = pool.deadline - pool.time_left().mul_f64(1.0 - CANDIDATE_TIME);
    let rows = run_within_time(request, &experiments, seeds, &WorkerPool { deadline, ..*pool })?;
    // The defaults are preferred if both are about equal, because they need no flags and were tested on more
    // data.
    let epochs = experiments.iter().map(|experiment| experiment.options.epochs());
    let best = candidates
        .into_iter()
        .zip(epochs)
        .zip(rows)
        .filter(|(_, row)| row.iter().any(Option::is_some))
        .reduce(|own, defaults| if gain(&defaults.1, &own.1) > NEGLIGIBLE_GAIN { own } else { defaults });
    let Some(((mut options, epochs), after)) = best else { return Ok(None) };
    // No flag is needed for a size that `fit` would choose by itself.
    let chosen = FitOptions::default().resolved(request.dataset);
    options.hidden = options.hidden.filter(|_| options.hidden != chosen.hidden);
    options.dense = options.dense.filter(|_| options.dense != chosen.dense);
    let unchanged = [Experiment::new(request.options.clone(), request.dataset)];
    let before = run_within_time(request, &unchanged, seeds, pool)?.pop().unwrap_or_default();
    Ok((gain(&before, &after) > 0.0).then_some(FixedTraining { options, epochs, before, after }))
}

/// The settings with the most effective change for each cause. The change for the first finding is applied
/// last, so that it overrides the others.
fn with_causes_fixed(original: &FitOptions, findings: &[Finding], tried: &TriedChanges) -> FitOptions {
    let mut options = original.clone();
    for finding in findings.iter().rev() {
        let gain = |trial: &&Trial| {
            let worth = |e: Effect| worth(e.accuracy.mean, e.loss.mean, e.roughness.mean);
            trial.effect.map_or(0.0, worth)
        };
        let trials = tried.trials.iter().filter(|trial| trial.cause == Some(finding.cause));
        if let Some(trial) = trials.max_by(|one, other| gain(one).total_cmp(&gain(other))) {
            options = with_change(&options, &trial.options, original, tried.options.epochs());
        }
    }
    let found = |cause| findings.iter().any(|finding| finding.cause == cause);
    if found(Cause::GradientSpikes) {
        options.schedule = Schedule::Cosine;
    }
    if [Cause::GradientSpikes, Cause::LearningRateTooHigh, Cause::BatchTooSmall].into_iter().any(found) {
        // A single step changes the average of the weights little.
        options.weight_average = FitOptions::default().weight_average;
    }
    options
}

/// A run with these settings, on the windows that they ask for.
fn candidate_experiment<'a>(
    request: &DiagnosisRequest<'a>,
    options: &FitOptions,
    cleaned: &'a CleanedData,
    wrong_labels: bool,
) -> Experiment<'a> {
    let smaller_hop = options.hop.is_none_or(|hop| hop < request.options.hop.unwrap_or(usize::MAX));
    let dataset = match (&cleaned.live, request.finer) {
        (Some(live), _) => live,
        (None, Some(finer)) if smaller_hop => finer,
        _ => request.dataset,
    };
    let mut experiment = Experiment::new(options.resolved(dataset), dataset);
    // The suspects are window indices into the dataset of the request, and mean other windows in another
    // dataset.
    if wrong_labels && dataset.len() == request.dataset.len() {
        experiment.untrained = cleaned.suspects.clone();
    }
    experiment
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
