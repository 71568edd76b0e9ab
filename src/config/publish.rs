//! The sections `[publish]` and `[record]`: where surfaces, predictions and samples go.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ValueError;
use crate::recordings::RecordingFormat;
use crate::signal::{UNLABELLED, is_folder_name};

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
    /// The form of the recordings. Those as MCAP also have predictions, surfaces and problems.
    pub format: RecordingFormat,
    /// The surface that the robots drive on. Recordings go into a subfolder of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether samples are recorded only while their robot has a label over MQTT.
    pub only_labelled: bool,
    /// Whether samples of robots without a label over MQTT are recorded only around stays on surfaces that the model does
    /// not know.
    pub novel: bool,
}

impl RecordConfig {
    /// The name of the subfolder of the recordings.
    pub(crate) fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(UNLABELLED)
    }

    /// Checks that the label can be the name of a folder, and that something can be recorded at all. `has_broker`
    /// says whether there is a broker to get labels from.
    pub(super) fn validate(&self, has_broker: bool) -> Result<(), ValueError> {
        if self.only_labelled {
            let wrong = |fix: &str| Err(ValueError::in_words("record.only_labelled", "true", fix));
            if self.folder.is_none() {
                return wrong("it needs record.folder, the folder of the recordings");
            }
            if !has_broker {
                return wrong("it needs mqtt.host, the broker from which the labels of robots come");
            }
            if self.label.is_some() {
                return wrong(
                    "record.label would have no effect, because robots without a label over MQTT are not recorded; \
                     remove one of the two",
                );
            }
        }
        if self.novel {
            let wrong = |fix: &str| Err(ValueError::in_words("record.novel", "true", fix));
            if self.folder.is_none() {
                return wrong("it needs record.folder, the folder of the recordings");
            }
            if self.label.is_some() {
                return wrong(
                    "record.label would have no effect, because nobody knows yet which surface a novel one is; remove one \
                     of the two",
                );
            }
        }
        let Some(label) = &self.label else { return Ok(()) };
        if is_folder_name(label) {
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
