//! Why the networks of a model cannot be read from its file.

/// Why the networks of a model cannot be read from its file, as a part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ImportError {
    /// The file is no ONNX model.
    #[error("it is not an ONNX model")]
    NoModel,
    /// The file lacks a constant of this name.
    #[error("it has no constant {0:?}")]
    Missing(String),
    /// The constant of this name has other sizes than the network, or values that are no finite numbers.
    #[error("its constant {0:?} is not one of such a network")]
    Constant(String),
    /// The graph is not the one that is exported of the networks in it.
    #[error("its graph computes something else than such networks do")]
    Graph,
}
