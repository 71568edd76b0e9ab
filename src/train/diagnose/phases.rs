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
use super::experiments::plan::{Base, PlannedTrial};
use super::experiments::round::{FaultTrials, Round};
use super::experiments::round_result::RoundResult;
use super::experiments::trial::Trial;
use super::fix::{FixedTraining, compare, prefers_defaults, recommended, with_causes_fixed};
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
use crate::train::fit::context::pool;
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
    pub(super) const LAST_SEEDS: f64 = 0.95;
    pub(super) const ALL: f64 = 0.98;
}

/// About how many training runs a diagnosis needs.
const USUAL_RUNS: f64 = 36.0;
/// The share of the budget that the reference run may take if time is short.
const SHORT_REFERENCE: f64 = 0.06;

/// A diagnosis in progress.
struct Phases<'a> {
    request: &'a DiagnosisRequest<'a>,
    started: Instant,
    threads: usize,
    job_done: &'a (dyn Fn() + Sync),
    inspection: &'a Inspection,
    faults: &'a [Fault],
    data: &'a PreparedData,
    measured: Measured,
    /// The given settings without the channels that are stuck.
    own: FitOptions,
    /// How long one window takes in one epoch with the given settings, in seconds.
    window_time: f64,
    /// The default settings, with the same time.
    defaults: (FitOptions, f64),
    /// The features of the windows that the changes are tried on; `None` if there was no time for them.
    features: Option<Features>,
}

/// The measurements of the unchanged run.
struct Measured {
    reference: ReferenceTraining,
    range: RangeTest,
    spike: Option<SpikeMeasurement>,
}

/// The findings of both rounds, with what was measured.
struct Rounds {
    findings: Vec<Finding>,
    first: RoundResult,
    second: Option<RoundResult>,
    fixed: Option<FixedTraining>,
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
    let pool_until = |share: f64| {
        let deadline = started + budget.mul_f64(share);
        WorkerPool { threads, deadline, stop, job_done: &job_done }
    };
    progress(Some("inspecting the windows"));
    let inspection = inspect(dataset, options.seed, &pool_until(phase_end::INSPECTION))?;
    let faults = faults(dataset, &inspection);
    let data = PreparedData::new(request, &inspection, &faults, reserve(dataset, options.seed));
    let clean = &data.cleaned.dataset;
    let in_time = pool_until(phase_end::INSPECTION);
    let features = pool(threads)?.install(|| Features::of(clean, &|| in_time.expired()));

    progress(Some("training with the given settings"));
    let epoch_time = request.epoch_time(options, dataset, &split)?.max(1e-5);
    // If the changes need far more time than there is, most of it goes to them: the reference run is shorter, and the
    // steps are not measured.
    let needed = epoch_time * options.epochs() as f64 * USUAL_RUNS / threads as f64;
    let is_short = needed > budget.as_secs_f64();
    let share = if is_short { SHORT_REFERENCE } else { phase_end::STEPS - phase_end::INSPECTION };
    let spent = started.elapsed().as_secs_f64() / budget.as_secs_f64();
    let reference_pool = pool_until((spent + share).min(phase_end::REFERENCE));
    let reference = train_unchanged(request, &split, epoch_time, &reference_pool)?;
    progress(Some("measuring the steps"));
    let steps_pool = pool_until(if is_short { 0.0 } else { phase_end::STEPS });
    let (range, spike) = measure_steps(request, &reference, &split, epoch_time, &steps_pool)?;
    let epoch_time = reference.epoch_time.unwrap_or(epoch_time);
    let phases = Phases {
        request,
        started,
        threads,
        job_done: &job_done,
        inspection: &inspection,
        faults: &faults,
        data: &data,
        measured: Measured { reference, range, spike },
        own: data.own_settings(options, &faults),
        window_time: epoch_time / split.training.len() as f64,
        defaults: data.default_settings(request)?,
        features,
    };
    let Rounds { findings, first, second, fixed } = phases.rounds()?;
    let evidence = phases.evidence(&first, &[]);
    let (conditions, tendencies) = (conditions(&evidence), tendencies(&evidence, &findings));
    let tests = evidence.tests().len()
        + second.as_ref().map_or(0, |second| phases.evidence(second, &[]).tests().len());
    let Measured { reference, range, spike } = phases.measured;
    Ok(Diagnosis {
        findings,
        conditions,
        tendencies,
        tests,
        options: options.clone(),
        channels_given: request.channels_given,
        history: reference.history,
        noise: reference.noise,
        spread: reference.spread,
        artificial: reference.artificial,
        spike,
        range,
        epochs: first.options.epochs(),
        missing_seconds: first.missing_seconds / threads as f64,
        control: first.control,
        trees: first.trees,
        trials: first.trials,
        second_round: second.map(|second| SecondRound { control: second.control, trials: second.trials }),
        fixed,
        reserved: data.reserved.len(),
        inspection,
        warnings: split.warnings,
        budget,
        used: started.elapsed(),
        interrupted: stop.load(Ordering::Relaxed),
    })
}

impl Phases<'_> {
    /// A pool that ends after a share of the budget.
    fn pool_until(&self, share: f64) -> WorkerPool<'_> {
        let deadline = self.started + self.request.budget.mul_f64(share);
        WorkerPool { threads: self.threads, deadline, stop: self.request.stop, job_done: self.job_done }
    }

    /// The run with these settings, to try changes on.
    fn base<'a>(&'a self, options: &'a FitOptions, window_time: f64) -> Base<'a> {
        Base {
            options,
            data: &self.data.cleaned,
            finer: self.data.finer.as_ref(),
            outliers: &self.data.outliers,
            defaults: &self.defaults,
            window_time,
        }
    }

    fn evidence<'a>(&'a self, round: &'a RoundResult, earlier_tests: &'a [f64]) -> Evidence<'a> {
        Evidence {
            options: &round.options,
            dataset: self.request.dataset,
            inspection: self.inspection,
            control: &round.control,
            trees: &round.trees,
            trials: &round.trials,
            overlap: round.overlap,
            shortened: round.shortened,
            unfinished: round.unfinished,
            steepest: steepest_rate(&self.measured.range),
            history: &self.measured.reference.history,
            spike: self.measured.spike.as_ref(),
            earlier_tests,
        }
    }

    /// Tries changes, looks for further causes with the first ones fixed, and compares before and after. If nothing
    /// is wrong, all of the time goes to more seeds.
    fn rounds(&self) -> Result<Rounds, FitError> {
        (self.request.progress)(Some("changing one thing at a time"));
        let data = self.data;
        let fault_trials = FaultTrials { given: &data.given, faults: self.faults, without: &data.without };
        let pool = self.pool_until(phase_end::CHANGES);
        let mut round = self.run_round(&self.own, &|_| true, Some(fault_trials), &pool)?;
        let result = |round: &Round<'_>, known: &[Option<f64>], share| {
            RoundResult::of(round, self.features.as_ref(), known, &self.pool_until(share))
        };
        let trees = result(&round, &[], phase_end::MORE_SEEDS)?.trees;
        round.run_more(true, &self.pool_until(phase_end::MORE_SEEDS))?;
        let first = result(&round, &trees, phase_end::SECOND_ROUND)?;
        let mut found = findings(&self.evidence(&first, &[]));
        let of_settings = found.iter().any(|finding| {
            first.trials.iter().any(|t| t.cause == Some(finding.cause) && !t.change.is_of_recordings())
        });
        let defaults_help =
            first.trial(&Change::Defaults).and_then(Trial::mean_rise).is_some_and(|rise| rise >= 0.03);
        if !of_settings && self.faults.is_empty() && !defaults_help {
            round.run_more(false, &self.pool_until(phase_end::LAST_SEEDS))?;
            let first = result(&round, &first.trees, phase_end::ALL)?;
            let findings = findings(&self.evidence(&first, &[]));
            return Ok(Rounds { findings, first, second: None, fixed: None });
        }
        let second = if of_settings { Some(self.second_round(&first, &mut found)?) } else { None };
        let fixed = self.compare(&first, second.as_ref(), &found)?;
        Ok(Rounds { findings: found, first, second, fixed })
    }

    /// Runs a round of changes. If runs turn out to be so much faster than expected that less than half of the time was
    /// used, the round is repeated with more epochs and changes.
    fn run_round<'a>(
        &'a self,
        options: &'a FitOptions,
        chosen: &dyn Fn(&PlannedTrial<'a>) -> bool,
        faults: Option<FaultTrials<'a>>,
        pool: &WorkerPool<'_>,
    ) -> Result<Round<'a>, FitError> {
        let mut window_time = self.window_time;
        loop {
            let before = pool.time_left();
            let base = self.base(options, window_time);
            let changes = base.changes().into_iter().filter(chosen).collect();
            let mut round = Round::plan(base, changes, faults, pool);
            round.run(pool)?;
            let faster = round.pace() < 0.8 && 2 * pool.time_left() > before;
            if !round.is_shortened() || !faster || pool.expired() {
                return Ok(round);
            }
            window_time *= round.pace();
        }
    }

    /// Fixes the causes that were found, and tries the changes for all others. Adds what that shows to `found`.
    fn second_round(&self, first: &RoundResult, found: &mut Vec<Finding>) -> Result<RoundResult, FitError> {
        (self.request.progress)(Some("looking for further causes"));
        let pool = self.pool_until(phase_end::SECOND_ROUND);
        let fixed = with_causes_fixed(&self.own, found, &first.trials, first.options.epochs());
        let named: Vec<Cause> = found.iter().map(|finding| finding.cause).collect();
        let is_new = |cause: Option<Cause>| cause.is_some_and(|cause| !named.contains(&cause));
        // Changes that another one is compared with have no cause, and half of the recordings are tried again because a
        // network that could not learn made little of them.
        let half = Change::RecordingShare { percent: 50 };
        let chosen = |trial: &PlannedTrial<'_>| {
            is_new(trial.cause) || trial.change.is_auxiliary() || trial.change == half
        };
        let round = self.run_round(&fixed, &chosen, None, &pool)?;
        let second = RoundResult::of(&round, self.features.as_ref(), &[], &pool)?;
        let tests = self.evidence(first, &[]).tests();
        let evidence = self.evidence(&second, &tests);
        // With its causes fixed, the network may no longer be behind the trees or in need of recordings.
        let again = [
            (Cause::TooFewRecordings, evidence.loss_by_half().is_some()),
            (Cause::NetworkBehindTrees, evidence.trees_ahead().is_some()),
        ];
        found.retain(|finding| !again.contains(&(finding.cause, true)));
        let known: Vec<Cause> = found.iter().map(|finding| finding.cause).collect();
        let more = findings(&evidence).into_iter().filter(|finding| !known.contains(&finding.cause));
        found.extend(more.map(|finding| Finding { after_first: true, ..finding }));
        sort(found);
        Ok(second)
    }

    /// Chooses between the given settings with every cause fixed and the default settings, and compares them with the
    /// run as it was.
    fn compare(
        &self,
        first: &RoundResult,
        second: Option<&RoundResult>,
        found: &[Finding],
    ) -> Result<Option<FixedTraining>, FitError> {
        (self.request.progress)(Some("comparing before and after"));
        let mut trials = first.trials.clone();
        trials.extend(second.iter().flat_map(|second| second.trials.clone()));
        let own = with_causes_fixed(&self.own, found, &trials, first.options.epochs());
        let own_outcomes = second.map_or(&first.control, |second| &second.control);
        let by_default = first.trial(&Change::Defaults).map(|trial| &trial.outcomes[..]).unwrap_or_default();
        let use_defaults = prefers_defaults(own_outcomes, by_default);
        let chosen = if use_defaults { &self.defaults.0 } else { &own };
        let time = if use_defaults { self.defaults.1 } else { self.window_time };
        let sides = self.data.sides(self.request.options, self.window_time, (chosen, time), use_defaults);
        let recommended = recommended(self.request.dataset, chosen.clone(), use_defaults);
        compare(sides, recommended, &self.data.reserved, &self.pool_until(phase_end::ALL))
    }
}
