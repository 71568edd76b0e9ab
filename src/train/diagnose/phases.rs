//! The phases of a diagnosis, and how its time is divided among them.
//!
//! Every phase ends at its deadline with what it has measured until then, and the phases after it make do with
//! that. So there is an answer at any budget and after an interruption; it says what was not measured.

use std::time::Instant;

use super::cause::Cause;
use super::experiments::change::Change;
use super::experiments::cleaning::RecordingFault;
use super::experiments::fault_trials::FaultTrials;
use super::experiments::plan::{Base, PlannedTrial};
use super::experiments::prepared::PreparedData;
use super::experiments::round::Round;
use super::experiments::round_result::RoundResult;
use super::experiments::trial::Trial;
use super::fix::{FixedTraining, compare, prefers_defaults, recommended, with_causes_fixed};
use super::inspection::Inspection;
use super::reference::range_test::{RangeTest, steepest_rate};
use super::reference::spike::SpikeMeasurement;
use super::reference::training::ReferenceTraining;
use super::request::DiagnosisRequest;
use super::verdict::certainty::tests;
use super::verdict::criteria::ACCURACY_RISE;
use super::verdict::evidence::Evidence;
use super::verdict::families::TestFamilies;
use super::verdict::finding::Finding;
use super::verdict::{findings, sort};
use super::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// The share of the budget after which each phase has to be finished.
pub(super) mod phase_end {
    pub(crate) const INSPECTION: f64 = 0.25;
    pub(crate) const REFERENCE: f64 = 0.32;
    pub(crate) const STEPS: f64 = 0.36;
    pub(crate) const CHANGES: f64 = 0.66;
    pub(crate) const MORE_SEEDS: f64 = 0.72;
    pub(crate) const SECOND_ROUND: f64 = 0.86;
    pub(crate) const LAST_SEEDS: f64 = 0.95;
    pub(crate) const ALL: f64 = 0.98;
}

/// A round is repeated with longer runs if these have at least this many times the epochs.
const LONGER: f64 = 1.4;

/// A diagnosis in progress.
pub(super) struct Phases<'a> {
    pub(super) request: &'a DiagnosisRequest<'a>,
    pub(super) started: Instant,
    pub(super) threads: usize,
    pub(super) job_done: &'a (dyn Fn() + Sync),
    pub(super) inspection: &'a Inspection,
    pub(super) faults: &'a [RecordingFault],
    pub(super) data: &'a PreparedData,
    pub(super) measured: Measured,
    /// The given settings without the channels that are stuck.
    pub(super) own: FitOptions,
    /// How long one window takes in one epoch with the given settings, in seconds.
    pub(super) window_time: f64,
    /// The default settings, with the same time.
    pub(super) defaults: (FitOptions, f64),
    /// The features of the windows that the changes are tried on; `None` if there was no time for them.
    pub(super) features: Option<Features>,
}

/// The measurements of the unchanged run.
pub(super) struct Measured {
    pub(super) reference: ReferenceTraining,
    pub(super) range: RangeTest,
    pub(super) spike: Option<SpikeMeasurement>,
}

/// The findings of both rounds, with what was measured.
pub(super) struct RoundFindings {
    pub(super) findings: Vec<Finding>,
    pub(super) first: RoundResult,
    pub(super) second: Option<RoundResult>,
    pub(super) fixed: Option<FixedTraining>,
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

    pub(super) fn evidence<'a>(
        &'a self,
        round: &'a RoundResult,
        earlier_tests: &'a TestFamilies,
    ) -> Evidence<'a> {
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
    pub(super) fn rounds(&self) -> Result<RoundFindings, FitError> {
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
        let mut found = findings(&self.evidence(&first, &TestFamilies::default()));
        let of_settings = found.iter().any(|finding| {
            first.trials.iter().any(|t| t.cause == Some(finding.cause) && !t.change.is_of_recordings())
        });
        let defaults_help = first
            .trial(&Change::Defaults)
            .and_then(Trial::mean_rise)
            .is_some_and(|rise| rise >= ACCURACY_RISE);
        if !of_settings && self.faults.is_empty() && !defaults_help {
            // If the runs were shortened, the time that is left is better used for longer ones than for more seeds.
            let pool = self.pool_until(phase_end::LAST_SEEDS);
            let planned =
                self.plan(&self.own, self.window_time * round.pace(), &|_| true, Some(fault_trials), &pool);
            if round.is_shortened() && planned.share() >= LONGER * round.share() {
                round = planned;
                round.run(&pool)?;
            }
            round.run_more(false, &pool)?;
            let first = result(&round, &first.trees, phase_end::ALL)?;
            let findings = findings(&self.evidence(&first, &TestFamilies::default()));
            return Ok(RoundFindings { findings, first, second: None, fixed: None });
        }
        let second = if of_settings { Some(self.second_round(&first, &mut found)?) } else { None };
        let fixed = self.compare(&first, second.as_ref(), &found)?;
        Ok(RoundFindings { findings: found, first, second, fixed })
    }

    /// Plans a round of changes for the time until the deadline of `pool`.
    fn plan<'a>(
        &'a self,
        options: &'a FitOptions,
        window_time: f64,
        chosen: &dyn Fn(&PlannedTrial<'a>) -> bool,
        faults: Option<FaultTrials<'a>>,
        pool: &WorkerPool<'_>,
    ) -> Round<'a> {
        let base = self.base(options, window_time);
        Round::plan(base, base.changes().into_iter().filter(chosen).collect(), faults, pool)
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
            let mut round = self.plan(options, window_time, chosen, faults, pool);
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
        let tests = tests(&self.evidence(first, &TestFamilies::default()));
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
