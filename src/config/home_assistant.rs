//! The section `[home_assistant]`: whether robots appear in Home Assistant by themselves.

use serde::{Deserialize, Serialize};

use super::error::ValueError;
use super::publish::validate_topic;

/// The section `[home_assistant]`: how robots are announced to Home Assistant by its MQTT discovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HomeAssistantConfig {
    /// Whether robots are announced.
    pub enabled: bool,
    /// The discovery prefix: the first part of the topics on which Home Assistant finds devices.
    pub prefix: String,
    /// The topic on which Home Assistant reports that it has started.
    pub status_topic: String,
    /// Maximum number of robots that are announced.
    pub devices: usize,
}

impl Default for HomeAssistantConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            prefix: "homeassistant".into(),
            status_topic: "homeassistant/status".into(),
            devices: 256,
        }
    }
}

impl HomeAssistantConfig {
    /// Checks every key; `has_broker` says whether `mqtt.host` is set.
    pub(super) fn validate(&self, has_broker: bool) -> Result<(), ValueError> {
        if self.enabled && !has_broker {
            return Err(ValueError::new(
                "home_assistant.enabled",
                true,
                "Home Assistant is reached over MQTT, but mqtt.host is missing; set it to the broker that \
                 Home Assistant uses",
            ));
        }
        if !(1..=10_000).contains(&self.devices) {
            return Err(ValueError::new(
                "home_assistant.devices",
                self.devices,
                "it must be from 1 to 10000",
            ));
        }
        for (key, topic) in
            [("home_assistant.prefix", &self.prefix), ("home_assistant.status_topic", &self.status_topic)]
        {
            validate_topic(key, topic, "homeassistant")?;
        }
        Ok(())
    }
}
