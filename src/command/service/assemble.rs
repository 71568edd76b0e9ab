//! Builds the parts of a pipeline from a configuration.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest as _;

use super::nats;
use crate::command::failure::Failure;
use crate::config::topic::SampleTopic;
use crate::config::{Config, SourceConfig, SourceKind};
use crate::daemon::parts::{BrokerConnection, SourceTask};
use crate::decision::ServingContext;
use crate::model::card::Card;
use crate::model::session::Model;
use crate::mqtt::{self, DaemonTopics, Role, Subscription};
use crate::recordings;
use crate::signal::{Channel, channel_names};
use crate::sink::home_assistant::HomeAssistantDiscovery;
use crate::source::bytes::ByteSource;
use crate::source::file::{FileSource, named};
use crate::source::reading_report::ReadingReports;
use crate::source::serial::SerialSource;
use crate::source::simulator::SimulatorSource;
use crate::stream::{SilenceLimits, StreamTableOptions, WindowerOptions};

/// Default speed of a serial port, in bits per second.
pub(crate) const DEFAULT_BAUD: u32 = 115_200;
/// Default time without data after which a serial port is reopened.
const DEFAULT_SILENCE: Duration = Duration::from_secs(10);

/// SHA-256 of a model file.
pub(crate) type Digest = [u8; 32];

/// Reads the model file and loads the model once for each inference thread. Returns the model's card with
/// them.
///
/// # Errors
/// [`Failure`] with exit code 78 if there is no model, or it cannot be loaded.
pub(crate) fn models(config: &Config) -> Result<(Card, Vec<Model>), Failure> {
    let (_, bytes) = read_model(config)?;
    load_models(config, &bytes)
}

/// Reads the model file and returns its hash and its bytes.
///
/// # Errors
/// [`Failure`] with exit code 78 if there is no model, or it cannot be read.
pub(crate) fn read_model(config: &Config) -> Result<(Digest, Vec<u8>), Failure> {
    let path = model_path(config)?;
    let bytes = Model::read(path, config.model.runtime.as_deref()).map_err(Failure::config)?;
    Ok((sha2::Sha256::digest(&bytes).into(), bytes))
}

/// Loads the model from bytes that were read already, as [`models`] does.
///
/// # Errors
/// [`Failure`] with exit code 78 if the model cannot be loaded.
pub(crate) fn load_models(config: &Config, bytes: &[u8]) -> Result<(Card, Vec<Model>), Failure> {
    let path = model_path(config)?;
    let load = || Model::from_bytes(bytes, path, config.model.runtime.as_deref()).map_err(Failure::config);
    let first = load()?;
    for warning in first.warnings() {
        tracing::warn!("{warning}");
    }
    let card = first.card().clone();
    let mut models = vec![first];
    for _ in 1..config.model.threads {
        models.push(load()?);
    }
    Ok((card, models))
}

/// What is wrong if novel surfaces are to be recorded, but the model does not say which ones are; `None` if it is well.
pub(crate) fn novelty_warning(config: &Config, models: &[Model]) -> Option<String> {
    let says_novelty = models.first().is_none_or(Model::says_novelty);
    (config.record.novel && !says_novelty).then(|| {
        "record.novel records nothing with this model, because it has no output \"novelty\"; `underfoot-train fit` makes \
         models that have one, and so does `underfoot-train refit --old`"
            .into()
    })
}

fn model_path(config: &Config) -> Result<&Path, Failure> {
    config.model.path.as_deref().ok_or_else(|| {
        Failure::config("model.path is missing; give the .onnx file that `underfoot-train fit --out` wrote")
    })
}

/// Builds the sources, each with its name. With `wanted`, checks that each delivers these channels.
///
/// # Errors
/// [`Failure`] with exit code 78 if there is no source, or one is configured wrongly.
pub(crate) fn sources(
    config: &Config,
    wanted: Option<&[Channel]>,
) -> Result<Vec<(String, SourceTask)>, Failure> {
    if config.sources.is_empty() {
        return Err(Failure::config(
            "there is no [[source]]; add one (`underfoot config --sample` shows the kinds)",
        ));
    }
    let named = |(index, source): (usize, &SourceConfig)| {
        Ok((source.name(index), build_source(config, source, index, wanted)?))
    };
    config.sources.iter().enumerate().map(named).collect()
}

fn build_source(
    config: &Config,
    source: &SourceConfig,
    index: usize,
    wanted: Option<&[Channel]>,
) -> Result<SourceTask, Failure> {
    let input = source.input(index, wanted).map_err(Failure::config)?;
    let channels = input.columns.channels().to_vec();
    let is_mid_line = source.kind == SourceKind::Serial;
    let bytes = |silence| -> Result<ByteSource, Failure> {
        let format = source.stream_format().map_err(Failure::config)?;
        Ok(ByteSource { stream: source.stream(index), format, input: input.clone(), silence, is_mid_line })
    };
    Ok(match source.kind {
        SourceKind::Mqtt => {
            let topic = SampleTopic::new(source.topic.as_deref().unwrap_or_default());
            SourceTask::Mqtt(Subscription {
                group: topic.group.map(str::to_owned),
                topic: topic.pattern.to_owned(),
                format: source.message_format().map_err(Failure::config)?,
                input,
                max_payload: config.limits.payload,
                max_streams: config.limits.streams,
                hold: config.limits.silence,
            })
        }
        SourceKind::Nats => nats::source(config, source, input)?,
        SourceKind::Serial => SourceTask::Serial(SerialSource {
            port: source.port.clone().unwrap_or_default(),
            baud: source.baud.unwrap_or(DEFAULT_BAUD),
            bytes: bytes(Some(source.silence.unwrap_or(DEFAULT_SILENCE)))?,
        }),
        SourceKind::Stdin => SourceTask::Stdin(bytes(None)?),
        SourceKind::File => SourceTask::Files(FileSource {
            recordings: named(recordings::find(source.path.as_slice(), None).map_err(Failure::config)?),
            channels,
            speed: source.speed().map_err(Failure::config)?,
            repeat: source.repeat.unwrap_or_default(),
            truth: None,
            reports: ReadingReports::default(),
        }),
        SourceKind::Simulator => {
            if channels != [SimulatorSource::channel()] {
                let names = channel_names(&channels);
                return Err(Failure::config(format!(
                    "the source {:?} is the simulator, which delivers one channel, \"current\" in A, \
                     but the model needs {names}; use another source or model",
                    source.name(index)
                )));
            }
            SourceTask::Simulator(SimulatorSource::new(source.stream(index), source.seed.unwrap_or_default()))
        }
    })
}

/// The name of each source, with the time without samples after which it counts as silent.
pub(crate) fn silence_limits(config: &Config) -> impl Iterator<Item = (String, Duration)> {
    let silence = config.limits.silence;
    config.sources.iter().enumerate().map(move |(index, source)| (source.name(index), silence))
}

/// The options of the stream table for live streams.
pub(crate) fn stream_options(config: &Config, card: &Card) -> StreamTableOptions {
    let reorder = i64::try_from(config.window.reorder.as_nanos()).unwrap_or(i64::MAX);
    StreamTableOptions {
        windower: WindowerOptions {
            card: Arc::new(card.clone()),
            hop: config.window.hop.unwrap_or(card.hop),
            reorder,
            quality: config.quality,
        },
        max_streams: config.limits.streams,
        silence_limits: Some(SilenceLimits { silence: config.limits.silence, idle: config.limits.idle }),
    }
}

/// Builds the connection to the broker; `None` if no broker is configured. Nothing is sent before it runs.
///
/// # Errors
/// [`Failure`] with exit code 78 if the password file or the TLS files cannot be used.
pub(crate) fn broker(config: &Config, role: Role) -> Result<Option<BrokerConnection>, Failure> {
    let Some(host) = &config.mqtt.host else { return Ok(None) };
    // The connection reads these files again at each attempt. A fault at the start is reported at once.
    mqtt::Credentials::read(&config.mqtt).map_err(Failure::config)?;
    let (connection, publisher) = mqtt::connect(&config.mqtt, host, daemon_topics(config), role);
    let health = (role == Role::Daemon).then_some(config.publish.health);
    // Labels are for recordings.
    let labels = role == Role::Daemon && config.record.folder.is_some();
    Ok(Some(BrokerConnection { connection, publisher, health, labels }))
}

/// The topics on which a daemon with this configuration says how it is.
pub(crate) fn daemon_topics(config: &Config) -> DaemonTopics {
    DaemonTopics::new(&config.publish.base, config.node.name.as_deref())
}

/// Builds the announcements to Home Assistant; `None` if they are not enabled.
pub(crate) fn home_assistant(
    config: &Config,
    broker: &BrokerConnection,
    context: &ServingContext,
) -> Option<HomeAssistantDiscovery> {
    let options = &config.home_assistant;
    options.enabled.then(|| HomeAssistantDiscovery::new(broker.publisher.clone(), options, context))
}

/// The serving context of a configuration: the model's card, the hop and the decision settings.
pub(crate) fn context(config: &Config, card: Card) -> ServingContext {
    let model = config.model.path.as_ref().and_then(|path| path.file_stem()).unwrap_or_default();
    let hop = config.window.hop.unwrap_or(card.hop);
    let (model, node) = (model.to_string_lossy().into_owned(), config.node.name.clone());
    ServingContext { card, model, node, hop, decision: config.decide }
}
