//! The sections `[model]` and `[window]`: the model to serve, and how windows are cut for it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The section `[model]`: the model to serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The ONNX file with its model card. The daemon does not start without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The ONNX Runtime library; if `None`, it is searched for in the usual places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<PathBuf>,
    /// Maximum batch size: how many windows may run through the model together.
    pub batch: usize,
    /// Number of threads that run the model.
    pub threads: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { path: None, runtime: None, batch: 64, threads: 1 }
    }
}

/// The section `[window]`: how windows are cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowConfig {
    /// The number of steps between two predictions; if `None`, the hop that the model was trained with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// How long samples are held back, so that samples that arrive out of order can be sorted.
    #[serde(with = "humantime_serde")]
    pub reorder: Duration,
}
