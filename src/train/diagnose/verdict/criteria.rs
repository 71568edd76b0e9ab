//! What a change has to improve, and by how much, to show a cause.

use super::evidence::Evidence;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::statistics::estimate::Estimate;

/// The smallest rise of balanced accuracy that counts.
pub(crate) const ACCURACY_RISE: f64 = 0.03;
/// The smallest fall of the validation loss that counts, as a natural logarithm: to three quarters.
const LOSS_FALL: f64 = 0.29;
/// The smallest fall of the validation loss that counts without dropout or noise: to half.
const LOSS_FALL_UNREGULARISED: f64 = 0.69;
/// The smallest fall of the roughness that counts, as a natural logarithm: to half.
pub(super) const ROUGHNESS_FALL: f64 = 0.69;
/// The smallest rise of the recall of the rarest label that counts.
const RAREST_RISE: f64 = 0.05;
/// A change that lowers balanced accuracy to this difference or below does not count, however much it
/// improves the loss.
const ACCURACY_LOSS: f64 = -0.02;
/// The balanced accuracy from which on a run is good.
const GOOD: f64 = 0.9;
/// A training loss with a roughness below this, in nats per epoch, is smooth.
pub(crate) const SMOOTH: f64 = 0.02;

/// What is improved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Accuracy,
    Loss,
    Roughness,
    RarestRecall,
}

/// One way in which a change may help, with what was measured of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Criterion {
    pub figure: Figure,
    pub estimate: Estimate,
    /// The smallest improvement that counts.
    least: f64,
}

impl Criterion {
    /// Whether the improvement is large enough to count, be it certain or not.
    pub(super) fn is_large(&self) -> bool {
        self.estimate.mean >= self.least
    }

    /// What the improvement adds to the rank of a finding.
    pub(super) fn score(&self) -> f64 {
        match self.figure {
            Figure::Accuracy => 0.0,
            Figure::Loss => 0.1 * self.estimate.mean.min(1.0),
            Figure::Roughness => 0.05 * self.estimate.mean.min(2.0),
            Figure::RarestRecall => 0.5 * self.estimate.mean,
        }
    }
}

/// The criteria that a change is judged by; one is enough for a finding. Changes that show no cause have none.
pub(super) fn criteria(evidence: &Evidence<'_>, trial: &Trial) -> Vec<Criterion> {
    let (Some(cause), Some(effect)) = (trial.cause, trial.effect) else { return Vec::new() };
    // The inspection shows these faults; their effect is only measured.
    if matches!(cause, Cause::LeakySplit | Cause::DeadChannel | Cause::LabelErrors | Cause::MixedUnits) {
        return Vec::new();
    }
    let mut found =
        vec![Criterion { figure: Figure::Accuracy, estimate: effect.accuracy, least: ACCURACY_RISE }];
    let no_worse = effect.accuracy.mean > ACCURACY_LOSS;
    // Dropout and noise normally make the training loss rougher and raise the validation loss a little, so neither shows
    // that there is too much of them, but a loss that is half as high without them does.
    let regularisation = cause == Cause::RegularisationTooStrong;
    let more_windows = cause == Cause::TooFewWindows;
    // Another optimiser is a matter of taste unless more windows are predicted correctly. A longer training lowers
    // the loss without end, and with it the confidence in wrong answers rises.
    let by_accuracy = matches!(cause, Cause::WrongOptimizer | Cause::TooFewEpochs);
    // More windows lower any loss. If nearly all windows are predicted correctly already, that fixes nothing.
    let plenty = more_windows && evidence.control_mean(|outcome| outcome.accuracy) >= GOOD;
    // Where the windows are learned, shorter steps lower the validation loss as fewer epochs do, by less confidence in
    // wrong answers; that shows no steps that are too long.
    let less_training = cause == Cause::LearningRateTooHigh && evidence.has_learned();
    if !trial.change.reweights_loss() && no_worse && !by_accuracy && !plenty && !less_training {
        let least = if regularisation { LOSS_FALL_UNREGULARISED } else { LOSS_FALL };
        found.push(Criterion { figure: Figure::Loss, estimate: effect.loss, least });
    }
    // More windows per epoch make every loss curve smoother, so that shows nothing either.
    let rough = evidence.control_mean(|outcome| outcome.roughness) >= SMOOTH;
    let calmed = trial.change != Change::HigherLearningRate && effect.loss.high >= 0.0;
    if !by_accuracy && !regularisation && !more_windows && rough && no_worse && calmed {
        found.push(Criterion {
            figure: Figure::Roughness,
            estimate: effect.roughness,
            least: ROUGHNESS_FALL,
        });
    }
    if cause == Cause::ClassImbalance && effect.accuracy.mean > 0.0 {
        found.push(Criterion { figure: Figure::RarestRecall, estimate: effect.rarest, least: RAREST_RISE });
    }
    found
}
