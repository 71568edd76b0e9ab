//! Why a training misbehaves, found out by experiment: it is run again with one thing changed at a time, over several seeds, and what
//! mends it is its cause.
//!
//! The files follow the order of the work: the `inspection` of the recordings, the `reference` training as it is, its `spike`, the
//! changes of `trial` run in the `runner`, the `verdict` over what they did, and the `fix`ed training; `page` shows it all.

pub(crate) mod artificial;
pub(crate) mod cause;
pub(crate) mod curve;
pub(crate) mod diagnosis;
pub(crate) mod estimate;
pub(crate) mod fix;
pub(crate) mod inspection;
pub(crate) mod label_errors;
pub(crate) mod neighbours;
pub(crate) mod page;
pub(crate) mod reference;
pub(crate) mod runner;
pub(crate) mod sampling;
pub(crate) mod screening;
pub(crate) mod sharpness;
pub(crate) mod spike;
pub(crate) mod trial;
pub(crate) mod verdict;

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::curve::spikes;
use self::diagnosis::Diagnosis;
use self::inspection::{Cleaned, inspect};
use self::reference::{RangeTest, Seen, steepest};
use self::runner::{Effect, Experiment, ExperimentOutcome, ExperimentRunner, SEEDS};
use self::spike::Spike;
use self::trial::{Subject, Trial};
use self::verdict::{Evidence, SPIKE};
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::TrainingContext;
use crate::train::fit::epoch::FitError;
use crate::train::fit::trainer::Trainer;
use crate::train::options::FitOptions;

/// What is to be found out.
#[derive(Clone, Copy)]
pub(crate) struct DiagnosisRequest<'a> {
    /// The settings that misbehave, complete, of a single network.
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The same recordings cut at the hop that is the default, where that is much smaller.
    pub finer: Option<&'a Dataset>,
    /// How long it may take.
    pub budget: Duration,
    /// Once it is set, what is known by then is told.
    pub stop: &'a AtomicBool,
    /// Told what is being done, and after each training.
    pub progress: &'a (dyn Fn(Option<&str>) + Sync),
}

/// When each phase has to end, as a share of the budget; the last takes what is left.
mod until {
    pub(super) const REFERENCE: f64 = 0.4;
    pub(super) const STEPS: f64 = 0.55;
    pub(super) const CHANGES: f64 = 0.75;
}

/// The trainings with one thing changed, and the one that they are held against.
struct TriedChanges {
    seeds: usize,
    /// The settings, with as many epochs as there was time for.
    options: FitOptions,
    control: Vec<Option<ExperimentOutcome>>,
    trials: Vec<Trial>,
}

impl DiagnosisRequest<'_> {
    /// Finds it out.
    ///
    /// # Errors
    /// [`FitError`]: too few windows, or no threads.
    pub(crate) fn answer(&self) -> Result<Diagnosis, FitError> {
        let Self { options, dataset, budget, stop, progress, .. } = *self;
        let begun = Instant::now();
        let labels = dataset.card.labels.len();
        let split = Split::for_one(dataset, options.validation(), options.seed);
        if split.training.len() < labels {
            return Err(FitError::TooFew { windows: split.training.len(), labels });
        }
        let workers = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let ended = || progress(None);
        let runner = |share: f64| ExperimentRunner {
            workers,
            deadline: begun + budget.mul_f64(share),
            stop,
            ended: &ended,
        };

        progress(Some("looking at the windows"));
        let all = runner(1.0);
        let (inspection, cleaned) = inspect(dataset, options.seed, &all)?;

        progress(Some("training as it is"));
        let epoch = self.epoch_time(options, dataset, &split)?.max(1e-5);
        let (reference, seen, artificial) = self.as_it_is(&split, epoch, &all, &runner(until::REFERENCE))?;

        progress(Some("measuring steps"));
        let (range, spike) = self.measured(&reference, &seen, &split, epoch, &runner(until::STEPS))?;

        progress(Some("changing one thing at a time"));
        let tried = self.try_changes(&cleaned, epoch, &runner(until::CHANGES))?;
        let evidence = Evidence {
            options: &tried.options,
            dataset,
            inspection: &inspection,
            control: &tried.control,
            trials: &tried.trials,
            shortened: tried.options.epochs() < options.epochs(),
            steepest: steepest(&range),
            history: &seen.history,
            spike: spike.as_ref(),
        };
        let findings = evidence.findings();
        let mut diagnosis = Diagnosis {
            findings,
            options: options.clone(),
            history: seen.history,
            noise: seen.noise,
            spread: seen.spread,
            spike,
            range,
            seeds: tried.seeds,
            epochs: tried.options.epochs(),
            control: tried.control,
            trials: tried.trials,
            fixed: None,
            inspection,
            artificial,
            warnings: split.warnings,
        };
        if !diagnosis.findings.is_empty() {
            progress(Some("trying what to do instead"));
            diagnosis.fixed = self.fixed(&diagnosis, &cleaned, &all)?;
        }
        Ok(diagnosis)
    }

    /// A training on these windows, before its first epoch.
    fn trainer<'a>(&'a self, options: &'a FitOptions, dataset: &'a Dataset, split: &Split) -> Trainer<'a> {
        let training = TrainingContext { options, dataset, stop: self.stop, progress: &|_, _| {} };
        Trainer::new(&training, split.clone(), 0)
    }

    /// The training as it is, every epoch or as many as there is time for, and beside it the same settings on the artificial task.
    fn as_it_is(
        &self,
        split: &Split,
        epoch: f64,
        all: &ExperimentRunner<'_>,
        runner: &ExperimentRunner<'_>,
    ) -> Result<(FitOptions, Seen, Option<ExperimentOutcome>), FitError> {
        let Self { options, dataset, .. } = *self;
        let whole = options.epochs().min((0.2 * all.left().as_secs_f64() / epoch) as usize).max(2);
        let reference = FitOptions { epochs: Some(whole), ..options.clone() };
        let task = artificial::cos_against_arccos(dataset, options.seed);
        let passes = (whole * dataset.len()).div_ceil(task.len()).min(whole.div_ceil(2)).max(2);
        let artificial =
            Experiment::new(FitOptions { epochs: Some(passes), hop: None, ..options.clone() }, &task);
        let (seen, outcome) =
            runner.both(|| self.reference(&reference, split, runner), || runner.one(&artificial, 0))?;
        Ok((reference, seen.unwrap_or_default(), outcome.flatten()))
    }

    /// The range test, and beside it the curvature around the last spike that there is time to get to again and to look around at.
    fn measured(
        &self,
        reference: &FitOptions,
        seen: &Seen,
        split: &Split,
        epoch: f64,
        runner: &ExperimentRunner<'_>,
    ) -> Result<(RangeTest, Option<Spike>), FitError> {
        let losses: Vec<f64> = seen.history.iter().map(|epoch| epoch.loss).collect();
        let reached = 0.4 * runner.left().as_secs_f64() / epoch;
        let jumps = spikes(&losses, SPIKE);
        let at = jumps.iter().rev().find(|at| **at as f64 <= reached).or(jumps.first()).copied();
        let (range, spike) = runner.both(
            || self.range(split, epoch, runner),
            || self.spike(reference, split, at, losses.len(), epoch, runner),
        )?;
        Ok((range.unwrap_or_default(), spike.flatten()))
    }

    /// Trains with one thing changed at a time, over several seeds.
    fn try_changes(
        &self,
        cleaned: &Cleaned,
        epoch: f64,
        runner: &ExperimentRunner<'_>,
    ) -> Result<TriedChanges, FitError> {
        let asked = self.options.epochs();
        let with = |epochs: usize| FitOptions { epochs: Some(epochs), ..self.options.clone() };
        let trainings = Subject::of(self, cleaned, &with(2)).changes().len() + 1;
        // What a training takes is about what the one that misbehaves takes; larger networks are not tried.
        let affordable = |seeds: usize| {
            let time = 0.8 * runner.left().as_secs_f64() * runner.workers as f64;
            time / (trainings * seeds) as f64 / epoch
        };
        // Fewer seeds where time is short, then fewer epochs.
        let enough = |seeds: &usize| affordable(*seeds) >= asked as f64 * 0.5;
        let seeds = SEEDS.into_iter().find(enough).unwrap_or(SEEDS[1]);
        let options = with(asked.min(affordable(seeds) as usize).max(2));
        let changes = Subject::of(self, cleaned, &options).changes();
        let mut experiments = vec![Experiment::new(options.clone(), self.dataset)];
        experiments.extend(changes.iter().map(|change| change.experiment.clone()));
        let mut outcomes = runner.run(&experiments, seeds)?.into_iter();
        let control = outcomes.next().unwrap_or_default();
        let outcomes: Vec<_> = outcomes.collect();
        let unsuspected =
            changes.iter().zip(&outcomes).find(|(change, _)| change.what.contains("score only"));
        let unsuspected = unsuspected.map(|(_, row)| row.clone());
        let trial = |(change, outcomes): (&trial::TrialChange<'_>, Vec<Option<ExperimentOutcome>>)| {
            let before = unsuspected.as_ref().filter(|_| change.against_unsuspected).unwrap_or(&control);
            Trial {
                what: change.what.clone(),
                cause: change.cause,
                options: change.experiment.options.clone(),
                effect: Effect::of(before, &outcomes),
                outcomes,
                other_loss: change.other_loss,
            }
        };
        let trials = changes.iter().zip(outcomes).map(trial).collect();
        Ok(TriedChanges { seeds, options, control, trials })
    }
}

impl std::fmt::Debug for DiagnosisRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("options", self.options)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
