//! Why a model was not written.

use std::io;
use std::path::PathBuf;

use crate::model::session::ModelError;

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// ONNX Runtime cannot be loaded, or cannot run the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// ONNX Runtime's probabilities are not those of the trainer.
    #[error(
        "ONNX Runtime's probabilities differ from the trainer's by {difference:e}, more than {allowed:e}, \
         so no model was written; train again with another --seed or fewer --hidden units, \
         and report it if that does not help"
    )]
    Differs {
        /// The largest difference of a probability.
        difference: f32,
        /// The largest difference that would have been allowed.
        allowed: f32,
    },
    /// ONNX Runtime's novelty is not that of the trainer.
    #[error(
        "ONNX Runtime's novelty differs from the trainer's by {difference:e}, more than {allowed:e}, so no model was \
         written; train with --novelty=false for a model without this output, and report it"
    )]
    NoveltyDiffers {
        /// The largest difference of a novelty.
        difference: f32,
        /// The largest difference that would have been allowed.
        allowed: f32,
    },
    /// The file cannot be written.
    #[error(
        "the file \"{}\" cannot be written: {why}; set --out to a file in a folder that you can write to",
        path.display()
    )]
    Write {
        /// The path that was to be written.
        path: PathBuf,
        /// The system's error.
        why: io::Error,
    },
}
