//! A change that was tried, with its effect.

use super::change::Change;
use super::effect::{Effect, pairs};
use super::outcome::ExperimentOutcome;
use crate::train::diagnose::cause::Cause;
use crate::train::options::FitOptions;

/// A change that was tried. Outcomes are listed seed by seed, with `None` for a seed that there was no time for.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub change: Change,
    /// The cause that the change would fix; `None` if it would not fix any.
    pub cause: Option<Cause>,
    /// Whether the settings or the recordings make it likely that the change helps, before any training.
    pub expected: bool,
    /// The settings with the change.
    pub options: FitOptions,
    /// The number of epochs that the change asks for; there may have been time for fewer.
    pub epochs_asked: usize,
    /// The outcomes that the change is compared with.
    pub before: Vec<Option<ExperimentOutcome>>,
    /// The outcomes with the change.
    pub outcomes: Vec<Option<ExperimentOutcome>>,
    /// The effect of the change; `None` if there was no time for three seeds.
    pub effect: Option<Effect>,
    /// How long the change would still take for [`SEEDS`](super::round::SEEDS) seeds and all epochs, in seconds on one
    /// thread.
    pub missing_seconds: f64,
}

impl Trial {
    /// The change in words, to be read after "with".
    pub(crate) fn describe(&self) -> String {
        let change = self.change.describe();
        let epochs = self.options.epochs();
        // The other changes have the same share of their epochs as the unchanged run.
        match self.change == Change::Defaults && epochs < self.epochs_asked {
            true => format!("{change}, but {epochs} of their {} epochs", self.epochs_asked),
            false => change,
        }
    }

    /// The number of seeds that were run both with and without the change.
    pub(crate) fn seeds(&self) -> usize {
        pairs(&self.before, &self.outcomes).count()
    }

    /// The mean rise of balanced accuracy over these seeds, as a share; `None` without any.
    pub(crate) fn mean_rise(&self) -> Option<f64> {
        let rises: Vec<f64> = pairs(&self.before, &self.outcomes)
            .map(|(before, after)| after.accuracy - before.accuracy)
            .collect();
        (!rises.is_empty()).then(|| rises.iter().sum::<f64>() / rises.len() as f64)
    }
}
