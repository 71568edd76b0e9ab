//! Tries every change that applies, over several seeds, and measures the effect of each.

use super::change::Change;
use super::effect::Effect;
use super::experiment::Experiment;
use super::outcome::ExperimentOutcome;
use super::plan::{PlannedTrial, plan_trials};
use super::runner::{SEEDS, run_all};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::inspection::CleanedData;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// A change that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub change: Change,
    /// The cause that the change would fix; `None` if it would not fix any.
    pub cause: Option<Cause>,
    /// The settings with the change.
    pub options: FitOptions,
    /// The effect of the change; `None` if there was no time for two seeds.
    pub effect: Option<Effect>,
    /// The outcomes with the change, seed by seed; `None` for a seed that there was no time for.
    pub outcomes: Vec<Option<ExperimentOutcome>>,
}

/// The runs with one thing changed, and the unchanged runs that they are compared with.
#[derive(Clone, Debug)]
pub(crate) struct TriedChanges {
    /// The number of seeds that each run was planned with.
    pub seeds: usize,
    /// The settings of the unchanged run, with as many epochs as there was time for.
    pub options: FitOptions,
    /// The outcomes of the unchanged run, seed by seed.
    pub control: Vec<Option<ExperimentOutcome>>,
    pub trials: Vec<Trial>,
}

/// Trains with one thing changed at a time, over several seeds. `epoch_time` is the time that one epoch of
/// the unchanged run takes, in seconds.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn try_changes(
    request: &DiagnosisRequest<'_>,
    cleaned: &CleanedData,
    epoch_time: f64,
    pool: &WorkerPool<'_>,
) -> Result<TriedChanges, FitError> {
    let asked = request.options.epochs();
    let with_epochs = |epochs: usize| FitOptions { epochs: Some(epochs), ..request.options.clone() };
    let runs = plan_trials(request, cleaned, &with_epochs(2)).len() + 1;
    // Every run is assumed to take as long as the unchanged one, because no larger network is tried. A fifth
    // of the time is kept in reserve.
    let affordable = |seeds: usize| {
        let time = 0.8 * pool.time_left().as_secs_f64() * pool.threads as f64;
        time / (runs * seeds) as f64 / epoch_time
    };
    // If time is short, the number of seeds is reduced first, and then the number of epochs.
    let enough = |seeds: &usize| affordable(*seeds) >= asked as f64 * 0.5;
    let seeds = SEEDS.into_iter().find(enough).unwrap_or(SEEDS[1]);
    let options = with_epochs(asked.min(affordable(seeds) as usize).max(2));
    let planned = plan_trials(request, cleaned, &options);
    let mut experiments = vec![Experiment::new(options.clone(), request.dataset)];
    experiments.extend(planned.iter().map(|trial| trial.experiment.clone()));
    let mut outcomes = run_all(&experiments, seeds, pool)?.into_iter();
    let control = outcomes.next().unwrap_or_default();
    let outcomes: Vec<_> = outcomes.collect();
    let unscored = planned.iter().zip(&outcomes).find(|(trial, _)| trial.change == Change::SuspectsUnscored);
    let unscored = unscored.map(|(_, row)| row.clone());
    let trial = |(planned, outcomes): (&PlannedTrial<'_>, Vec<Option<ExperimentOutcome>>)| {
        // Compare with the run that drops the suspected windows from scoring as well, so that the two runs
        // differ only in training.
        let without_suspects = planned.change == Change::WithoutSuspects;
        let before = unscored.as_ref().filter(|_| without_suspects).unwrap_or(&control);
        Trial {
            change: planned.change.clone(),
            cause: planned.cause,
            options: planned.experiment.options.clone(),
            effect: Effect::of(before, &outcomes),
            outcomes,
        }
    };
    let trials = planned.iter().zip(outcomes).map(trial).collect();
    Ok(TriedChanges { seeds, options, control, trials })
}
