//! Home Assistant's MQTT discovery: announces each stream as a device that shows its surface.
//!
//! Each device is one retained message in the device discovery format, which Home Assistant reads since
//! version 2024.12. The message is published
//!
//! - when a stream first appears,
//! - after each reconnect to the broker while the stream runs, and
//! - when Home Assistant reports on its status topic that it has started.
//!
//! The message is never removed by the daemon, so that what a person has configured for the device in Home
//! Assistant survives the end of a stream and of the daemon; `underfoot forget` removes it. The device's
//! availability follows the daemon's status topic.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config;
use crate::decision::ServingContext;
use crate::model::card::UNKNOWN;
use crate::mqtt::{DaemonTopics, Publisher};
use crate::signal::StreamId;

/// The payload that Home Assistant publishes on its status topic when it has started.
const BIRTH: &[u8] = b"online";
/// Maximum number of characters of base and stream name in an id.
const MAX_NAME: usize = 64;
/// Bytes of the digest in an id that differs from the name it stands for.
const DIGEST: usize = 8;

/// Publishes one discovery message for each stream that appears, up to `home_assistant.devices` streams.
pub struct HomeAssistantDiscovery {
    publisher: Publisher,
    prefix: String,
    /// The values that a device's surface can have: the model's labels and `unknown`.
    options: Vec<String>,
    model: String,
    max_devices: usize,
    /// The streams that were announced, each with whether it still runs.
    announced: HashMap<StreamId, bool>,
    /// Whether the warning about too many streams has been logged.
    warned: bool,
}

impl HomeAssistantDiscovery {
    /// Prepares to announce streams by `publisher`, which sends all announcements again when Home Assistant
    /// restarts.
    pub fn new(publisher: Publisher, config: &config::HomeAssistantConfig, context: &ServingContext) -> Self {
        publisher.republish_on(&config.status_topic, BIRTH, format!("{}/device/", config.prefix));
        Self {
            publisher,
            prefix: config.prefix.clone(),
            options: options(context),
            model: context.model.clone(),
            max_devices: config.devices,
            announced: HashMap::new(),
            warned: false,
        }
    }

    /// Announces a stream at its first appearance.
    ///
    /// Stream names come from topics that anybody may publish to, so the number of devices is limited.
    pub fn announce_once(&mut self, stream: &StreamId) {
        if let Some(runs) = self.announced.get_mut(stream) {
            if !std::mem::replace(runs, true) {
                self.announce(stream);
            }
            return;
        }
        if self.announced.len() >= self.max_devices {
            if !std::mem::replace(&mut self.warned, true) {
                tracing::warn!(
                    "stream \"{stream}\" is over the limit home_assistant.devices = {} and is not announced \
                     to Home Assistant; raise the limit to show more robots there",
                    self.max_devices
                );
            }
            return;
        }
        self.announced.insert(stream.clone(), true);
        self.announce(stream);
    }

    /// Applies a new serving context: announces every stream again if the labels or the model's name changed.
    pub fn set_context(&mut self, context: &ServingContext) {
        let options = options(context);
        if (&options, &context.model) != (&self.options, &self.model) {
            (self.options, self.model) = (options, context.model.clone());
            let running = self.announced.iter().filter(|(_, runs)| **runs);
            running.for_each(|(stream, _)| self.announce(stream));
        }
    }

    /// Notes the end of a stream. The broker keeps its device, but it is not announced again after an outage:
    /// somebody may have removed it.
    pub fn forget(&mut self, stream: &StreamId) {
        if let Some(runs) = self.announced.get_mut(stream) {
            *runs = false;
            self.publisher.forget_at(&topic(&self.prefix, self.publisher.base(), stream));
        }
    }

    fn announce(&self, stream: &StreamId) {
        let topics = self.publisher.topics();
        let payload = device(topics, stream, &self.options, &self.model).to_string();
        self.publisher.retain_at(topic(&self.prefix, topics.base(), stream), payload.into_bytes());
    }
}

/// The values that a surface can have under a serving context.
fn options(context: &ServingContext) -> Vec<String> {
    context.card.labels.iter().cloned().chain([UNKNOWN.to_owned()]).collect()
}

/// The topic of a stream's discovery message.
pub(crate) fn topic(prefix: &str, base: &str, stream: &StreamId) -> String {
    format!("{prefix}/device/{}/config", id(base, stream))
}

/// The discovery message of a stream: a device with two sensors, the surface and its confidence.
fn device(topics: &DaemonTopics, stream: &StreamId, options: &[String], model: &str) -> Value {
    let base = topics.base();
    let id = id(base, stream);
    let version = env!("CARGO_PKG_VERSION");
    let surface = format!("{base}/{stream}/surface");
    let status = topics.status();
    json!({
        "dev": { "ids": [id], "name": stream, "mf": "underfoot", "mdl": model, "sw": version },
        "o": { "name": "underfoot", "sw": version },
        "cmps": {
            "surface": {
                "p": "sensor",
                "name": "Surface",
                "uniq_id": format!("{id}_surface"),
                "dev_cla": "enum",
                "ops": options,
                "ic": "mdi:road-variant",
                "stat_t": surface,
                "val_tpl": "{{ value_json.surface }}",
                "json_attr_t": surface,
                "avty_t": status,
            },
            "confidence": {
                "p": "sensor",
                "name": "Confidence",
                "uniq_id": format!("{id}_confidence"),
                "unit_of_meas": "%",
                "stat_cla": "measurement",
                "sug_dsp_prc": 0,
                "ent_cat": "diagnostic",
                "ic": "mdi:percent",
                // The confidence of the last change, not of each prediction: Home Assistant stores every
                // value, and predictions come many times a second.
                "stat_t": surface,
                "val_tpl": "{{ (value_json.confidence * 100) | round(1) }}",
                "avty_t": status,
            },
        },
        "qos": 1,
    })
}

/// An id of letters, digits, `_` and `-` that is unique to this pair of base and stream.
///
/// Usually it is base and stream joined by `_`, such as `underfoot_rover`. If a character had to be replaced,
/// the name was cut, or another pair could give the same text, `__` and a digest of both parts follow. An id
/// without a digest never contains `__`.
fn id(base: &str, stream: &StreamId) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name = format!("{base}_{stream}");
    let mut id: String = name.chars().map(|c| if allowed(c) { c } else { '-' }).take(MAX_NAME).collect();
    if id != name || base.contains('_') || name.contains("__") {
        id.push_str("__");
        // A stream's name contains no `/`, so every pair of base and stream is hashed as a different text.
        for byte in Sha256::digest(format!("{base}/{stream}")).iter().take(DIGEST) {
            let _ = write!(id, "{byte:02x}");
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn stream(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    #[test]
    fn a_device_has_an_enum_sensor_with_every_label_and_unknown() {
        let options = ["tile".to_owned(), UNKNOWN.to_owned()];
        let device = device(&DaemonTopics::new("base", None), &stream("rover"), &options, "m");
        let surface = &device["cmps"]["surface"];
        assert_eq!(surface["dev_cla"], "enum");
        assert_eq!(surface["ops"], json!(["tile", "unknown"]));
        assert_eq!(surface["stat_t"], "base/rover/surface");
        assert!(
            surface.get("stat_cla").is_none() && surface.get("unit_of_meas").is_none(),
            "Home Assistant refuses an enum sensor with these keys"
        );
        assert_eq!(device["cmps"]["confidence"]["avty_t"], "base/status");
        assert_eq!(device["dev"]["ids"], json!(["base_rover"]));
    }

    #[test]
    fn the_device_of_a_node_is_the_same_one_and_available_while_that_node_is_online() {
        let of = |node| device(&DaemonTopics::new("base", node), &stream("rover"), &[], "m");
        let (unnamed, mut node) = (of(None), of(Some("a")));
        for part in ["surface", "confidence"] {
            assert_eq!(node["cmps"][part]["avty_t"], "base/nodes/a/status");
            node["cmps"][part]["avty_t"] = "base/status".into();
        }
        assert_eq!(node, unnamed, "a robot that moves to another node is the same device");
    }

    #[test]
    fn an_id_is_short_and_has_only_allowed_characters_for_any_stream_name() {
        let long = "ü".repeat(32);
        for name in ["rover", "a b", "a.b", "{{ 1 }}", "\"quote\"", "-", "~", &long] {
            let id = id("underfoot", &stream(name));
            assert!(id.len() <= MAX_NAME + 2 + 2 * DIGEST, "{id}");
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{id}");
        }
        assert_eq!(id("underfoot", &stream("rover-7_b")), "underfoot_rover-7_b");
    }

    #[test]
    fn different_pairs_of_base_and_stream_have_different_ids() {
        let altered = id("a", &stream("r v"));
        let mimic = altered.strip_prefix("a_").unwrap().to_owned();
        let pairs = [
            ("a", "r v"),
            ("a", "r-v"),
            ("a", "r.v"),
            ("a", mimic.as_str()),
            ("a", "b_c"),
            ("a_b", "c"),
            ("a/b", "c"),
            ("a-b", "c"),
            ("a", "_c"),
            ("a_", "c"),
        ];
        let ids: HashSet<_> = pairs.iter().map(|(base, name)| id(base, &stream(name))).collect();
        assert_eq!(ids.len(), pairs.len(), "{ids:?}");
    }
}
