//! What was measured in one round of experiments.

use super::change::Change;
use super::outcome::ExperimentOutcome;
use super::round::Round;
use super::trial::Trial;
use crate::train::baseline::Features;
use crate::train::diagnose::inspection::trees::trees_of_split;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// What was measured in one round of experiments.
#[derive(Clone, Debug)]
pub(crate) struct RoundResult {
    /// The settings of the unchanged run, with as many epochs as there was time for.
    pub options: FitOptions,
    /// The outcomes of the unchanged run, seed by seed.
    pub control: Vec<Option<ExperimentOutcome>>,
    /// Balanced accuracy of trees on the drives that each seed holds out.
    pub trees: Vec<Option<f64>>,
    /// The changes that were tried, and those that there was no time for.
    pub trials: Vec<Trial>,
    /// The number of windows held out divided by that of the windows trained on.
    pub overlap: f64,
    /// Whether the runs have fewer epochs than were asked for.
    pub shortened: bool,
    /// Whether they have less than a third of them.
    pub unfinished: bool,
    /// How long the changes and seeds that there was no time for would take, in seconds on one thread.
    pub missing_seconds: f64,
}

impl RoundResult {
    /// Takes the results of a round, and grows trees on the same splits; `known` are those that were grown before.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn of(
        round: &Round<'_>,
        features: Option<&Features>,
        known: &[Option<f64>],
        pool: &WorkerPool<'_>,
    ) -> Result<Self, FitError> {
        let control = round.control().to_vec();
        let experiment = round.control_experiment();
        let trees = pool.run(control.len(), |seed| {
            control[seed].as_ref()?;
            if let Some(known) = known.get(seed).copied().flatten() {
                return Some(known);
            }
            trees_of_split(experiment.dataset, features?, &experiment.split(seed as u64), &|| pool.expired())
        })?;
        Ok(Self {
            options: experiment.options.clone(),
            control,
            trees,
            trials: round.trials(),
            overlap: round.overlap(),
            shortened: round.is_shortened(),
            unfinished: round.is_unfinished(),
            missing_seconds: round.missing_seconds(),
        })
    }

    /// The trial of this change.
    pub(crate) fn trial(&self, change: &Change) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.change == *change)
    }
}
