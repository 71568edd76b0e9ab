//! Home Assistant's MQTT discovery: each stream as a device with its surface.
//!
//! One retained message a device, in the form that Home Assistant reads since 2024.12. It is published when a stream first
//! appears, after an outage, and when Home Assistant says that it has started. It outlives the stream and the daemon: what a
//! person has made of a device in Home Assistant stays, and the availability says whether there is a daemon.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config;
use crate::decision::ServingContext;
use crate::model::card::UNKNOWN;
use crate::mqtt::Publisher;
use crate::signal::StreamId;

/// What Home Assistant says on its status topic when it has started.
const BIRTH: &[u8] = b"online";
/// Characters of a name that are kept in an id.
const NAME: usize = 64;
/// Bytes of the digest in an id whose name was altered.
const DIGEST: usize = 8;

/// Announces each stream once.
pub struct HomeAssistantDiscovery {
    publisher: Publisher,
    prefix: String,
    options: Vec<String>,
    model: String,
    devices: usize,
    announced: HashSet<StreamId>,
    full: bool,
}

impl HomeAssistantDiscovery {
    /// No stream yet; those that come are told of by this publisher.
    pub fn new(publisher: Publisher, config: &config::HomeAssistantConfig, context: &ServingContext) -> Self {
        publisher.renew_on(&config.status_topic, BIRTH, format!("{}/device/", config.prefix));
        Self {
            publisher,
            prefix: config.prefix.clone(),
            options: options(context),
            model: context.model.clone(),
            devices: config.devices,
            announced: HashSet::new(),
            full: false,
        }
    }

    /// Announces a stream that was not seen before. The names come from strangers: there is a limit to how many are passed on.
    pub fn see(&mut self, stream: &StreamId) {
        if self.announced.contains(stream) {
            return;
        }
        if self.announced.len() >= self.devices {
            if !std::mem::replace(&mut self.full, true) {
                tracing::warn!(
                    "stream \"{stream}\" is one more than home_assistant.devices = {}; raise it to have more robots in Home Assistant",
                    self.devices
                );
            }
            return;
        }
        self.announced.insert(stream.clone());
        self.announce(stream);
    }

    /// Announces every stream again where a reload has changed what there is to tell of.
    pub fn take_over(&mut self, context: &ServingContext) {
        let options = options(context);
        if (&options, &context.model) != (&self.options, &self.model) {
            (self.options, self.model) = (options, context.model.clone());
            self.announced.iter().for_each(|stream| self.announce(stream));
        }
    }

    fn announce(&self, stream: &StreamId) {
        let base = self.publisher.base();
        let payload = device(base, stream, &self.options, &self.model).to_string();
        self.publisher.retain_at(topic(&self.prefix, base, stream), payload.into_bytes());
    }
}

/// What a surface may be.
fn options(context: &ServingContext) -> Vec<String> {
    context.card.labels.iter().cloned().chain([UNKNOWN.to_owned()]).collect()
}

/// The topic of a stream's device.
pub(crate) fn topic(prefix: &str, base: &str, stream: &StreamId) -> String {
    format!("{prefix}/device/{}/config", id(base, stream))
}

/// A stream's device: its surface, and how sure that is.
fn device(base: &str, stream: &StreamId, options: &[String], model: &str) -> Value {
    let id = id(base, stream);
    let version = env!("CARGO_PKG_VERSION");
    let surface = format!("{base}/{stream}/surface");
    let status = format!("{base}/status");
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
                // Of the last change: Home Assistant keeps every value, and predictions come many times a second.
                "stat_t": surface,
                "val_tpl": "{{ (value_json.confidence * 100) | round(1) }}",
                "avty_t": status,
            },
        },
        "qos": 1,
    })
}

/// An id of letters, digits, `_` and `-` that no other stream of any base has.
///
/// `underfoot_rover` where that says all. Where something had to be altered, or where the two parts could be taken apart in
/// another way, a digest of both follows `__`, which no id without one has.
fn id(base: &str, stream: &StreamId) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let whole = format!("{base}_{stream}");
    let mut id: String = whole.chars().map(|c| if plain(c) { c } else { '-' }).take(NAME).collect();
    if id != whole || base.contains('_') || whole.contains("__") {
        id.push_str("__");
        // A stream's name has no `/`, so this is one text for each pair.
        for byte in Sha256::digest(format!("{base}/{stream}")).iter().take(DIGEST) {
            let _ = write!(id, "{byte:02x}");
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    #[test]
    fn a_device_has_an_enum_of_every_label_and_unknown() {
        let options = ["tile".to_owned(), UNKNOWN.to_owned()];
        let device = device("base", &stream("rover"), &options, "m");
        let surface = &device["cmps"]["surface"];
        assert_eq!(surface["dev_cla"], "enum");
        assert_eq!(surface["ops"], json!(["tile", "unknown"]));
        assert_eq!(surface["stat_t"], "base/rover/surface");
        assert!(
            surface.get("stat_cla").is_none() && surface.get("unit_of_meas").is_none(),
            "no enum has them"
        );
        assert_eq!(device["cmps"]["confidence"]["avty_t"], "base/status");
        assert_eq!(device["dev"]["ids"], json!(["base_rover"]));
    }

    #[test]
    fn an_id_is_plain_and_short_whatever_a_stream_is_called() {
        let long = "ü".repeat(32);
        for name in ["rover", "a b", "a.b", "{{ 1 }}", "\"quote\"", "-", "~", &long] {
            let id = id("underfoot", &stream(name));
            assert!(id.len() <= NAME + 2 + 2 * DIGEST, "{id}");
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{id}");
        }
        assert_eq!(id("underfoot", &stream("rover-7_b")), "underfoot_rover-7_b");
    }

    #[test]
    fn no_two_streams_share_an_id() {
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
