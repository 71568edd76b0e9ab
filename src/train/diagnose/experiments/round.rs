//! A round of experiments: an unchanged run and the same run with one thing changed at a time, each over several
//! seeds.

use super::change::Change;
use super::effect::Effect;
use super::experiment::Experiment;
use super::fault_trials::{ExperimentRole, FaultTrials};
use super::outcome::{ExperimentOutcome, mean};
use super::plan::{Base, PlannedTrial};
use super::runner::Runner;
use super::trial::Trial;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;

/// The number of seeds that every change is tried over if there is time, and the most for a change that seems to
/// help.
pub(crate) const SEEDS: usize = 4;
const MAX_SEEDS: usize = 10;
/// The fewest seeds that say anything. If time is short, changes are left out and epochs are shortened until there
/// is time for this many.
const MIN_SEEDS: usize = 3;
/// So many of the changes are tried however short the time is.
const MIN_CHANGES: usize = 4;
/// Changes are left out rather than epochs shortened to less than this share.
const MIN_EPOCHS: f64 = 0.5;
/// The share of the time that is planned for; the rest allows for runs that take longer than expected.
const PLANNED_TIME: f64 = 0.85;
/// The share of the time that runs with the default settings may take.
const DEFAULTS_TIME: f64 = 0.2;
/// With less than this share of their epochs, runs with the default settings would mislead, unless the given ones are
/// far longer.
const MIN_DEFAULTS: f64 = 0.15;
/// Nearly all epochs are run as all of them: the runs that do not end in time are those of the last seeds.
const NEARLY_ALL: f64 = 0.75;

/// The experiments of a round, with what was measured so far.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    faults: Option<FaultTrials<'a>>,
    roles: Vec<ExperimentRole>,
    runner: Runner<'a>,
    /// The changes that there was no time to try.
    left_out: Vec<PlannedTrial<'a>>,
    /// The epochs that each experiment has without a limit of time.
    epochs: Vec<usize>,
    /// The share of them that each run has, except for the one with the default settings, which has its own.
    share: f64,
    overlap: f64,
}

impl<'a> Round<'a> {
    /// Plans the experiments so that each can be run with at least three seeds before the deadline of `pool`.
    pub(crate) fn plan(
        base: Base<'a>,
        planned: Vec<PlannedTrial<'a>>,
        faults: Option<FaultTrials<'a>>,
        pool: &WorkerPool<'_>,
    ) -> Self {
        let control = base.experiment(base.options.clone());
        let split = control.split(0);
        let overlap = split.validation.len() as f64 / split.training.len().max(1) as f64;
        let mut experiments = vec![(ExperimentRole::Control, control)];
        experiments.extend(faults.iter().flat_map(|faults| faults.experiments(&base)));
        let time = PLANNED_TIME * pool.time_left().as_secs_f64() * pool.threads as f64 / MIN_SEEDS as f64;
        let is_default = |trial: &PlannedTrial<'_>| trial.change == Change::Defaults;
        let (defaults, mut planned): (Vec<_>, Vec<_>) = planned.into_iter().partition(is_default);
        // Beside a run of which there is time for a small part only, they say more than any single change.
        let is_long = experiments.first().is_some_and(|(_, control)| 3.0 * control.seconds() > time);
        let defaults: Vec<_> = defaults
            .into_iter()
            .map(|trial| {
                let share = (DEFAULTS_TIME * time / trial.experiment.seconds()).min(1.0);
                (trial, share)
            })
            .filter(|(_, share)| *share >= MIN_DEFAULTS || is_long)
            .collect();
        let time =
            time - defaults.iter().map(|(trial, share)| share * trial.experiment.seconds()).sum::<f64>();
        let always: f64 = experiments.iter().map(|(_, experiment)| experiment.seconds()).sum();
        let share = |count: usize, planned: &[PlannedTrial<'_>]| {
            time / (always + planned[..count].iter().map(|trial| trial.experiment.seconds()).sum::<f64>())
        };
        let all = planned.len();
        let fits = |count: &usize| *count <= MIN_CHANGES || share(*count, &planned) >= MIN_EPOCHS;
        let count = (0..=all).rev().find(fits).unwrap_or(0);
        let share = share(count, &planned);
        let share = if share >= NEARLY_ALL { 1.0 } else { share };
        let mut left_out = planned.split_off(count);
        if share < 1.0 {
            // With fewer epochs than asked for, more of them help in any case.
            let (more, others) = planned.into_iter().partition(|trial| is_more_epochs(&trial.change));
            (planned, left_out) = (others, [more, left_out].concat());
        }
        let trials = defaults.into_iter().chain(planned.into_iter().map(|t| (t, share)));
        let mut roles: Vec<ExperimentRole> = Vec::new();
        let mut runs: Vec<Experiment<'a>> = Vec::new();
        let mut epochs: Vec<usize> = Vec::new();
        for (role, experiment) in experiments {
            roles.push(role);
            epochs.push(experiment.options.epochs());
            runs.push(shortened(&experiment, share));
        }
        for (trial, share) in trials {
            let expected = trial.is_expected();
            roles.push(ExperimentRole::Change(trial.change, trial.cause, expected));
            epochs.push(trial.experiment.options.epochs());
            runs.push(shortened(&trial.experiment, share));
        }
        Self { faults, roles, runner: Runner::new(runs), left_out, epochs, share, overlap }
    }

    /// Runs every experiment with the first seeds.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn run(&mut self, pool: &WorkerPool<'_>) -> Result<(), FitError> {
        let all: Vec<usize> = (0..self.roles.len()).collect();
        let seeds = if self.share < 1.0 { MIN_SEEDS } else { SEEDS };
        self.runner.run(&all, 0..seeds, pool)
    }

    /// Runs more seeds: of the changes that seem to help, or of all if none does.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn run_more(&mut self, only_promising: bool, pool: &WorkerPool<'_>) -> Result<(), FitError> {
        let control = self.control();
        let rough = mean(control, |outcome| outcome.roughness) >= 0.02;
        let promising = |index: &usize| match &self.roles[*index] {
            ExperimentRole::Control => true,
            ExperimentRole::Change(change, ..) if change.is_auxiliary() => true,
            ExperimentRole::Change(change, ..) => {
                let effect = Effect::of(control, self.runner.outcomes(*index), self.overlap);
                *change == Change::Defaults || effect.is_some_and(|effect| seems_to_help(&effect, rough))
            }
            ExperimentRole::Given | ExperimentRole::GivenUnscored | ExperimentRole::Fault(_) => false,
        };
        let chosen: Vec<usize> =
            (0..self.roles.len()).filter(|index| !only_promising || promising(index)).collect();
        if only_promising && chosen.iter().all(|index| !self.is_change(*index)) {
            return Ok(());
        }
        self.runner.run(&chosen, 0..MAX_SEEDS, pool)
    }

    fn is_change(&self, index: usize) -> bool {
        matches!(&self.roles[index], ExperimentRole::Change(change, ..) if *change != Change::Defaults && !change.is_auxiliary())
    }

    /// How many times as long as expected the runs took.
    pub(crate) fn pace(&self) -> f64 {
        self.runner.pace()
    }

    /// The outcomes of the unchanged run, seed by seed.
    pub(crate) fn control(&self) -> &[Option<ExperimentOutcome>] {
        self.runner.outcomes(0)
    }

    /// The unchanged run.
    pub(crate) fn control_experiment(&self) -> &Experiment<'a> {
        self.runner.experiment(0)
    }

    /// The number of windows held out divided by that of the windows trained on.
    pub(crate) fn overlap(&self) -> f64 {
        self.overlap
    }

    /// Whether the runs have fewer epochs than were asked for.
    pub(crate) fn is_shortened(&self) -> bool {
        self.share < 1.0
    }

    /// The share of the epochs that the runs have.
    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// Whether the runs have so few of the epochs that were asked for that the network may be far from what it would
    /// become.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.share < 1.0 / 3.0
    }

    /// The faults of the recordings and the changes, with what was measured. Those that there was no time for have no
    /// outcomes.
    pub(crate) fn trials(&self) -> Vec<Trial> {
        let outcomes_of = |wanted: &dyn Fn(&ExperimentRole) -> bool| {
            let index = self.roles.iter().position(wanted);
            index.map(|index| self.runner.outcomes(index).to_vec()).unwrap_or_default()
        };
        let given = outcomes_of(&|role| matches!(role, ExperimentRole::Given));
        let given_unscored = outcomes_of(&|role| matches!(role, ExperimentRole::GivenUnscored));
        let mut trials = Vec::new();
        for (index, fault) in self.faults.iter().flat_map(|faults| faults.faults).enumerate() {
            let own = self
                .roles
                .iter()
                .position(|role| matches!(role, ExperimentRole::Fault(other) if *other == index));
            // The run without a single fault is the unchanged run of the cleaned recordings.
            let own = own.unwrap_or(0);
            let before = if fault.unscored.is_empty() { &given } else { &given_unscored };
            trials.push(self.trial(fault.change.clone(), Some(fault.cause), own, before.clone()));
        }
        for (index, role) in self.roles.iter().enumerate() {
            let ExperimentRole::Change(change, cause, expected) = role else { continue };
            if change.is_auxiliary() {
                continue;
            }
            let before = match change.compared_with() {
                None => self.control().to_vec(),
                Some(other) => outcomes_of(
                    &|role| matches!(role, ExperimentRole::Change(change, ..) if *change == other),
                ),
            };
            trials.push(Trial { expected: *expected, ..self.trial(change.clone(), *cause, index, before) });
        }
        trials.extend(self.left_out.iter().filter(|trial| !trial.change.is_auxiliary()).map(|trial| Trial {
            expected: trial.is_expected(),
            change: trial.change.clone(),
            cause: trial.cause,
            options: trial.experiment.options.clone(),
            epochs_asked: trial.experiment.options.epochs(),
            before: Vec::new(),
            outcomes: Vec::new(),
            effect: None,
            missing_seconds: SEEDS as f64 * trial.experiment.seconds() * self.runner.pace(),
        }));
        trials
    }

    fn trial(
        &self,
        change: Change,
        cause: Option<Cause>,
        index: usize,
        before: Vec<Option<ExperimentOutcome>>,
    ) -> Trial {
        let experiment = self.runner.experiment(index);
        let outcomes = self.runner.outcomes(index).to_vec();
        let done = outcomes.iter().flatten().count() as f64;
        let epochs_asked = self.epochs[index];
        let epochs = experiment.options.epochs();
        let whole = self.whole_seconds(index);
        let missing = if epochs < epochs_asked { SEEDS as f64 } else { (SEEDS as f64 - done).max(0.0) };
        Trial {
            epochs_asked,
            effect: Effect::of(&before, &outcomes, self.overlap),
            options: experiment.options.clone(),
            missing_seconds: missing * whole,
            change,
            cause,
            expected: false,
            before,
            outcomes,
        }
    }

    /// How long a run of this experiment takes with all of its epochs, in seconds on one thread.
    fn whole_seconds(&self, index: usize) -> f64 {
        let experiment = self.runner.experiment(index);
        experiment.seconds() * self.epochs[index] as f64 / experiment.options.epochs() as f64
            * self.runner.pace()
    }

    /// How long all changes would still take with all epochs and [`SEEDS`] seeds, in seconds on one thread.
    pub(crate) fn missing_seconds(&self) -> f64 {
        let whole = self.whole_seconds(0);
        let done = if self.share < 1.0 { 0 } else { self.control().iter().flatten().count().min(SEEDS) };
        let changes = self.trials().iter().map(|trial| trial.missing_seconds).sum::<f64>();
        whole * (SEEDS - done) as f64 + changes
    }
}

/// The same run with this share of its epochs.
fn shortened<'a>(experiment: &Experiment<'a>, share: f64) -> Experiment<'a> {
    match share < 1.0 {
        true => experiment.with_epochs((experiment.options.epochs() as f64 * share) as usize),
        false => experiment.clone(),
    }
}

fn is_more_epochs(change: &Change) -> bool {
    matches!(change, Change::MoreEpochs { .. })
}

/// Whether more seeds may show that a change helps, or that fewer recordings do harm.
fn seems_to_help(effect: &Effect, rough: bool) -> bool {
    effect.accuracy.mean.abs() >= 0.025
        || effect.loss.mean >= 0.22
        || (rough && effect.roughness.mean >= 0.5)
        || effect.rarest.mean >= 0.04
}
