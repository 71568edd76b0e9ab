//! Home Assistant: whether robots appear in it by themselves.

use serde::{Deserialize, Serialize};

use super::ValueError;

/// How robots are announced to Home Assistant, by its MQTT discovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HomeAssistantConfig {
    /// Whether they are.
    pub enabled: bool,
    /// What the topics that Home Assistant looks at start with.
    pub prefix: String,
    /// Where Home Assistant says that it has started.
    pub status_topic: String,
    /// Robots that are announced at the most.
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
    pub(super) fn validate(&self, broker: bool) -> Result<(), ValueError> {
        if self.enabled && !broker {
            return Err(ValueError::new(
                "home_assistant.enabled",
                true,
                "it is told over MQTT, and mqtt.host is missing; name the broker that Home Assistant uses",
            ));
        }
        if !(1..=10_000).contains(&self.devices) {
            return Err(ValueError::new("home_assistant.devices", self.devices, "it takes 1 to 10000"));
        }
        for (key, topic) in
            [("home_assistant.prefix", &self.prefix), ("home_assistant.status_topic", &self.status_topic)]
        {
            crate::config::topic(key, topic, "homeassistant")?;
        }
        Ok(())
    }
}
