//! The rules for causes in the settings. A cause is named by the change that is specific to it.

use super::certainty::threshold;
use super::criteria::{ACCURACY_RISE, Criterion, Figure, ROUGHNESS_FALL, criteria};
use super::evidence::{Evidence, is_learned};
use super::finding::{Finding, Priority};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::outcome::{ExperimentOutcome, mean};
use crate::train::diagnose::experiments::plan::FEW_STEPS;
use crate::train::diagnose::experiments::trial::Trial;
use crate::train::diagnose::statistics::loss_curve::spikes;

/// A spike of the reference run at which the sharpness is above its limit, and from which on the loss is at
/// most half as rough at a tenth of the learning rate.
pub(crate) fn explained_spike(evidence: &Evidence<'_>) -> Option<Finding> {
    let spike = evidence.spike?;
    let losses: Vec<f64> = evidence.history.iter().map(|epoch| epoch.loss).collect();
    let (epoch, [before, after]) = (spike.epoch?, spike.calmed?);
    let learned = is_learned(&losses);
    let highest = spike.sharpness.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let ends = spike.fall.is_some_and(|fall| fall.mean >= ROUGHNESS_FALL && fall.low > 0.0);
    (learned && ends && highest > spike.limit).then(|| Finding {
        cause: Cause::GradientSpikes,
 title: Cause::GradientSpikes.title(),
        effect: 0.0,
        interval: None,
        seeds: spike.fall.map_or(0, |fall| fall.count),
        evidence: format!(
            "the loss has {} spikes, one of them at epoch {epoch}, where the sharpness is {:.0} times the limit for \
             stable steps; continued from before that spike, the loss rises by {before:.3} nats per epoch, and by \
             {after:.3} at a tenth of the learning rate",
            spikes(&losses).len(),
            highest / spike.limit
        ),
        fix: "let the learning rate fall to 0 over the epochs: --schedule=cosine".into(),
        after_first: false,
        score: 0.2,
        priority: Priority::Settings,
    })
}

/// The changes of the settings that improve the run beyond chance.
pub(crate) fn effective_changes(evidence: &Evidence<'_>) -> Vec<Finding> {
    let thresholds = [false, true].map(|expected| threshold(evidence, expected));
    let threshold = |trial: &Trial| thresholds[usize::from(trial.expected)];
    let mut findings: Vec<Finding> = evidence
        .trials
        .iter()
        .filter_map(|trial| effective_change(evidence, trial, threshold(trial)))
        .collect();
    prefer_batch_size(evidence, &mut findings);
    prefer_specific(evidence, &mut findings);
    findings
}

fn effective_change(evidence: &Evidence<'_>, trial: &Trial, threshold: f64) -> Option<Finding> {
    let (cause, effect) = (trial.cause?, trial.effect?);
    let has_spikes = trial.before.iter().flatten().any(|outcome| outcome.diverged) || has_spikes(evidence);
    if cause == Cause::GradientSpikes && !has_spikes {
        // Without spikes, a smoother loss shows nothing but smaller steps.
        return None;
    }
    if cause == Cause::LearningRateTooLow && evidence.shortened {
        // With fewer epochs than asked for, any learning rate looks too low, so the range test has to confirm
        // it.
        evidence.steepest.filter(|steepest| *steepest > 5.0 * evidence.options.learning_rate)?;
    }
    if cause == Cause::TooFewWindows && evidence.unfinished {
        // A network that was hardly trained gains from more windows in any case.
        return None;
    }
    let met: Vec<Criterion> = criteria(evidence, trial)
        .into_iter()
        .filter(|criterion| criterion.is_large() && criterion.estimate.p <= threshold)
        .collect();
    // Single spikes late in a run are a matter of the loss curve; a network that has not learned yet has to learn
    // more with the change.
    let only_smoother = met.iter().all(|criterion| criterion.figure == Figure::Roughness);
    if met.is_empty() || (cause == Cause::GradientSpikes && only_smoother && !evidence.has_learned()) {
        return None;
    }
    Some(Finding {
        cause,
        title: cause.title(),
        effect: effect.accuracy.mean,
        interval: Some([effect.accuracy.low, effect.accuracy.high]),
        seeds: effect.accuracy.count,
        evidence: match evidence.inspection.outliers.first().filter(|_| cause == Cause::Outliers) {
            Some(outliers) => {
                let fact = outliers.text.split(';').next().unwrap_or_default();
                format!("{fact}; {}", before_and_after(trial))
            }
            None => before_and_after(trial),
        },
        fix: advice(evidence, trial),
        after_first: false,
        score: effect.accuracy.mean.max(0.0) + met.iter().map(Criterion::score).sum::<f64>(),
        priority: Priority::Settings,
    })
}

/// The figures without and with a change, as a sentence.
pub(super) fn before_and_after(trial: &Trial) -> String {
    let change =
        |of: &dyn Fn(&ExperimentOutcome) -> f64| (mean(&trial.before, of), mean(&trial.outcomes, of));
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
pub(super) fn advice(evidence: &Evidence<'_>, trial: &Trial) -> String {
    let flags = match &trial.change {
        // The epochs differ as well, but only because there are more windows.
        Change::SmallerHop { to, .. } => format!("--hop={to}"),
        Change::WithoutOutliers => {
            return "leave the fields of these values empty in the recordings, or remove the rows".into();
        }
        _ => trial.options.flags(evidence.options),
    };
    format!("train with {}", if flags.is_empty() { "the change" } else { &flags })
}

/// Ranks small batches before the other settings. A lower learning rate, fewer units or clipping also reduce
/// the noise of small batches, so if larger batches help nearly as much, the batch size is the cause.
fn prefer_batch_size(evidence: &Evidence<'_>, findings: &mut [Finding]) {
    let highest = findings.iter().map(|finding| finding.score).fold(0.0, f64::max);
    let small = evidence.options.batch_size <= 8;
    let batch = findings.iter_mut().filter(|finding| finding.cause == Cause::BatchTooSmall);
    for finding in batch.filter(|finding| small && finding.score >= 0.4 * highest) {
        finding.score += highest;
    }
}

/// Removes causes whose change also helps where another cause is the right one: more epochs and another optimiser
/// make up for a learning rate that is too low, and another optimiser or clipped gradients for one that is too high.
/// They stay if they help clearly more.
fn prefer_specific(evidence: &Evidence<'_>, findings: &mut Vec<Finding>) {
    let score = |findings: &[Finding], cause: Cause| {
        findings.iter().find(|finding| finding.cause == cause).map(|finding| finding.score)
    };
    let rules: [(Cause, &[Cause]); 5] = [
        (
            Cause::UnscaledInput,
            &[
                Cause::WrongOptimizer,
                Cause::LearningRateTooLow,
                Cause::LearningRateTooHigh,
                Cause::TooFewEpochs,
                Cause::GradientSpikes,
            ],
        ),
        (
            Cause::Outliers,
            &[
                Cause::WrongOptimizer,
                Cause::LearningRateTooLow,
                Cause::LearningRateTooHigh,
                Cause::TooFewEpochs,
                Cause::GradientSpikes,
            ],
        ),
        (Cause::LearningRateTooHigh, &[Cause::WrongOptimizer, Cause::GradientSpikes, Cause::NetworkTooLarge]),
        (Cause::LearningRateTooLow, &[Cause::TooFewEpochs, Cause::WrongOptimizer]),
        (
            Cause::BatchTooSmall,
            &[
                Cause::WrongOptimizer,
                Cause::GradientSpikes,
                Cause::NetworkTooLarge,
                Cause::LearningRateTooHigh,
            ],
        ),
    ];
    let batches = evidence.dataset.len().div_ceil(evidence.options.batch_size.max(1));
    if evidence.options.epochs() * batches < FEW_STEPS
        && findings.iter().any(|finding| finding.cause == Cause::TooFewEpochs)
    {
        // Longer steps make up for far too few of them.
        findings.retain(|finding| finding.cause != Cause::LearningRateTooLow);
    }
    for (specific, others) in rules {
        let Some(best) = score(findings, specific) else { continue };
        findings.retain(|finding| !others.contains(&finding.cause) || finding.score > CLEARLY * best);
    }
}

/// A change helps clearly more than another if its score is higher by this factor.
const CLEARLY: f64 = 1.25;

/// Whether the loss of most of the unchanged runs has spikes.
fn has_spikes(evidence: &Evidence<'_>) -> bool {
    evidence.control_median(&|losses| spikes(losses).len() as f64) >= 1.0
}

/// The rise of balanced accuracy by the best change of a setting that seems to help, be it certain or not, as a share.
/// Runs with the default settings do not count, because they show no cause.
pub(super) fn best_rise(evidence: &Evidence<'_>) -> f64 {
    let settings =
        evidence.trials.iter().filter(|trial| trial.cause.is_some() && !trial.change.is_of_recordings());
    let rises = settings.filter_map(|trial| trial.effect).map(|effect| effect.accuracy);
    rises
        .filter(|rise| rise.mean >= ACCURACY_RISE && rise.low > 0.0)
        .map(|rise| rise.mean)
        .fold(0.0, f64::max)
}
