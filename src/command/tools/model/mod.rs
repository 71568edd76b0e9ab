//! `underfoot model`: prints a model's card, adds one to a model, or compares two models.

mod card_template;
mod compare;
mod show;
mod stamp;

use std::path::PathBuf;

use self::card_template::CardTemplateArgs;
use self::compare::CompareArgs;
use crate::command::failure::Failure;
use crate::model::adapt::{AdaptOptions, AxisOrder, GivenConstant};

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
    /// Add a card to a model made by another program, such as Keras or PyTorch, and adapt it so that it can be served
    ///
    /// Each change is printed on a line, with the call of the exporter that makes it unnecessary.
    Stamp {
        /// The model (.onnx): its input is windows, its output probabilities or logits [N, labels]
        model: PathBuf,
        /// The card as TOML: channels, rate (Hz), window and hop (steps), resample and labels
        #[arg(long, value_name = "FILE")]
        card: PathBuf,
        /// The file to write: the model with its card
        #[arg(long, short, value_name = "FILE")]
        out: PathBuf,
        /// The order of the axes of its input: windows (N), steps (W) and channels (C); by default worked out from their sizes
        #[arg(long, value_enum, value_name = "ORDER", ignore_case = true)]
        layout: Option<AxisOrder>,
        /// The value of an input that is a constant, row by row, or one number for all; may be given several times
        #[arg(long = "constant", value_name = "NAME=VALUE,...")]
        constants: Vec<GivenConstant>,
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
            ModelCommand::CardTemplate(arguments) => arguments.run(),
            ModelCommand::Compare(arguments) => arguments.run(),
            ModelCommand::Stamp { model, card, out, layout, constants } => {
                let options = AdaptOptions { constants, order: layout };
                stamp::stamp(&model, &card, &out, &options)
            }
        }
    }
}
