//! `underfoot model`: prints a model's card, or adds one to a model.

mod show;
mod stamp;

use std::path::PathBuf;

use crate::command::failure::Failure;

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
            ModelCommand::Show { model, json } => show::show(&model, json),
            ModelCommand::Stamp { model, card, out } => stamp::stamp(&model, &card, &out),
        }
    }
}
