//! Why a model cannot be loaded or run.

use std::path::PathBuf;

use super::card::CardError;
use super::runtime::RuntimeError;

/// Why a model cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The ONNX Runtime library is missing, cannot be loaded or does not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file cannot be read.
    #[error(
        "the model \"{path}\" cannot be read: {why}; set model.path or --model to an .onnx file",
        path = path.display()
    )]
    Read {
        /// The path of the model.
        path: PathBuf,
        /// The error of the system.
        why: std::io::Error,
    },
    /// ONNX Runtime cannot load the file.
    #[error(
        "\"{path}\" is not an ONNX model that ONNX Runtime can load ({why}); give the file that \
         `underfoot-train fit --out` wrote",
        path = path.display()
    )]
    Load {
        /// The path of the model.
        path: PathBuf,
        /// The message of ONNX Runtime.
        why: String,
    },
    /// There is no card in the metadata of the file.
    #[error(
        "the model \"{path}\" has no model card; write one with `underfoot model stamp {path} --card \
         card.toml --out stamped.onnx`",
        path = path.display()
    )]
    NoCard {
        /// The path of the model.
        path: PathBuf,
    },
    /// The card is not valid.
    #[error(
        "the model card in \"{path}\" is not valid: {why}; write it again with `underfoot model stamp`",
        path = path.display()
    )]
    Card {
        /// The path of the model.
        path: PathBuf,
        /// What is wrong with the card.
        why: CardError,
    },
    /// The graph cannot be served with this card.
    #[error("the model \"{path}\" cannot be served: {why}", path = path.display())]
    Graph {
        /// The path of the model.
        path: PathBuf,
        /// What is wrong with the graph or with its answers, and how to fix it.
        why: String,
    },
    /// Some weights are in another file.
    #[error(
        "the model \"{path}\" keeps {count} of its weights in another file, {file}, which would be missing or \
         another one elsewhere; export it as one file, with torch.onnx.export(…, external_data=False), or take them in \
         with `underfoot model stamp`",
        path = path.display()
    )]
    ExternalWeights {
        /// The path of the model.
        path: PathBuf,
        /// The number of tensors in other files.
        count: usize,
        /// The name of the first of these files, in quotes.
        file: String,
    },
    /// ONNX Runtime failed to run the model.
    #[error("the model failed on {windows} windows: {why}")]
    Run {
        /// The number of windows in the run.
        windows: usize,
        /// The message of ONNX Runtime.
        why: String,
    },
}
