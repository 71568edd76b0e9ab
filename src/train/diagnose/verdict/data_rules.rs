//! The rules for causes in the recordings and their labels.

use super::evidence::Evidence;
use super::finding::{Finding, Priority};
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::experiments::cleaning::{doubtful, suspects};
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::diagnose::inspection::overlap::inseparable_pairs;
use crate::train::diagnose::inspection::sessions::SessionFall;
use crate::train::time_scores::HeldOut;

/// Scores by recording mean little if they are higher by at least this much than those in another session or later.
const SESSION_FALL: f64 = 0.05;

/// A finding whose effect is that of the trial for its cause.
fn finding(evidence: &Evidence<'_>, cause: Cause, priority: Priority, text: String, fix: String) -> Finding {
    let trial = evidence.trial(cause);
    // Fixing a leaky split lowers the score, by as much as it was too high.
    let sign = if cause == Cause::LeakySplit { -1.0 } else { 1.0 };
    let accuracy = trial.and_then(|trial| trial.effect).map(|effect| effect.accuracy);
    let accuracy = accuracy.map(|estimate| if sign < 0.0 { estimate.negated() } else { estimate });
    let effect = sign * trial.and_then(|trial| trial.mean_rise()).unwrap_or(0.0);
    Finding {
        cause,
        title: cause.title(),
        effect,
        interval: accuracy.map(|estimate| [estimate.low, estimate.high]),
        seeds: trial.map_or(0, |trial| trial.seeds()),
        evidence: text,
        fix,
        after_first: false,
        score: effect,
        priority,
    }
}

/// The faults that the inspection found.
pub(crate) fn faults(evidence: &Evidence<'_>) -> Vec<Finding> {
    let faults = evidence.trials.iter().filter_map(|trial| trial.cause);
    faults
        .filter_map(|cause| match cause {
            Cause::LeakySplit => leaky_split(evidence),
            Cause::DeadChannel => dead_channel(evidence),
            Cause::LabelErrors => label_errors(evidence),
            Cause::MixedUnits => mixed_units(evidence),
            _ => None,
        })
        .collect()
}

/// Recordings that hold the same drive.
fn leaky_split(evidence: &Evidence<'_>) -> Option<Finding> {
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
fn dead_channel(evidence: &Evidence<'_>) -> Option<Finding> {
    let channels = &evidence.inspection.channels;
    let worst = channels.iter().max_by(|one, other| one.stuck.total_cmp(&other.stuck))?;
    let text = format!(
        "channel {:?} does not change at all in {:.0} % of the windows",
        worst.name,
        100.0 * worst.stuck
    );
    let live: Vec<&str> = evidence
        .inspection
        .live
        .iter()
        .map(|channel| evidence.dataset.card.channels[*channel].name.as_str())
        .collect();
    let fix = if live.is_empty() {
        "repair the sensor or its wire, and record those drives again".to_owned()
    } else {
        format!("repair the sensor or its wire; until then train without it: --channels={}", live.join(","))
    };
    Some(finding(evidence, Cause::DeadChannel, Priority::MeaninglessScores, text, fix))
}

/// Recordings in another unit than the others.
fn mixed_units(evidence: &Evidence<'_>) -> Option<Finding> {
    let first = evidence.inspection.mixed_units.first()?;
    let (text, fix) =
        first.text.split_once("; ").unwrap_or((&first.text, "give each its unit in a dataset.toml"));
    Some(finding(evidence, Cause::MixedUnits, Priority::MeaninglessScores, text.to_owned(), fix.to_owned()))
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
    let most_doubtful = 2 * doubtful(inspection) > inspection.stretches.len();
    let slack = if most_doubtful { 0.05 } else { 0.0 };
    (inspection.trees < chance + slack && best < chance + slack + 0.05).then(|| {
        let text = format!(
            "on held-out recordings, trees on summary statistics reach {:.0} % and the best of all networks {:.0} %; \
             guessing reaches {:.0} %",
            100.0 * inspection.trees,
            100.0 * best,
            100.0 * guess
        );
        let fix = "check how the recordings got their labels; if these are right, add a channel that depends on the \
                   surface";
        finding(evidence, Cause::NotSeparable, Priority::MeaninglessScores, text, fix.into())
    })
}

/// Two surfaces that cannot be told apart, whatever is the case for the others.
pub(crate) fn inseparable_surfaces(evidence: &Evidence<'_>) -> Option<Finding> {
    let pairs = inseparable_pairs(&evidence.inspection.stretches);
    let (one, other) = pairs.first()?;
    let text = format!(
        "trees on summary statistics that were not trained on a drive tell {one} from {other} no better than \
         guessing{}",
        match pairs.len() - 1 {
            0 => String::new(),
            1 => "; the same holds for 1 more pair of surfaces".to_owned(),
            more => format!("; the same holds for {more} more pairs of surfaces"),
        }
    );
    let fix = format!(
        "if {one} and {other} are the same surface, give both one name; if not, add a channel that depends on the \
         surface"
    );
    let title = "Two surfaces cannot be told apart by these channels";
    Some(Finding { title, ..finding(evidence, Cause::NotSeparable, Priority::MeaninglessScores, text, fix) })
}

/// Surfaces that were recorded in sessions of their own, and that trees tell much worse in another session or later.
pub(crate) fn session_confounded(evidence: &Evidence<'_>) -> Option<Finding> {
    let found = evidence.inspection.session_fall.filter(|found| found.is_apart)?;
    let SessionFall { held_out, by_recording, in_time, fall, .. } = found;
    (by_recording - in_time >= SESSION_FALL && fall.low > 0.0).then(|| Finding {
        cause: Cause::SessionConfounded,
        title: Cause::SessionConfounded.title(),
        effect: by_recording - in_time,
        interval: None,
        seeds: 0,
        evidence: format!(
            "trees on summary statistics reach {:.1} % on recordings that were held out at random, and {:.1} % on the same \
             recordings if they were trained only on {}",
            100.0 * by_recording,
            100.0 * in_time,
            if held_out == HeldOut::Session { "other sessions" } else { "earlier ones" }
        ),
        fix: "record every surface in each of several sessions, in turns and on several days, and train on all of \
              them; until then, rely on the scores of later recordings or by session that fit prints, and not on \
              those by recording"
            .into(),
        after_first: false,
        score: by_recording - in_time,
        priority: Priority::MeaninglessScores,
    })
}

/// Drives that look like another surface.
fn label_errors(evidence: &Evidence<'_>) -> Option<Finding> {
    let suspects = suspects(evidence.inspection);
    let (count, first) = (suspects.len(), suspects.first()?);
    let text = format!(
        "{count} of {} drives look like another surface to a model that was not trained on them; most of all {}, which \
         is labelled {} and looks like {}",
        evidence.inspection.stretches.len(),
        first.recording,
        first.label,
        first.looks_like
    );
    let fix = "check the list of suspected recordings, and move those with a wrong label to the right folder";
    Some(finding(evidence, Cause::LabelErrors, Priority::WrongLabels, text, fix.into()))
}
