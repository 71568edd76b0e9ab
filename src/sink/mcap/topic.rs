//! The topics of the MCAP files that this program writes, with the JSON Schemas of their messages.

use serde_json::{Value, json};

use crate::recordings::reader::SAMPLES_TOPIC;
use crate::signal::Channel;

/// A topic of the MCAP files that this program writes. All their messages are in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResultTopic {
    /// The value of each channel, by its name.
    Samples,
    /// The prediction of a window, as it is published over MQTT.
    Prediction,
    /// A change of the surface, as it is published over MQTT.
    Surface,
    /// The label of the recording, whenever it changes: `null` where it is not known.
    Label,
    /// The begin and the end of a problem of the input, in the form that Foxglove's log panel shows.
    Log,
}

impl ResultTopic {
    /// What the names of all topics begin with.
    pub(super) const PREFIX: &str = "/underfoot/";

    /// The name of the topic.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Samples => SAMPLES_TOPIC,
            Self::Prediction => "/underfoot/prediction",
            Self::Surface => "/underfoot/surface",
            Self::Label => "/underfoot/label",
            Self::Log => "/underfoot/log",
        }
    }

    /// The name of the schema of its messages.
    pub(super) fn schema_name(self) -> &'static str {
        match self {
            Self::Samples => "underfoot.Samples",
            Self::Prediction => "underfoot.Prediction",
            Self::Surface => "underfoot.Surface",
            Self::Label => "underfoot.Label",
            // By this name, Foxglove's log panel knows it.
            Self::Log => "foxglove.Log",
        }
    }

    /// The JSON Schema of its messages, with these channels, for a model with these labels.
    pub(super) fn schema(self, channels: &[Channel], labels: &[String]) -> Value {
        let number = |description: &str| json!({"type": "number", "description": description});
        let number_or_null =
            |description: &str| json!({"type": ["number", "null"], "description": description});
        let text = |description: &str| json!({"type": "string", "description": description});
        let text_or_null =
            |description: &str| json!({"type": ["string", "null"], "description": description});
        let texts = |description: &str| json!({"type": "array", "items": {"type": "string"}, "description": description});
        let candidates = json!({"type": ["array", "null"], "items": {"type": "string"},
            "description": "the surfaces that are possible, the most probable one first; null if the model does not say it"});
        let (confidence, novelty, time) = (
            number("from 0 to 1"),
            number_or_null(
                "how unlike the training data the window is, from 0 to 1; null if the model does not say it",
            ),
            number("the time of the last step of the window, in seconds"),
        );
        let properties = match self {
            Self::Samples => {
                let channels = channels.iter().map(|channel| {
                    let unit = if channel.unit.is_empty() {
                        "without a unit".into()
                    } else {
                        format!("in {}", channel.unit)
                    };
                    (channel.name.clone(), number_or_null(&unit))
                });
                Value::Object(channels.collect())
            }
            Self::Prediction => {
                let probabilities = labels.iter().map(|label| (label.clone(), number("from 0 to 1")));
                json!({
                    "t": time, "confidence": confidence, "novelty": novelty, "candidates": candidates,
                    "surface": text("the surface that is decided, or \"unknown\""),
                    "probabilities": {"type": "object", "properties": Value::Object(probabilities.collect())},
                    "quality": {"type": "object", "properties": {
                        "measured": number("the share of steps with a sample"),
                        "interpolated": number("the share of steps that were interpolated"),
                        "clipped": number("the share of values at the limit of the sensor"),
                        "late": number("the share of samples that came too late"),
                        "drift": number_or_null("how far the values are from those of the training data, in deviations"),
                        "faults": texts("what is wrong with channels"),
                    }},
                })
            }
            Self::Surface => json!({
                "surface": text("the surface from this time on, or \"unknown\""),
                "previous": text_or_null("the surface before; null at the start"),
                "reason": text("why the surface is unknown"),
                "since": number("the time since which the robot is on this surface, in seconds"),
                "model": text("the name of the model"), "node": text("the name of the node"),
                "t": time, "confidence": confidence, "novelty": novelty, "candidates": candidates,
            }),
            Self::Label => {
                json!({"label": text_or_null("the label of the recording from this time on; null if it has none")})
            }
            Self::Log => json!({
                "timestamp": {"type": "object", "title": "time",
                    "properties": {"sec": {"type": "integer", "minimum": 0}, "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999}}},
                "level": {"type": "integer", "description": "2: information, 3: warning"},
                "message": text("the problem, with its numbers and the fix"),
                "name": text("the channel, or the stream if the problem is not that of a channel"),
                "file": text("empty"),
                "line": {"type": "integer", "minimum": 0, "description": "0"},
            }),
        };
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": self.schema_name(), "type": "object", "properties": properties})
    }
}
