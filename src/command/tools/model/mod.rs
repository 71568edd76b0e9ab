//! `underfoot model`: prints a model's card, adds one to a model, or compares two models.

mod card_template;
mod compare;
mod show;
mod stamp;

use std::path::PathBuf;

use self::card_template::CardTemplateArgs;
use self::compare::CompareArgs;
use crate::command::failure::Failure;

/// Print a model's card, add one to a model from another program, or compare two models
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
    /// Write a card.toml for a model made by another program, from the recordings that it was trained on
    CardTemplate(CardTemplateArgs),
    /// Compare two models on the same recordings: how often they agree, which one is right where they differ, and what each
    /// costs
    Compare(CompareArgs),
}

impl ModelCommand {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// [`Failure`] if a file cannot be read or written, the card is invalid, or models, cards and recordings do not fit
    /// each other.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            ModelCommand::Show { model, json } => show::show(&model, json),
            ModelCommand::Stamp { model, card, out } => stamp::stamp(&model, &card, &out),
            ModelCommand::CardTemplate(arguments) => arguments.run(),
            ModelCommand::Compare(arguments) => arguments.run(),
        }
    }
}
