//! The configuration: every key with its meaning, its default and its checks.
//!
//! - [`Config`] has one field per section of the file; each section has a type of its own. The sections
//!   `[decide]` and `[quality]` are the options of the modules that use them.
//! - [`load`] reads the file, the files beside it, the environment and the flags, in this order of
//!   precedence, lowest first. `wrong_type` explains values that do not have the type of their key.
//! - `validation` checks what types cannot express: ranges, and keys that belong together.
//! - `change` compares two configurations, for a reload.
//!
//! Every error names the key, its value and the fix. Nothing here opens a port, a connection or a model.

pub(crate) mod broker;
pub(crate) mod change;
pub(crate) mod error;
pub(crate) mod home_assistant;
pub(crate) mod http;
pub(crate) mod limits;
pub mod load;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod publish;
pub(crate) mod source;
pub(crate) mod validation;
pub(crate) mod wrong_type;

use serde::{Deserialize, Serialize};

pub use self::broker::mqtt::MqttConfig;
pub use self::broker::nats::NatsConfig;
pub use self::broker::secret::Secret;
pub use self::error::ValueError;
pub use self::home_assistant::HomeAssistantConfig;
pub use self::http::HttpConfig;
pub use self::limits::LimitsConfig;
pub use self::model::{ModelConfig, WindowConfig};
pub use self::node::NodeConfig;
pub use self::publish::{PublishConfig, RecordConfig};
pub(crate) use self::source::parse_speed;
#[cfg(feature = "nats")]
pub(crate) use self::source::subject;
pub(crate) use self::source::topic;
pub use self::source::{SourceConfig, SourceInput, SourceKind};

use crate::decision::DecisionOptions;
use crate::stream::QualityOptions;

/// The sample configuration: every key with a comment that explains it. Its values are the defaults.
pub const SAMPLE: &str = include_str!("../../config/underfoot.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The model to serve.
    pub model: ModelConfig,
    /// The broker, for MQTT sources and for publishing.
    pub mqtt: MqttConfig,
    /// The NATS servers, for sources of the kind `nats`.
    pub nats: NatsConfig,
    /// What tells this daemon apart from others at the same broker.
    pub node: NodeConfig,
    /// How windows are cut.
    pub window: WindowConfig,
    /// How the probabilities of windows become surfaces.
    pub decide: DecisionOptions,
    /// When input counts as bad, and what follows from that.
    pub quality: QualityOptions,
    /// Where surfaces and predictions go.
    pub publish: PublishConfig,
    /// How robots are announced to Home Assistant.
    pub home_assistant: HomeAssistantConfig,
    /// Where samples are recorded.
    pub record: RecordConfig,
    /// Where the page, the metrics and the probes are served.
    pub http: HttpConfig,
    /// Bounds on everything that can grow, and time limits.
    pub limits: LimitsConfig,
    /// Where samples come from.
    #[serde(rename = "source")]
    pub sources: Vec<SourceConfig>,
}

impl Config {
    /// The broker's password: from `mqtt.password`, from `mqtt.password_file`, or from the systemd credential
    /// `underfoot.mqtt-password`; `None` if there is none of these.
    ///
    /// # Errors
    /// The file cannot be read, or every user of this computer can read it.
    pub fn password(&self) -> Result<Option<Secret>, ValueError> {
        self.mqtt.read_password()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_defaults_and_every_key_in_it_is_known() {
        assert_eq!(load::parse(SAMPLE, "sample").unwrap(), Config::default());
        // Without the comment signs in front of keys, every key is known and the whole is valid.
        let with_every_key: String = SAMPLE
            .lines()
            .map(|line| {
                line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n"
            })
            .collect();
        let mut config = load::parse(&with_every_key, "sample").unwrap();
        assert_eq!(config.sources.len(), 6);
        // The sample shows every way to log in, of which only one is valid.
        let mqtt = MqttConfig { password_file: None, tls: true, ..config.mqtt.clone() };
        let nats = NatsConfig { password_file: None, credentials: None, ..config.nats.clone() };
        // It also shows both ways to say where the time is.
        config.sources.iter_mut().for_each(|source| source.time.sum.clear());
        let config = Config { mqtt, nats, ..config };
        config.validate().unwrap();
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = load::parse("[mqtt]\npassword = 'hunter2'", "x").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
    }
}
