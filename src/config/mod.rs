//! The configuration: what each key means, its default, and whether the whole makes sense.

pub(crate) mod change;
pub(crate) mod home_assistant;
pub(crate) mod http;
pub mod load;
pub(crate) mod secret;
pub(crate) mod source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::home_assistant::HomeAssistantConfig;
pub use self::http::HttpConfig;
pub use self::secret::Secret;
pub(crate) use self::source::parse_speed;
pub use self::source::{SourceConfig, SourceInput, SourceKind};

use crate::decision::DecisionOptions;
use crate::stream::QualityOptions;

/// The commented sample, with every key; its values are the defaults.
pub const SAMPLE: &str = include_str!("../../config/underfoot.toml");

/// The credential that holds the broker's password, where the service manager passes one and the configuration has none.
pub const CREDENTIAL: &str = "underfoot.mqtt-password";

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The model to serve.
    pub model: ModelConfig,
    /// The broker.
    pub mqtt: MqttConfig,
    /// How windows are cut.
    pub window: WindowConfig,
    /// How probabilities become a surface.
    pub decide: DecisionOptions,
    /// When input is told to be bad, and what follows.
    pub quality: QualityOptions,
    /// Where surfaces go.
    pub publish: PublishConfig,
    /// Whether Home Assistant is told of the robots.
    pub home_assistant: HomeAssistantConfig,
    /// Where samples are recorded, if anywhere.
    pub record: RecordConfig,
    /// The page, the metrics and the probes.
    pub http: HttpConfig,
    /// Bounds on what can grow.
    pub limits: LimitsConfig,
    /// Where samples come from.
    #[serde(rename = "source")]
    pub sources: Vec<SourceConfig>,
}

/// The model to serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The ONNX file, with its card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The ONNX Runtime library; looked for in the usual places where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<PathBuf>,
    /// Windows that run together at the most.
    pub batch: usize,
    /// Threads that run the model.
    pub threads: usize,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { path: None, runtime: None, batch: 64, threads: 1 }
    }
}

/// The broker, for MQTT sources and for publishing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MqttConfig {
    /// The broker's host; no MQTT where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The broker's port.
    pub port: u16,
    /// The name the broker knows this daemon by; made from the host's name and the base where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The user, where the broker asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file with the password, in place of `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Whether the broker is spoken to in TLS.
    pub tls: bool,
    /// The certificates of the CA that signed the broker's, in PEM; those of the system where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate that this daemon shows the broker, in PEM, with those between it and the CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// How long the connection may be idle before it is checked.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 1883,
            client_id: None,
            username: None,
            password: None,
            password_file: None,
            tls: false,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// How windows are cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowConfig {
    /// Steps between two predictions; the model's where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// How long samples are held back to be put in order.
    #[serde(with = "humantime_serde")]
    pub reorder: Duration,
}

/// Where surfaces go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PublishConfig {
    /// What every MQTT topic starts with.
    pub base: String,
    /// Whether predictions are also written to standard output, a JSON object a line.
    pub stdout: bool,
    /// How often counters are published.
    #[serde(with = "humantime_serde")]
    pub health: Duration,
}

impl Default for PublishConfig {
    fn default() -> Self {
        Self { base: "underfoot".into(), stdout: false, health: Duration::from_secs(30) }
    }
}

/// Where samples are recorded, if anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordConfig {
    /// The folder; nothing is recorded where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The surface that is driven on: recordings go into a folder of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Bounds on what can grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsConfig {
    /// Streams at once.
    pub streams: usize,
    /// A stream without samples for this long is forgotten.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// A stream without samples for this long has an unknown surface.
    #[serde(with = "humantime_serde")]
    pub silence: Duration,
    /// Bytes in one MQTT payload.
    pub payload: usize,
    /// Windows that wait for the model; the oldest is dropped for the newest.
    pub windows: usize,
    /// How long work in flight may take to end at shutdown.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            streams: 1024,
            idle: Duration::from_secs(600),
            silence: Duration::from_secs(5),
            payload: 1 << 20,
            windows: 4096,
            drain: Duration::from_secs(5),
        }
    }
}

/// A value that makes no sense, with its key and what the key takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; {mend}")]
pub struct ValueError {
    key: String,
    value: String,
    mend: String,
}

impl ValueError {
    pub(crate) fn new(key: impl Into<String>, value: impl std::fmt::Debug, mend: impl Into<String>) -> Self {
        Self { key: key.into(), value: format!("{value:?}"), mend: mend.into() }
    }
}

impl Config {
    /// Checks what no type can.
    ///
    /// # Errors
    /// The first [`ValueError`].
    pub fn validate(&self) -> Result<(), ValueError> {
        let within = |key: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(ValueError::new(key, value, format!("it takes {low} to {high}")))
            }
        };
        within("model.batch", self.model.batch, 1, 4096)?;
        within("model.threads", self.model.threads, 1, 64)?;
        within("limits.streams", self.limits.streams, 1, 1_000_000)?;
        within("limits.payload", self.limits.payload, 1, 16 << 20)?;
        within("limits.windows", self.limits.windows, 1, 1_000_000)?;
        within("window.hop", self.window.hop.unwrap_or(1), 1, 1_000_000)?;
        let decide = &self.decide;
        if decide.dwell < Duration::from_millis(1) {
            return Err(ValueError::new("decide.dwell", decide.dwell, "it takes at least \"1ms\""));
        }
        if !(decide.evidence > 0.0 && decide.evidence <= 1e6) {
            return Err(ValueError::new("decide.evidence", decide.evidence, "it takes more than 0"));
        }
        if !(0.0..=1.0).contains(&decide.min_confidence) {
            return Err(ValueError::new("decide.min_confidence", decide.min_confidence, "it takes 0 to 1"));
        }
        if !(0.0..=decide.min_confidence).contains(&decide.hysteresis) {
            return Err(ValueError::new(
                "decide.hysteresis",
                decide.hysteresis,
                "it takes 0 to decide.min_confidence",
            ));
        }
        let quality = &self.quality;
        if !(quality.clipped > 0.0 && quality.clipped <= 1.0) {
            return Err(ValueError::new("quality.clipped", quality.clipped, "it takes more than 0, up to 1"));
        }
        if !(quality.drift > 1.0 && quality.drift <= 1000.0) {
            return Err(ValueError::new("quality.drift", quality.drift, "it takes more than 1, up to 1000"));
        }
        for (key, value) in [
            ("limits.idle", self.limits.idle),
            ("publish.health", self.publish.health),
            ("quality.drift_time", quality.drift_time),
        ] {
            if value < Duration::from_secs(1) {
                return Err(ValueError::new(key, value, "it takes at least \"1s\""));
            }
        }
        let keep_alive = self.mqtt.keep_alive;
        if !(1..=65535).contains(&keep_alive.as_secs()) || keep_alive.subsec_nanos() > 0 {
            return Err(ValueError::new(
                "mqtt.keep_alive",
                keep_alive,
                "it takes whole seconds, from \"1s\" to \"65535s\"",
            ));
        }
        for (key, value) in [("limits.drain", self.limits.drain), ("limits.silence", self.limits.silence)] {
            if value < Duration::from_millis(100) {
                return Err(ValueError::new(key, value, "it takes at least \"100ms\""));
            }
        }
        if self.window.reorder > Duration::from_secs(60) {
            return Err(ValueError::new("window.reorder", self.window.reorder, "it takes at most \"60s\""));
        }
        topic("publish.base", &self.publish.base, "underfoot")?;
        self.home_assistant.validate(self.mqtt.host.is_some())?;
        if self.mqtt.host.as_deref().is_some_and(str::is_empty) {
            return Err(ValueError::new("mqtt.host", "", "name the broker's host"));
        }
        if self.mqtt.password.is_some() && self.mqtt.password_file.is_some() {
            return Err(ValueError::new(
                "mqtt.password_file",
                &self.mqtt.password_file,
                "keep it or mqtt.password, not both",
            ));
        }
        self.mqtt.validate_tls()?;
        self.http.validate()?;
        if let Some(label) = &self.record.label {
            let plain = !label.is_empty() && !label.starts_with('.') && !label.contains(['/', '\\', '\0']);
            if !plain {
                return Err(ValueError::new("record.label", label, "it takes the name of a folder"));
            }
        }
        let mut names = std::collections::BTreeSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            source.validate(index, self.mqtt.host.is_some())?;
            if !names.insert(source.name(index)) {
                return Err(ValueError::new(
                    "source.name",
                    source.name(index),
                    "give each source a name of its own",
                ));
            }
        }
        Ok(())
    }

    /// The broker's password: from the config, from its file, or from the service manager's credential [`CREDENTIAL`].
    ///
    /// # Errors
    /// The file cannot be read, or others can read it.
    pub fn password(&self) -> Result<Option<Secret>, ValueError> {
        let credential = || {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
            Some(PathBuf::from(folder).join(CREDENTIAL)).filter(|path| path.is_file())
        };
        let named = self.mqtt.password_file.clone();
        let Some(path) = named.or_else(|| credential().filter(|_| self.mqtt.password.is_none())) else {
            return Ok(self.mqtt.password.clone());
        };
        only_ours("mqtt.password_file", &path)?;
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|why| {
            ValueError::new("mqtt.password_file", &path, format!("it cannot be read: {why}"))
        })?;
        Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
    }
}

impl MqttConfig {
    fn validate_tls(&self) -> Result<(), ValueError> {
        let files = [
            ("mqtt.ca_file", &self.ca_file),
            ("mqtt.certificate_file", &self.certificate_file),
            ("mqtt.key_file", &self.key_file),
        ];
        for (key, path) in files {
            if !self.tls && path.is_some() {
                return Err(ValueError::new(
                    key,
                    path,
                    "it is for TLS only; set mqtt.tls = true, and mqtt.port",
                ));
            }
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err(ValueError::new(
                "mqtt.key_file",
                &self.key_file,
                "mqtt.certificate_file and mqtt.key_file go together",
            ));
        }
        if let Some(path) = &self.key_file {
            only_ours("mqtt.key_file", path)?;
        }
        Ok(())
    }
}

/// Refuses what no topic to publish on may be, or start with.
fn topic(key: &str, topic: &str, example: &str) -> Result<(), ValueError> {
    let fits = !topic.is_empty()
        && !topic.starts_with(['/', '$'])
        && !topic.ends_with('/')
        && !topic.contains(['+', '#', '\0']);
    if fits {
        return Ok(());
    }
    let mend = format!("it takes a topic without \"+\" and \"#\", such as {example:?}");
    Err(ValueError::new(key, topic, mend))
}

/// Refuses a secret that everybody on this computer can read. A missing file is told of by who reads it.
fn only_ours(key: &str, path: &Path) -> Result<(), ValueError> {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o007 != 0 {
        let mend = format!("everybody can read it (mode {mode:03o}); run `chmod o= {}`", path.display());
        return Err(ValueError::new(key, path, mend));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_the_defaults_and_knows_every_key() {
        assert_eq!(load::parse(SAMPLE, "sample").unwrap(), Config::default());
        // With the commented keys switched on, each is known, and the whole makes sense.
        let switched_on: String = SAMPLE
            .lines()
            .map(|line| {
                line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n"
            })
            .collect();
        let config = load::parse(&switched_on, "sample").unwrap();
        assert_eq!(config.sources.len(), 5);
        // Two ways to give a password: the sample shows both.
        let mqtt = MqttConfig { password_file: None, tls: true, ..config.mqtt.clone() };
        let config = Config { mqtt, ..config };
        config.validate().unwrap();
    }

    #[test]
    fn a_value_out_of_range_names_its_key_and_what_it_takes() {
        for (toml, expected) in [
            ("[model]\nbatch = 0", "model.batch is 0; it takes 1 to 4096"),
            ("[publish]\nbase = 'a/#'", "publish.base is \"a/#\"; it takes a topic without"),
            (
                "[home_assistant]\nprefix = 'a/+'",
                "home_assistant.prefix is \"a/+\"; it takes a topic without",
            ),
            (
                "[home_assistant]\nenabled = true",
                "home_assistant.enabled is true; it is told over MQTT, and mqtt.host is missing",
            ),
            ("[home_assistant]\ndevices = 0", "home_assistant.devices is 0; it takes 1 to 10000"),
            ("[record]\nlabel = '../x'", "record.label is \"../x\"; it takes the name of a folder"),
            ("[decide]\nmin_confidence = 1.5", "decide.min_confidence is 1.5; it takes 0 to 1"),
            ("[mqtt]\nkeep_alive = '500ms'", "mqtt.keep_alive is 500ms; it takes whole seconds"),
            ("[mqtt]\nca_file = 'ca'", "mqtt.ca_file is Some(\"ca\"); it is for TLS only"),
            ("[mqtt]\ntls = true\nkey_file = 'k'", "mqtt.key_file is Some(\"k\"); mqtt.certificate_file and"),
            ("[quality]\nclipped = 0.0", "quality.clipped is 0.0; it takes more than 0, up to 1"),
            ("[quality]\ndrift = 1.0", "quality.drift is 1.0; it takes more than 1"),
            ("[quality]\ndrift_time = '0s'", "quality.drift_time is 0ns; it takes at least"),
            ("[http]\nlisten = '8089'", "http.listen is \"8089\"; it takes an address and a port"),
            ("[http]\nhosts = ['robot.local:80']", "http.hosts is \"robot.local:80\"; it takes names"),
            ("[limits]\ndrain = '0s'", "limits.drain is 0ns; it takes at least \"100ms\""),
            (
                "[[source]]\nkind = 'serial'\nport = 'x'\nsilence = '0s'",
                "source.silence is 0ns; it takes at least \"100ms\"",
            ),
            ("[[source]]\nkind = 'serial'", "source.port is missing"),
            ("[[source]]\nkind = 'mqtt'\ntopic = 'a/{stream}'", "mqtt.host is missing"),
            ("[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = 'a/#'", "source.topic is \"a/#\""),
            (
                "[[source]]\nkind = 'stdin'\nbaud = 9600",
                "source.baud is 9600; a source of kind \"stdin\" has no such key",
            ),
            (
                "[[source]]\nkind = 'stdin'\nformat = 'xml'",
                "source.format is \"xml\"; it takes csv, json or binary",
            ),
        ] {
            let error = load::parse(toml, "x").unwrap().validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let config = load::parse("[mqtt]\npassword = 'hunter2'", "x").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
    }
}
