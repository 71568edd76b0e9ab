//! The rules for causes in the settings.

use super::evidence::Evidence;
use super::finding::{Finding, Priority};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::effect::Effect;
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::loss_curve::{median, spikes};

/// The smallest rise of balanced accuracy that counts.
const ACCURACY_RISE: f64 = 0.03;
/// The smallest fall of the validation loss that counts, as a natural logarithm: to three quarters.
const LOSS_FALL: f64 = 0.29;
/// The smallest fall of the roughness that counts, as a natural logarithm: to half.
const ROUGHNESS_FALL: f64 = 0.69;
/// The smallest rise of the recall of the rarest label that counts.
const RAREST_RISE: f64 = 0.05;
/// A change that lowers balanced accuracy to this difference or below does not count, however much it
/// improves the loss.
const ACCURACY_LOSS: f64 = -0.02;
/// The balanced accuracy from which on a run is good.
const GOOD: f64 = 0.9;
/// A training loss with a roughness below this, in nats per epoch, is smooth.
pub(crate) const SMOOTH: f64 = 0.02;
/// A training loss, in nats, below which a network has learned its windows.
const LEARNED: f64 = 0.1;

/// A spike of the reference run at which the sharpness is above its limit, and from which on the loss is at
/// most half as rough at a tenth of the learning rate.
pub(crate) fn explained_spike(evidence: &Evidence<'_>) -> Option<Finding> {
    let spike = evidence.spike?;
    let losses: Vec<f64> = evidence.history.iter().map(|epoch| epoch.loss).collect();
    let (epoch, [before, after]) = (spike.epoch?, spike.calmed?);
    let learned = second_half_median(&losses) < LEARNED;
    let highest = spike.sharpness.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let ends = spike.fall.is_some_and(|fall| fall.at_least(ROUGHNESS_FALL));
    (learned && ends && highest > spike.limit).then(|| Finding {
        cause: Cause::GradientSpikes,
        effect: 0.0,
        interval: [0.0, 0.0],
        evidence: format!(
            "the loss has {} spikes, one of them at epoch {epoch}, where the sharpness is {:.0} times the limit for \
             stable steps; continued from before that spike, the loss rises by {before:.3} nats per epoch, and by \
             {after:.3} at a tenth of the learning rate",
            spikes(&losses).len(),
            highest / spike.limit
        ),
        fix: "let the learning rate fall to 0 over the epochs: --schedule=cosine".into(),
        score: 0.2,
        priority: Priority::Settings,
    })
}

/// The criteria that a change meets. One is enough for a finding.
#[derive(Clone, Copy)]
struct Improvement {
    accuracy: bool,
    loss: bool,
    smoother: bool,
    rarest: bool,
}

impl Improvement {
    /// Checks each criterion for the change of `trial`.
    fn of(evidence: &Evidence<'_>, trial: &Trial, cause: Cause, effect: &Effect) -> Self {
        let accuracy = effect.accuracy.at_least(ACCURACY_RISE);
        let no_worse = effect.accuracy.mean > ACCURACY_LOSS;
        // Dropout normally makes the training loss rougher and raises the validation loss a little, so
        // neither shows that there is too much of it.
        let regularisation = cause == Cause::RegularisationTooStrong;
        let more_windows = cause == Cause::TooFewWindows;
        // More windows lower any loss. If nearly all windows are predicted correctly already, that fixes
        // nothing.
        let plenty = more_windows && evidence.control_mean(|outcome| outcome.accuracy) >= GOOD;
        let loss = !trial.change.reweights_loss()
            && no_worse
            && effect.loss.at_least(LOSS_FALL)
            && !regularisation
            && !plenty;
        // More windows per epoch make every loss curve smoother, so that shows nothing either.
        let smoother = !regularisation
            && !more_windows
            && evidence.control_mean(|outcome| outcome.roughness) >= SMOOTH
            && no_worse
            && effect.roughness.at_least(ROUGHNESS_FALL)
            && effect.loss.high >= 0.0;
        let rarest = cause == Cause::ClassImbalance
            && effect.rarest.at_least(RAREST_RISE)
            && effect.accuracy.mean > 0.0;
        Self { accuracy, loss, smoother, rarest }
    }

    /// Whether the change is a fix.
    fn any(self) -> bool {
        self.accuracy || self.loss || self.smoother || self.rarest
    }

    /// The rank of the finding among those of the same priority; a higher score comes first.
    fn score(self, effect: &Effect) -> f64 {
        effect.accuracy.mean.max(0.0)
            + if self.loss { 0.1 * effect.loss.mean.min(1.0) } else { 0.0 }
            + if self.smoother { 0.05 * effect.roughness.mean.min(2.0) } else { 0.0 }
            + if self.rarest { 0.5 * effect.rarest.mean } else { 0.0 }
    }
}

/// A change of the settings that reliably improves the run.
pub(crate) fn effective_change(evidence: &Evidence<'_>, trial: &Trial) -> Option<Finding> {
    let (mut cause, effect) = (trial.cause?, trial.effect?);
    if cause == Cause::GradientSpikes && !has_late_spikes(evidence) {
        // If a run has not learned its windows yet, a change that makes its loss smoother shows that the
        // steps are too long.
        cause = Cause::LearningRateTooHigh;
    }
    if matches!(cause, Cause::LeakySplit | Cause::DeadChannel | Cause::LabelErrors) {
        return None;
    }
    if cause == Cause::LearningRateTooLow && evidence.shortened {
        // With fewer epochs than asked for, any learning rate looks too low, so the range test has to confirm
        // it.
        evidence.steepest.filter(|steepest| *steepest > 5.0 * evidence.options.learning_rate)?;
    }
    let improvement = Improvement::of(evidence, trial, cause, &effect);
    improvement.any().then(|| Finding {
        cause,
        effect: effect.accuracy.mean,
        interval: [effect.accuracy.low, effect.accuracy.high],
        evidence: before_and_after(evidence, trial),
        fix: advice(evidence, trial, cause),
        score: improvement.score(&effect),
        priority: Priority::Settings,
    })
}

/// The figures without and with a change, as a sentence.
fn before_and_after(evidence: &Evidence<'_>, trial: &Trial) -> String {
    let change =
        |of: &dyn Fn(&ExperimentOutcome) -> f64| (evidence.control_mean(of), mean(&trial.outcomes, of));
    let (accuracy, loss, roughness) = (
        change(&|outcome| outcome.accuracy),
        change(&|outcome| outcome.validation_loss),
        change(&|outcome| outcome.roughness),
    );
    format!(
        "with {}, balanced accuracy goes from {:.1} to {:.1} %, the validation loss from {:.2} to {:.2}, and the \
         roughness of the training loss from {:.3} to {:.3} nats per epoch",
        trial.change.describe(),
        100.0 * accuracy.0,
        100.0 * accuracy.1,
        loss.0,
        loss.1,
        roughness.0,
        roughness.1
    )
}

/// The flags of the change, as a sentence.
fn advice(evidence: &Evidence<'_>, trial: &Trial, cause: Cause) -> String {
    let flags = if cause == Cause::TooFewWindows {
        // The epochs differ as well, but only because there are more windows.
        format!("--hop={}", trial.options.hop.unwrap_or(1))
    } else {
        trial.options.flags(evidence.options)
    };
    format!("train with {}", if flags.is_empty() { "the change" } else { &flags })
}

/// Ranks small batches before the other settings. A lower learning rate, fewer units or clipping also reduce
/// the noise of small batches, so if larger batches help nearly as much, the batch size is the cause.
pub(crate) fn prefer_batch_size(evidence: &Evidence<'_>, findings: &mut [Finding]) {
    let highest = findings
        .iter()
        .filter(|finding| finding.priority == Priority::Settings)
        .map(|finding| finding.score)
        .fold(0.0, f64::max);
    let small = evidence.options.batch_size <= 8;
    let batch = findings.iter_mut().filter(|finding| finding.cause == Cause::BatchTooSmall);
    for finding in batch.filter(|finding| small && finding.score >= 0.4 * highest) {
        finding.score += highest;
    }
}

/// Whether the unchanged run has spikes after it has learned its windows, judged by medians over the seeds.
fn has_late_spikes(evidence: &Evidence<'_>) -> bool {
    let median_of = |value: &dyn Fn(&[f64]) -> f64| {
        let outcomes = evidence.control.iter().flatten();
        let losses =
            outcomes.map(|outcome| outcome.history.iter().map(|epoch| epoch.loss).collect::<Vec<_>>());
        median(losses.map(|losses| value(&losses)).collect())
    };
    let count = median_of(&|losses| spikes(losses).len() as f64);
    count >= 1.0 && median_of(&second_half_median) < LEARNED
}

/// The median loss of the second half of the epochs.
fn second_half_median(losses: &[f64]) -> f64 {
    median(losses[losses.len() / 2..].to_vec())
}
