//! The measurements that the rules of a verdict use.

use crate::train::data::dataset::Dataset;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::inspection::Inspection;
use crate::train::diagnose::reference::spike::SpikeMeasurement;
use crate::train::fit::epoch::Epoch;
use crate::train::options::FitOptions;

/// All measurements of a diagnosis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The settings that misbehave, with the epochs that the changes were tried with.
    pub options: &'a FitOptions,
    pub dataset: &'a Dataset,
    pub inspection: &'a Inspection,
    /// The outcomes of the unchanged run, seed by seed.
    pub control: &'a [Option<ExperimentOutcome>],
    /// The changes that were tried.
    pub trials: &'a [Trial],
    /// Whether the runs have fewer epochs than the settings ask for.
    pub shortened: bool,
    /// The learning rate at which the loss of the range test falls fastest; `None` if there was no time for
    /// the test.
    pub steepest: Option<f64>,
    /// The figures of every epoch of the reference run.
    pub history: &'a [Epoch],
    /// The measurement around a spike of the reference run; `None` if there was no time.
    pub spike: Option<&'a SpikeMeasurement>,
}

impl Evidence<'_> {
    /// The first trial whose change would fix this cause.
    pub(crate) fn trial(&self, cause: Cause) -> Option<&Trial> {
        self.trials.iter().find(|trial| trial.cause == Some(cause))
    }

    /// The mean of a figure over the seeds of the unchanged run.
    pub(crate) fn control_mean(&self, of: impl Fn(&ExperimentOutcome) -> f64) -> f64 {
        mean(self.control, of)
    }
}
