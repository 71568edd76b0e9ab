//! `underfoot model`: prints a model's card, or adds one to a model.

use std::path::{Path, PathBuf};

use crate::command::failure::Failure;
use crate::model::card::{Card, Scores, ScoresWithTrees, TrainingSummary};
use crate::model::card_file;
use crate::model::onnx;
use crate::model::session::Model;
use crate::model::validation_choice::ValidationChoice;
use crate::train::export;

/// Print a model's card, or add one to a model from another program
#[derive(Debug, clap::Subcommand)]
pub enum ModelCommand {
    /// Print a model's channels, window, labels, training data and scores
    Show {
        /// The model (.onnx)
        model: PathBuf,
        /// Print the card as JSON, with all its fields
        #[arg(long)]
        json: bool,
    },
    /// Add a card to a model made by another program, such as Keras or PyTorch, so that it can be served
    Stamp {
        /// The model (.onnx): its input is windows [N, steps, channels], its output probabilities [N, labels]
        model: PathBuf,
        /// The card as TOML: channels, rate (Hz), window and hop (steps), resample and labels
        #[arg(long, value_name = "FILE")]
        card: PathBuf,
        /// The file to write: the model with its card
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
    },
}

impl ModelCommand {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// [`Failure`] if a file cannot be read or written, the card is invalid, or it does not fit the model.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            ModelCommand::Show { model, json } => {
                let model = Model::open(&model, None).map_err(Failure::failed)?;
                if json {
                    println!("{}", model.card().to_json());
                } else {
                    print!("{}", describe(model.card()));
                    for warning in model.warnings() {
                        eprintln!("warning: {warning}");
                    }
                }
                Ok(())
            }
            ModelCommand::Stamp { model, card, out } => stamp(&model, &card, &out),
        }
    }
}

fn stamp(model: &Path, file: &Path, out: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(model).map_err(|error| {
        Failure::failed(format!("the model \"{}\" cannot be read: {error}; check its path", model.display()))
    })?;
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::failed(format!("the card \"{}\" cannot be read: {error}; check its path", file.display()))
    })?;
    let invalid =
        |error: String| Failure::failed(format!("the card \"{}\" is not valid: {error}", file.display()));
    let mut card = card_file::parse(&text).map_err(invalid)?;
    if card.made_by.is_empty() {
        card.made_by = concat!("underfoot ", env!("CARGO_PKG_VERSION"), " model stamp").into();
    }
    let stamped = onnx::stamp(&bytes, &card.to_json()).map_err(|error| {
        Failure::failed(format!("no card can be added to \"{}\": {error}", model.display()))
    })?;
    // Loads the result, so that a card that does not fit the graph is reported now rather than by the daemon.
    let loaded = Model::from_bytes(&stamped, model, None).map_err(Failure::failed)?;
    for warning in loaded.warnings() {
        eprintln!("warning: {warning}");
    }
    export::write_file(out, &stamped).map_err(Failure::failed)?;
    eprintln!("wrote {}", out.display());
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
