//! The conditions that a healthy run meets, and a cause for each that is not met: trees are not ahead, the
//! validation loss does not climb at a cost, and more recordings would not help much.

use super::certainty::is_certain;
use super::criteria::ACCURACY_RISE;
use super::evidence::Evidence;
use super::finding::{Finding, Priority};
use super::training_rules::best_rise;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::statistics::estimate::Estimate;

/// The learning curve asks for more recordings if half of them cost at least this much balanced accuracy.
const CURVE: f64 = 0.04;
/// From this balanced accuracy on, there is too little left for more recordings to gain.
const ENOUGH: f64 = 0.97;

/// A condition of a healthy run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Condition {
    /// The cause if the condition is not met.
    pub cause: Cause,
    /// What was measured, as a sentence without a full stop.
    pub measured: String,
    /// Whether the condition is met; `None` if there was no time to measure it.
    pub met: Option<bool>,
}

/// The conditions of a healthy run.
pub(crate) fn conditions(evidence: &Evidence<'_>) -> Vec<Condition> {
    let accuracy = evidence.control_mean(|outcome| outcome.accuracy);
    let points = |estimate: &Estimate| format!("{:+.1} points", 100.0 * estimate.mean);
    let trees = evidence.trees_ahead();
    let half = evidence.loss_by_half();
    let measured_climb = evidence.control.iter().flatten().count() >= 3;
    let climb = evidence.lost_by_climb();
    // A network that was hardly trained says nothing about what it would become.
    let measured = |met: Option<bool>| met.filter(|_| !evidence.unfinished);
    vec![
        Condition {
            cause: Cause::NetworkBehindTrees,
            measured: match &trees {
                Some(ahead) => {
                    format!(
                        "trees on summary statistics of the same drives: {} compared with the network",
                        points(ahead)
                    )
                }
                None => "no trees were grown on the drives that the network was tried on".into(),
            },
            met: measured(trees.map(|ahead| ahead.mean < ACCURACY_RISE)),
        },
        Condition {
            cause: Cause::TooManyEpochs,
            measured: match &climb {
                Some(lost) => format!(
                    "the validation loss climbs after its minimum; the accuracy at the minimum is {} compared with \
                     the end",
                    points(lost)
                ),
                None => "the validation loss does not climb".into(),
            },
            met: measured(
                measured_climb.then(|| climb.is_none_or(|lost| lost.mean < ACCURACY_RISE || lost.low <= 0.0)),
            ),
        },
        Condition {
            cause: Cause::TooFewRecordings,
            measured: match &half {
                Some(lost) => {
                    format!(
                        "training on half of the recordings: {} of balanced accuracy",
                        points(&lost.negated())
                    )
                }
                None => "training on half of the recordings was not tried".into(),
            },
            met: measured(half.map(|lost| lost.mean < CURVE || lost.low <= 0.0 || accuracy >= ENOUGH)),
        },
    ]
}

/// Trees that are ahead of the network by more than any change of a setting makes up for.
pub(crate) fn network_behind_trees(evidence: &Evidence<'_>) -> Option<Finding> {
    let ahead = evidence.trees_ahead().filter(|ahead| !evidence.unfinished && is_certain(evidence, ahead))?;
    (ahead.mean - best_rise(evidence) >= ACCURACY_RISE).then(|| {
        let network = evidence.control_mean(|outcome| outcome.accuracy);
        let better = evidence.trial_of(&Change::Defaults).and_then(|trial| trial.effect);
        let better = better.filter(|effect| effect.accuracy.mean >= ACCURACY_RISE);
        Finding {
            cause: Cause::NetworkBehindTrees,
 title: Cause::NetworkBehindTrees.title(),
            effect: ahead.mean,
            interval: Some([ahead.low, ahead.high]),
            seeds: ahead.count,
            evidence: format!(
                "on the same held-out drives, trees on summary statistics reach {:.1} % and the network {:.1} %{}",
                100.0 * (network + ahead.mean),
                100.0 * network,
                better.map_or(String::new(), |effect| format!(
                    "; with the default settings of fit, the network reaches {:.1} %",
                    100.0 * (network + effect.accuracy.mean)
                ))
            ),
            fix: match better {
                Some(_) => "train with the default settings".into(),
                None => "let fit search for better settings: fit --budget 20m; a network with --summary takes the \
                         statistics that the trees use"
                    .into(),
            },
            after_first: false,
            // A change that is known to help comes first.
            score: 0.0,
            priority: Priority::Settings,
        }
    })
}

/// A validation loss that climbs and costs accuracy.
pub(crate) fn too_many_epochs(evidence: &Evidence<'_>) -> Option<Finding> {
    let lost =
        evidence.lost_by_climb().filter(|lost| lost.mean >= ACCURACY_RISE && is_certain(evidence, lost))?;
    Some(Finding {
        cause: Cause::TooManyEpochs,
 title: Cause::TooManyEpochs.title(),
        effect: lost.mean,
        interval: Some([lost.low, lost.high]),
        seeds: lost.count,
        evidence: format!(
            "the validation loss climbs after its minimum, and balanced accuracy falls by {:.1} points until the end",
            100.0 * lost.mean
        ),
        fix: "stop training when the validation loss no longer falls: --patience=20; or let the learning rate fall: \
              --schedule=cosine"
            .into(),
        after_first: false,
        score: lost.mean,
        priority: Priority::Settings,
    })
}

/// Accuracy that still rises with the number of recordings. This counts only if the network uses the recordings
/// well, that is, if it is not clearly worse than trees.
pub(crate) fn too_few_recordings(evidence: &Evidence<'_>) -> Option<Finding> {
    let lost = evidence.loss_by_half().filter(|lost| lost.mean >= CURVE && is_certain(evidence, lost))?;
    let accuracy = evidence.control_mean(|outcome| outcome.accuracy);
    let uses_them = evidence.trees_ahead().is_none_or(|ahead| ahead.mean < 0.05);
    (accuracy < ENOUGH && uses_them && !evidence.unfinished).then(|| Finding {
        cause: Cause::TooFewRecordings,
 title: Cause::TooFewRecordings.title(),
        effect: lost.mean,
        interval: Some([lost.low, lost.high]),
        seeds: lost.count,
        evidence: format!(
            "with half of the recordings, balanced accuracy is {:.1} points lower, so it still rises with every drive",
            100.0 * lost.mean
        ),
        fix: "record more drives of each surface: about twice as many".into(),
        after_first: false,
        score: 0.0,
        priority: Priority::MoreRecordings,
    })
}
