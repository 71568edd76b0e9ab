//! The rules for causes in the recordings and their labels.

use super::evidence::Evidence;
use super::finding::{Finding, Priority};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::diagnose::inspection::label_errors::LabelledStretch;
use crate::train::diagnose::inspection::screening::STUCK;

/// Label errors are a finding if at least this share of the stretches is suspected, and at least
/// [`MIN_SUSPECTED`] of them.
const SUSPECTED_SHARE: f64 = 0.04;
/// The minimum number of suspected stretches; see [`SUSPECTED_SHARE`].
const MIN_SUSPECTED: usize = 2;

/// A finding whose effect is that of the first trial for its cause.
fn finding(evidence: &Evidence<'_>, cause: Cause, priority: Priority, text: String, fix: String) -> Finding {
    let accuracy = evidence.trial(cause).and_then(|trial| trial.effect).map(|effect| effect.accuracy);
    // Fixing a leaky split lowers the score, by as much as it was too high.
    let sign = if cause == Cause::LeakySplit { -1.0 } else { 1.0 };
    let [low, high] = accuracy.map_or([0.0, 0.0], |a| [a.low, a.high]);
    let interval = if sign < 0.0 { [-high, -low] } else { [low, high] };
    let effect = sign * accuracy.map_or(0.0, |accuracy| accuracy.mean);
    Finding { cause, effect, interval, evidence: text, fix, score: effect, priority }
}

/// Recordings that hold the same drive.
pub(crate) fn leaky_split(evidence: &Evidence<'_>) -> Option<Finding> {
    let duplicates = &evidence.inspection.duplicates;
    let first = duplicates.first()?;
    let name = |index: usize| &evidence.dataset.recordings[index].name;
    let text = format!(
        "{} and {} hold the same drive, step by step{}",
        name(first.one),
        name(first.other),
        match duplicates.len() - 1 {
            0 => String::new(),
            1 => ", and so does 1 more pair".to_owned(),
            more => format!(", and so do {more} more pairs"),
        }
    );
    let fix = "keep only one file of each drive, or put its files into one group with group_by under [split] in \
               dataset.toml";
    Some(finding(evidence, Cause::LeakySplit, Priority::MeaninglessScores, text, fix.into()))
}

/// A channel that is stuck.
pub(crate) fn dead_channel(evidence: &Evidence<'_>) -> Option<Finding> {
    let channels = &evidence.inspection.channels;
    let worst = channels.iter().max_by(|one, other| one.stuck.total_cmp(&other.stuck))?;
    (worst.stuck >= STUCK).then(|| {
        let text = format!(
            "channel {:?} does not change at all in {:.0} % of the windows",
            worst.name,
            100.0 * worst.stuck
        );
        let live = channels.iter().filter(|channel| channel.stuck < STUCK);
        let live: Vec<&str> = live.map(|channel| channel.name.as_str()).collect();
        let fix = if live.is_empty() {
            "repair the sensor or its wire, and record those drives again".to_owned()
        } else {
            format!(
                "repair the sensor or its wire; until then train without it: --channels={}",
                live.join(",")
            )
        };
        finding(evidence, Cause::DeadChannel, Priority::MeaninglessScores, text, fix)
    })
}

/// Surfaces that cannot be told apart: neither trees nor any network of the trials is better than chance.
pub(crate) fn not_separable(evidence: &Evidence<'_>) -> Option<Finding> {
    let inspection = evidence.inspection;
    let guess = 1.0 / evidence.dataset.card.labels.len() as f64;
    // Guessing reaches more than this in about one of twenty cases: 1.7 standard deviations of a share of the
    // stretches (binomial distribution) above the mean.
    let chance = guess + 1.7 * (guess * (1.0 - guess) / inspection.stretches.len().max(1) as f64).sqrt();
    let best = evidence
        .trials
        .iter()
        .filter(|trial| {
            trial.cause.is_some_and(|cause| cause != Cause::LeakySplit && cause != Cause::LabelErrors)
        })
        .map(|trial| mean(&trial.outcomes, |outcome| outcome.accuracy))
        .fold(evidence.control_mean(|outcome| outcome.accuracy), f64::max);
    // If most drives look like another surface, it is not possible to say which labels are wrong.
    let most_suspected = 2 * suspects(evidence).len() > inspection.stretches.len();
    let slack = if most_suspected { 0.05 } else { 0.0 };
    (inspection.trees < chance + slack && best < chance + slack + 0.05).then(|| {
        let text = format!(
            "on held-out recordings, trees on summary statistics reach {:.0} % and the best of all networks {:.0} %; \
             guessing reaches {:.0} %",
            100.0 * inspection.trees,
            100.0 * best,
            100.0 * guess
        );
        let fix = "check how the recordings got their labels; if these are right, add a channel that depends on the \
                   floor";
        finding(evidence, Cause::NotSeparable, Priority::MeaninglessScores, text, fix.into())
    })
}

/// The stretches whose label is suspected to be wrong.
fn suspects<'a>(evidence: &Evidence<'a>) -> Vec<&'a LabelledStretch> {
    evidence.inspection.stretches.iter().filter(|stretch| stretch.suspected).collect()
}

/// Drives that look like another surface.
pub(crate) fn label_errors(evidence: &Evidence<'_>) -> Option<Finding> {
    let suspects = suspects(evidence);
    let stretches = evidence.inspection.stretches.len();
    let share = suspects.len() as f64 / stretches.max(1) as f64;
    let first = suspects.first()?;
    (share >= SUSPECTED_SHARE && suspects.len() >= MIN_SUSPECTED).then(|| {
        let text = format!(
            "{} of {stretches} drives look like another surface to a model that was not trained on them; most of all \
             {}, which is labelled {} and looks like {}",
            suspects.len(),
            first.recording,
            first.label,
            first.looks_like
        );
        let fix = "check the list of suspected recordings, and move those with a wrong label to the right folder";
        finding(evidence, Cause::LabelErrors, Priority::WrongLabels, text, fix.into())
    })
}

/// Accuracy that still rises with the number of recordings. This counts only if the network uses the
/// recordings well, that is, if it is not clearly worse than trees.
pub(crate) fn too_few_windows(evidence: &Evidence<'_>) -> Option<Finding> {
    let half = Change::RecordingShare { percent: 50 };
    let half = evidence.trials.iter().find(|trial| trial.change == half)?.effect?.accuracy;
    let accuracy = evidence.control_mean(|outcome| outcome.accuracy);
    let worse = half.mean <= -0.04 && half.high < 0.0;
    (worse && accuracy < 0.85 && accuracy < evidence.inspection.trees + 0.05).then(|| Finding {
        cause: Cause::TooFewWindows,
        effect: -half.mean,
        interval: [-half.high, -half.low],
        evidence: format!(
            "with half of the recordings, balanced accuracy is {:.1} points lower, so it still rises with every drive",
            -100.0 * half.mean
        ),
        fix: "record more drives of each surface".into(),
        score: 0.0,
        priority: Priority::MoreRecordings,
    })
}
