//! Why a model cannot be changed so that it can be served.

use std::path::PathBuf;

use crate::model::error::ModelError;
use crate::model::onnx::StampError;

/// Why a model cannot be changed so that it can be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdaptError {
    /// The file cannot be read as an ONNX model, or its weights cannot be taken in.
    #[error("no card can be added to \"{path}\": {why}", path = path.display())]
    File {
        /// The path of the model.
        path: PathBuf,
        /// What is wrong with the file.
        why: StampError,
    },
    /// Even when it is changed, the model cannot be served.
    #[error(transparent)]
    Model(#[from] ModelError),
}
