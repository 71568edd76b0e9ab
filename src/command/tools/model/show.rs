//! `underfoot model show`: prints the card of a model.

use std::path::Path;

use crate::command::failure::Failure;
use crate::model::card::{Card, Scores, ScoresWithTrees, TrainingSummary};
use crate::model::session::Model;
use crate::model::validation_choice::ValidationChoice;

/// Prints the card of the model in the file `model`, as text or as JSON.
///
/// # Errors
/// [`Failure`] if the model cannot be loaded.
pub(super) fn show(model: &Path, json: bool) -> Result<(), Failure> {
    let model = Model::open(model, None).map_err(Failure::failed)?;
    if json {
        println!("{}", model.card().to_json());
        return Ok(());
    }
    print!("{}", describe(model.card()));
    for warning in model.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// Which score to expect at another time.
fn expectation(by_recording: &Scores, training: &TrainingSummary) -> String {
    let others = [("later", &training.later), ("session", &training.session)];
    let others = others
        .into_iter()
        .filter_map(|(name, scores)| scores.as_ref().map(|scores| (name, scores.network.balanced_accuracy)));
    let lowest = others.clone().chain([("validation", by_recording.balanced_accuracy)]);
    match lowest.min_by(|(_, one), (_, other)| one.total_cmp(other)) {
        Some((name, lowest)) if others.count() > 0 => {
            format!("expect a balanced accuracy of about {lowest:.3}, the lowest of these scores ({name})")
        }
        _ => "expect a lower score: those in other sessions and of later recordings are not known".into(),
    }
}

/// The card as text for people, one line per property.
fn describe(card: &Card) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12} {value}\n"));
    let channels = card.channels.iter().map(|channel| format!("{} ({})", channel.name, channel.unit));
    line("channels", channels.collect::<Vec<_>>().join(", "));
    let seconds = card.window as f64 / card.rate;
    line("window", format!("{} steps at {} Hz, {seconds:.2} s; hop {}", card.window, card.rate, card.hop));
    let method = serde_json::to_string(&card.resample.method).unwrap_or_default();
    line(
        "resampling",
        format!("{}, gaps of up to {} s are bridged", method.trim_matches('"'), card.resample.max_gap),
    );
    line("labels", card.labels.join(", "));
    if let Some(least) = card.candidates {
        line(
            "candidates",
            format!(
                "the most probable label, and every label with a probability of at least \
                                    {least:.3}"
            ),
        );
    }
    line("made by", card.made_by.clone());
    if let Some(training) = &card.training {
        // The card of a model from another program may have nothing but statistics.
        if training.recordings > 0 {
            let windows = card.labels.iter().zip(&training.windows_per_class);
            let windows = windows.map(|(label, count)| format!("{label} {count}")).collect::<Vec<_>>();
            line(
                "trained on",
                format!("{} recordings; windows: {}", training.recordings, windows.join(", ")),
            );
            line("data", training.data_digest.clone());
            let digests = training.recording_digests.len();
            if digests > 0 {
                line(
                    "known drives",
                    format!("{digests}, which are recognised when the model is scored on them"),
                );
            }
            if training.rehearsal_windows > 0 {
                let windows = training.rehearsal_windows;
                line(
                    "rehearsal",
                    format!("{windows} of these windows are in the file, for `underfoot-train refit`"),
                );
            }
            if let Some(refit) = &training.refit {
                line("refit", refit.to_string());
            }
            line("seed", training.seed.to_string());
        }
        if let Some(scores) = &training.validation_scores {
            let chosen = match ValidationChoice::in_words(&training.validation_chose) {
                Some(chosen) => format!("which were also used to choose {chosen}"),
                None if training.chosen_on_validation => {
                    "which were also used to choose the epoch or the settings".into()
                }
                None => "which were used for nothing else".into(),
            };
            line(
                "validation",
                format!(
                    "{scores}; windows of {} recordings that were held out, {chosen}",
                    training.validation.len()
                ),
            );
        }
        if let Some(trees) = &training.extra_trees {
            line("", format!("extra trees, for comparison: {trees}"));
        }
        for (name, scores, held_out) in [
            ("later", &training.later, "the last recordings of each surface, trained on the first ones"),
            ("session", &training.session, "sessions that were held out"),
        ] {
            let Some(ScoresWithTrees { network, extra_trees }) = scores else { continue };
            line(name, format!("{network}; windows of {held_out}"));
            if let Some(trees) = extra_trees {
                line("", format!("extra trees, for comparison: {trees}"));
            }
        }
        if let Some(scores) = &training.validation_scores {
            line("another day", expectation(scores, training));
        }
        for (channel, s) in card.channels.iter().zip(&training.statistics) {
            line(
                &channel.name,
                format!(
                    "mean {:.3}, deviation {:.3}, {:.3} to {:.3} {}",
                    s.mean, s.deviation, s.min, s.max, channel.unit
                ),
            );
        }
    }
    text
}
