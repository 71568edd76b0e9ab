//! The phases of a diagnosis, and how its time is divided among them.
//!
//! Every phase ends at its deadline with what it has measured until then, and the phases after it make do with
//! that. So there is an answer at any budget and after an interruption; it says what was not measured.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::cause::Cause;
use super::cleaning::{Fault, faults};
use super::diagnosis::{Diagnosis, SecondRound};
use super::experiments::change::Change;
use super::experiments::experiment::Experiment;
use super::experiments::outcome::ExperimentOutcome;
use super::experiments::plan::Base;
use super::experiments::round::{FaultTrials, Round};
use super::experiments::trial::Trial;
use super::fix::{compare, prefers_defaults, with_causes_fixed};
use super::inspection::trees::trees_of_split;
use super::inspection::{Inspection, inspect};
use super::prepared::PreparedData;
use super::reference::measure_steps;
use super::reference::range_test::{RangeTest, steepest_rate};
use super::reference::spike::SpikeMeasurement;
use super::reference::training::{ReferenceTraining, train_unchanged};
use super::request::DiagnosisRequest;
use super::reserve::reserve;
use super::verdict::evidence::Evidence;
use super::verdict::finding::Finding;
use super::verdict::health::conditions;
use super::verdict::tendency::tendencies;
use super::verdict::{findings, sort};
use super::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::data::split::Split;
use crate::train::fit::context::pool as pool_for;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// The share of the budget after which each phase has to be finished.
mod phase_end {
    pub(super) const INSPECTION: f64 = 0.25;
    pub(super) const REFERENCE: f64 = 0.32;
    pub(super) const STEPS: f64 = 0.36;
    pub(super) const CHANGES: f64 = 0.66;
    pub(super) const MORE_SEEDS: f64 = 0.72;
    pub(super) const SECOND_ROUND: f64 = 0.86;
    pub(super) const ALL: f64 = 0.98;
}

/// The measurements of the unchanged run.
struct Measured {
    reference: ReferenceTraining,
    range: RangeTest,
    spike: Option<SpikeMeasurement>,
}

/// Diagnoses the training run of `request` within its budget.
///
/// # Errors
/// [`FitError::TooFew`] if there are fewer training windows than labels, and [`FitError::Threads`] if the
/// threads cannot be started.
pub(crate) fn diagnose(request: &DiagnosisRequest<'_>) -> Result<Diagnosis, FitError> {
    let DiagnosisRequest { options, dataset, budget, stop, progress, .. } = *request;
    let started = Instant::now();
    let labels = dataset.card.labels.len();
    let split = Split::for_one(dataset, options.validation(), options.seed);
    if split.training.len() < labels {
        return Err(FitError::TooFew { windows: split.training.len(), labels });
    }
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let job_done = || progress(None);
    let pool_until = |share: f64| WorkerPool {
        threads,
        deadline: started + budget.mul_f64(share),
        stop,
        job_done: &job_done,
    };

    progress(Some("inspecting the windows"));
    let inspection = inspect(dataset, options.seed, &pool_until(phase_end::INSPECTION))?;
    let faults = faults(dataset, &inspection);
    let data = PreparedData::new(request, &inspection, &faults, reserve(dataset, options.seed));

    progress(Some("training with the given settings"));
    let epoch_time = request.epoch_time(options, dataset, &split)?.max(1e-5);
    let measured = measure(request, &split, epoch_time, &pool_until)?;

    progress(Some("changing one thing at a time"));
    let window_time = epoch_time / split.training.len() as f64;
    let defaults = defaults(request, &data)?;
    let own_options = without_dead_channels(options, &data, &faults);
    let base = Base {
        options: &own_options,
        data: &data.cleaned,
        finer: data.finer.as_ref(),
        outliers: &data.outliers,
        defaults: &defaults,
        window_time,
    };
    let fault_trials = FaultTrials { given: &data.given, faults: &faults, without: &data.without };
    let pool = pool_until(phase_end::CHANGES);
    let mut round = Round::plan(base, base.changes(), Some(fault_trials), &pool);
    round.run(&pool)?;
    round.run_more(true, &pool_until(phase_end::MORE_SEEDS))?;
    let features = pool_for(threads)?.install(|| Features::of(&data.cleaned.dataset, &|| pool.expired()));
    let mut first = RoundResult::of(&round, features.as_ref(), &pool_until(phase_end::SECOND_ROUND))?;
    let mut found = findings(&first.evidence(&inspection, request, &measured, &[]));
    let trial_of = |result: &RoundResult, change: &Change| {
        result.trials.iter().find(|trial| trial.change == *change).map(|trial| trial.outcomes.clone())
    };

    let settings = found.iter().any(|finding| first.is_of_a_setting(finding));
    let defaults_help = first.helps(&Change::Defaults);
    let (mut second_round, mut fixed) = (None, None);
    if settings || !faults.is_empty() || defaults_help {
        progress(Some("looking for further causes"));
        let pool = pool_until(phase_end::SECOND_ROUND);
        let epochs = round.options().epochs();
        let better = with_causes_fixed(&own_options, &found, &first.trials, epochs);
        let own = match settings {
            true => {
                let base = Base { options: &better, ..base };
                let named: Vec<_> = found.iter().map(|finding| finding.cause).collect();
                let new = |cause: Option<Cause>| cause.is_some_and(|cause| !named.contains(&cause));
                let changes = base.changes().into_iter().filter(|trial| new(trial.cause)).collect();
                let mut round = Round::plan(base, changes, None, &pool);
                round.run(&pool)?;
                let second = RoundResult::of(&round, features.as_ref(), &pool)?;
                let tests = first.evidence(&inspection, request, &measured, &[]).tests();
                let more = findings(&second.evidence(&inspection, request, &measured, &tests));
                let more = more.into_iter().filter(|finding| !named.contains(&finding.cause));
                found.extend(more.map(|finding| Finding { after_first: true, ..finding }));
                sort(&mut found);
                let own = second.control.clone();
                second_round = Some(SecondRound { control: second.control, trials: second.trials });
                own
            }
            false => first.control.clone(),
        };
        progress(Some("comparing before and after"));
        let by_default = trial_of(&first, &Change::Defaults).unwrap_or_default();
        let mut all_trials = first.trials.clone();
        all_trials.extend(second_round.iter().flat_map(|round| round.trials.clone()));
        let own_fixed = with_causes_fixed(&own_options, &found, &all_trials, epochs);
        let use_defaults = prefers_defaults(&own, &by_default);
        let chosen = if use_defaults { defaults.0.clone() } else { own_fixed };
        let (before, after) = sides(&data, options, &chosen, window_time, defaults.1, use_defaults);
        let recommended = recommended(request, chosen, use_defaults);
        fixed = compare(before, after, recommended, &data.reserved, &pool_until(phase_end::ALL))?;
    } else {
        round.run_more(false, &pool_until(phase_end::ALL))?;
        first = RoundResult::of(&round, features.as_ref(), &pool_until(1.0))?;
        found = findings(&first.evidence(&inspection, request, &measured, &[]));
    }
    let evidence = first.evidence(&inspection, request, &measured, &[]);
    let (conditions, tendencies, tests) =
        (conditions(&evidence), tendencies(&evidence, &found), evidence.tests().len());
    Ok(Diagnosis {
        findings: found,
        conditions,
        tendencies,
        tests,
        options: options.clone(),
        channels_given: request.channels_given,
        history: measured.reference.history,
        noise: measured.reference.noise,
        spread: measured.reference.spread,
        spike: measured.spike,
        range: measured.range,
        epochs: round.options().epochs(),
        missing_seconds: round.missing_seconds() / threads as f64,
        control: first.control,
        trees: first.trees,
        trials: first.trials,
        second_round,
        fixed,
        reserved: data.reserved.len(),
        inspection,
        artificial: measured.reference.artificial,
        warnings: split.warnings,
        budget,
        used: started.elapsed(),
        interrupted: stop.load(Ordering::Relaxed),
    })
}

/// What was measured in one round.
struct RoundResult {
    options: FitOptions,
    control: Vec<Option<ExperimentOutcome>>,
    trees: Vec<Option<f64>>,
    trials: Vec<Trial>,
    overlap: f64,
    shortened: bool,
}

impl RoundResult {
    /// Takes the results of a round, and grows trees on the same splits.
    fn of(round: &Round<'_>, features: Option<&Features>, pool: &WorkerPool<'_>) -> Result<Self, FitError> {
        let control = round.control().to_vec();
        let experiment = round.control_experiment();
        let trees = pool.run(control.len(), |seed| {
            control[seed].as_ref()?;
            trees_of_split(experiment.dataset, features?, &experiment.split(seed as u64), &|| pool.expired())
        })?;
        Ok(Self {
            options: round.options().clone(),
            control,
            trees,
            trials: round.trials(),
            overlap: round.overlap(),
            shortened: round.is_shortened(),
        })
    }

    fn evidence<'a>(
        &'a self,
        inspection: &'a Inspection,
        request: &DiagnosisRequest<'a>,
        measured: &'a Measured,
        earlier_tests: &'a [f64],
    ) -> Evidence<'a> {
        Evidence {
            options: &self.options,
            dataset: request.dataset,
            inspection,
            control: &self.control,
            trees: &self.trees,
            trials: &self.trials,
            overlap: self.overlap,
            shortened: self.shortened,
            steepest: steepest_rate(&measured.range),
            history: &measured.reference.history,
            spike: measured.spike.as_ref(),
            earlier_tests,
        }
    }

    /// Whether the finding is fixed by another setting that was tried.
    fn is_of_a_setting(&self, finding: &Finding) -> bool {
        let fault = |change: &Change| {
            matches!(
                change,
                Change::OneUnit
                    | Change::GroupedDrives
                    | Change::LiveChannels { .. }
                    | Change::WithoutStuckWindows
                    | Change::WithoutSuspects
            )
        };
        self.trials.iter().any(|trial| trial.cause == Some(finding.cause) && !fault(&trial.change))
    }

    /// Whether a change raises the accuracy by an amount that counts.
    fn helps(&self, change: &Change) -> bool {
        let trial = self.trials.iter().find(|trial| trial.change == *change);
        trial.and_then(|trial| trial.mean_rise()).is_some_and(|rise| rise >= 0.03)
    }
}

/// Repeats the run as it was given, and measures its noise and its steps.
fn measure<'a>(
    request: &DiagnosisRequest<'_>,
    split: &Split,
    epoch_time: f64,
    pool_until: &dyn Fn(f64) -> WorkerPool<'a>,
) -> Result<Measured, FitError> {
    let reference =
        train_unchanged(request, split, epoch_time, &pool_until(1.0), &pool_until(phase_end::REFERENCE))?;
    (request.progress)(Some("measuring the steps"));
    let (range, spike) =
        measure_steps(request, &reference, split, epoch_time, &pool_until(phase_end::STEPS))?;
    Ok(Measured { reference, range, spike })
}

/// The settings without the channels that are stuck.
fn without_dead_channels(options: &FitOptions, data: &PreparedData, faults: &[Fault]) -> FitOptions {
    if !PreparedData::drops_channels(faults) {
        return options.clone();
    }
    let live = data.cleaned.dataset.card.channels.iter().map(|channel| channel.name.clone()).collect();
    FitOptions { channels: live, ..options.clone() }
}

/// The settings that `fit` has without flags, and how long one window takes with them in one epoch.
fn defaults(request: &DiagnosisRequest<'_>, data: &PreparedData) -> Result<(FitOptions, f64), FitError> {
    let dataset = data.finer.as_ref().unwrap_or(&data.cleaned.dataset);
    let given = request.options;
    let options = FitOptions {
        rate: given.rate,
        window: given.window,
        folds: Some(0),
        validation: given.validation,
        seed: given.seed,
        threads: given.threads,
        ..FitOptions::default()
    };
    let options = options.resolved(dataset);
    let split = Split::for_one(dataset, options.validation(), options.seed);
    let time = request.epoch_time(&options, dataset, &split)?.max(1e-5);
    Ok((options, time / split.training.len().max(1) as f64))
}

/// The run as it was and the run with the chosen settings, scored on the reserved drives or, without any, on those that
/// each seed holds out.
fn sides<'a>(
    data: &'a PreparedData,
    options: &FitOptions,
    chosen: &FitOptions,
    window_time: f64,
    default_time: f64,
    use_defaults: bool,
) -> (Experiment<'a>, Experiment<'a>) {
    let held_out = (!data.reserved.is_empty()).then_some(&data.reserved);
    let given = Experiment::new(options.clone(), &data.given_whole.dataset, window_time);
    let (dataset, time) = match (use_defaults, &data.finer_whole) {
        (true, Some(finer)) => (finer, default_time),
        (true, None) => (&data.cleaned_whole.dataset, default_time),
        (false, _) => (&data.cleaned_whole.dataset, window_time),
    };
    let fixed = Experiment::new(chosen.clone(), dataset, time);
    // Wrong labels score nothing on either side, but the run as it was is trained on them.
    let unscored = data.cleaned_whole.unscored.clone();
    let untrained = data.cleaned_whole.untrained.clone();
    let same_windows = std::ptr::eq(dataset, &data.cleaned_whole.dataset);
    let before = Experiment { unscored: unscored.clone(), held_out, ..given };
    let after = match same_windows {
        true => Experiment { unscored, untrained, held_out, ..fixed },
        false => Experiment { held_out, ..fixed },
    };
    (before, after)
}

/// The chosen settings without those that `fit` would choose by itself.
fn recommended(request: &DiagnosisRequest<'_>, mut options: FitOptions, use_defaults: bool) -> FitOptions {
    let by_fit = FitOptions::default().resolved(request.dataset);
    options.hidden = options.hidden.filter(|_| options.hidden != by_fit.hidden);
    options.dense = options.dense.filter(|_| options.dense != by_fit.dense);
    options.epochs = options.epochs.filter(|_| !use_defaults && options.epochs != by_fit.epochs);
    options
}
