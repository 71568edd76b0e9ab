//! Why inference ended before its input did.

use crate::model::session::ModelError;

/// Why an inference thread ended before its input did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InferenceError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The thread panicked, or found no model, which is a defect of this program.
    #[error("an inference thread stopped by itself")]
    Stopped,
}
