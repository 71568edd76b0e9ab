//! The effect of a change on a training run.

use super::outcome::ExperimentOutcome;
use crate::train::diagnose::statistics::estimate::Estimate;

/// The differences that a change made, seed by seed against the same seeds without the change.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Effect {
    /// The rise of balanced accuracy on held-out recordings, as a share.
    pub accuracy: Estimate,
    /// The rise of the recall of the label with the fewest windows, as a share.
    pub rarest: Estimate,
    /// The factor by which the validation loss fell, as a natural logarithm.
    pub loss: Estimate,
    /// The factor by which the roughness of the training loss fell, as a natural logarithm.
    pub roughness: Estimate,
}

impl Effect {
    /// The effect of a change, from the outcomes of the same seeds in the same order; `None` if fewer than
    /// three seeds were run both with and without the change. `overlap` is that of [`Estimate::of`].
    pub(crate) fn of(
        before: &[Option<ExperimentOutcome>],
        after: &[Option<ExperimentOutcome>],
        overlap: f64,
    ) -> Option<Self> {
        let pairs: Vec<_> = pairs(before, after).collect();
        let estimate = |of: &dyn Fn(&ExperimentOutcome, &ExperimentOutcome) -> f64| {
            Estimate::of(&pairs.iter().map(|(before, after)| of(before, after)).collect::<Vec<_>>(), overlap)
        };
        Some(Self {
            accuracy: estimate(&|before, after| after.accuracy - before.accuracy)?,
            rarest: estimate(&|before, after| after.rarest_recall - before.rarest_recall)?,
            loss: estimate(&|before, after| log_fall(before.validation_loss, after.validation_loss))?,
            roughness: estimate(&|before, after| log_fall(before.roughness, after.roughness))?,
        })
    }
}

/// The outcomes of the seeds that were run on both sides.
pub(crate) fn pairs<'a>(
    before: &'a [Option<ExperimentOutcome>],
    after: &'a [Option<ExperimentOutcome>],
) -> impl Iterator<Item = (&'a ExperimentOutcome, &'a ExperimentOutcome)> {
    before.iter().zip(after).filter_map(|(before, after)| before.as_ref().zip(after.as_ref()))
}

/// The factor by which a loss or a roughness fell, as a natural logarithm. 0.001 is added to both, so that
/// differences between much smaller values do not count.
pub(crate) fn log_fall(before: f64, after: f64) -> f64 {
    ((before + 1e-3) / (after + 1e-3)).ln()
}
