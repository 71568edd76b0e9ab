//! The sections `[publish]` and `[record]`: where surfaces, predictions and samples go.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ValueError;

/// The section `[publish]`: where surfaces and predictions go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishConfig {
    /// The first part of every MQTT topic that is published.
    pub base: String,
    /// Whether predictions are also written to standard output, one JSON object per line.
    pub stdout: bool,
    /// The interval between two health reports.
    #[serde(with = "humantime_serde")]
    pub health: Duration,
}

impl Default for PublishConfig {
    fn default() -> Self {
        Self { base: "underfoot".into(), stdout: false, health: Duration::from_secs(30) }
    }
}

/// The section `[record]`: where samples are recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordConfig {
    /// The folder of the recordings; if `None`, nothing is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The surface that the robots drive on. Recordings go into a subfolder of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl RecordConfig {
    /// The name of the subfolder of the recordings.
    pub(crate) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or("unlabelled")
    }

    /// Checks that the label can be the name of a folder.
    pub(super) fn validate(&self) -> Result<(), ValueError> {
        let Some(label) = &self.label else { return Ok(()) };
        let plain = !label.is_empty() && !label.starts_with('.') && !label.contains(['/', '\\', '\0']);
        if plain {
            return Ok(());
        }
        Err(ValueError::new(
            "record.label",
            label,
            "it must be the name of a folder, without slashes and without a dot in front, such as \"gravel\"",
        ))
    }
}

/// Checks that a topic can be published on, also when more levels follow it.
pub(super) fn validate_topic(key: &str, topic: &str, example: &str) -> Result<(), ValueError> {
    let valid = !topic.is_empty()
        && !topic.starts_with(['/', '$'])
        && !topic.ends_with('/')
        && !topic.contains(['+', '#', '\0']);
    if valid {
        return Ok(());
    }
    let fix = format!(
        "it must be a topic without \"+\" and \"#\", and without \"/\" at its start or end, such as \
         {example:?}"
    );
    Err(ValueError::new(key, topic, fix))
}
