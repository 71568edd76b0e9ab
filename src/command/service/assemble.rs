//! From a configuration to the parts of a pipeline.

use std::path::Path;
use std::time::Duration;

use sha2::Digest as _;

use crate::command::failure::Failure;
use crate::config::SourceConfig as Configured;
use crate::config::{Config, SourceKind};
use crate::daemon::pipeline::{BrokerConnection, SourceTask};
use crate::decision::ServingContext;
use crate::model::card::Card;
use crate::model::session::Model;
use crate::mqtt::{self, Role, Subscription};
use crate::recordings;
use crate::signal::{Channel, channel_names};
use crate::sink::home_assistant::HomeAssistantDiscovery;
use crate::source::bytes::ByteSource;
use crate::source::file::{Faults, FileSource};
use crate::source::serial::SerialSource;
use crate::source::simulator::SimulatorSource;
use crate::stream::{SilenceLimits, StreamTableOptions, WindowerOptions};

/// How fast a port is where nothing else is said.
pub(crate) const BAUD: u32 = 115_200;
/// A port that is silent for this long is opened again, where nothing else is said.
const SILENCE: Duration = Duration::from_secs(10);

/// SHA-256 of a file.
pub(crate) type Digest = [u8; 32];

/// Loads the model once for each thread that runs it, and gives its card.
pub(crate) fn models(config: &Config) -> Result<(Card, Vec<Model>), Failure> {
    let (_, bytes) = read_model(config)?;
    load_models(config, &bytes)
}

/// Reads the model's file, and gives its hash, too.
pub(crate) fn read_model(config: &Config) -> Result<(Digest, Vec<u8>), Failure> {
    let path = model_path(config)?;
    let bytes = Model::read(path, config.model.runtime.as_deref()).map_err(Failure::config)?;
    Ok((sha2::Sha256::digest(&bytes).into(), bytes))
}

/// As [`models`], of a file that was read.
pub(crate) fn load_models(config: &Config, bytes: &[u8]) -> Result<(Card, Vec<Model>), Failure> {
    let path = model_path(config)?;
    let load = || Model::from_bytes(bytes, path, config.model.runtime.as_deref()).map_err(Failure::config);
    let first = load()?;
    let card = first.card().clone();
    let mut models = vec![first];
    for _ in 1..config.model.threads {
        models.push(load()?);
    }
    Ok((card, models))
}

fn model_path(config: &Config) -> Result<&Path, Failure> {
    config.model.path.as_deref().ok_or_else(|| {
        Failure::config("model.path is missing; give the .onnx file that `underfoot-train fit --out` wrote")
    })
}

/// The sources, each checked against the channels that are wanted, or against nothing.
pub(crate) fn sources(
    config: &Config,
    wanted: Option<&[Channel]>,
) -> Result<Vec<(String, SourceTask)>, Failure> {
    if config.sources.is_empty() {
        return Err(Failure::config(
            "there is no [[source]]; add one, `underfoot config --sample` shows the kinds",
        ));
    }
    let named = |(index, source): (usize, &Configured)| {
        Ok((source.name(index), crate::command::service::assemble::source(config, source, index, wanted)?))
    };
    config.sources.iter().enumerate().map(named).collect()
}

fn source(
    config: &Config,
    source: &Configured,
    index: usize,
    wanted: Option<&[Channel]>,
) -> Result<SourceTask, Failure> {
    let input = source.input(index, wanted).map_err(Failure::config)?;
    let channels = input.columns.channels().to_vec();
    let bytes = |silence| -> Result<ByteSource, Failure> {
        let format = source.stream_format().map_err(Failure::config)?;
        Ok(ByteSource { stream: source.stream(index), format, input: input.clone(), silence })
    };
    Ok(match source.kind {
        SourceKind::Mqtt => SourceTask::Mqtt(Subscription {
            topic: source.topic.clone().unwrap_or_default(),
            format: source.message_format().map_err(Failure::config)?,
            input,
            max_payload: config.limits.payload,
        }),
        SourceKind::Serial => SourceTask::Serial(SerialSource {
            port: source.port.clone().unwrap_or_default(),
            baud: source.baud.unwrap_or(BAUD),
            bytes: bytes(Some(source.silence.unwrap_or(SILENCE)))?,
        }),
        SourceKind::Stdin => SourceTask::Stdin(bytes(None)?),
        SourceKind::File => SourceTask::Files(FileSource {
            recordings: recordings::find(source.path.as_slice(), None).map_err(Failure::config)?,
            channels,
            speed: source.speed().map_err(Failure::config)?,
            truth: None,
            faults: Faults::default(),
        }),
        SourceKind::Simulator => {
            if channels != [SimulatorSource::channel()] {
                let names = channel_names(&channels);
                return Err(Failure::config(format!(
                    "the source {:?} is the simulator, which gives one channel, \"current\" in A; the model takes {names}",
                    source.name(index)
                )));
            }
            SourceTask::Simulator(SimulatorSource::new(source.stream(index), source.seed.unwrap_or_default()))
        }
    })
}

/// How long a source may be without samples before it is silent.
pub(crate) fn silences(config: &Config) -> impl Iterator<Item = (String, Duration)> {
    let silence = config.limits.silence;
    config.sources.iter().enumerate().map(move |(index, source)| (source.name(index), silence))
}

/// How live streams are followed.
pub(crate) fn streams(config: &Config, card: &Card) -> StreamTableOptions {
    let reorder = i64::try_from(config.window.reorder.as_nanos()).unwrap_or(i64::MAX);
    StreamTableOptions {
        windower: WindowerOptions {
            card: card.clone(),
            hop: config.window.hop.unwrap_or(card.hop),
            reorder,
            quality: config.quality,
        },
        streams: config.limits.streams,
        silence_limits: Some(SilenceLimits { silence: config.limits.silence, idle: config.limits.idle }),
    }
}

/// The broker's connection, if one is configured.
pub(crate) fn broker(config: &Config, role: Role) -> Result<Option<BrokerConnection>, Failure> {
    let Some(host) = &config.mqtt.host else { return Ok(None) };
    let password = config.password().map_err(Failure::config)?;
    let password = password.as_ref().map(|password| password.reveal());
    let tls = mqtt::tls::client(&config.mqtt).map_err(Failure::config)?;
    let (connection, publisher) =
        mqtt::connect(&config.mqtt, host, password, tls, &config.publish.base, role);
    let health = (role == Role::Daemon).then_some(config.publish.health);
    Ok(Some(BrokerConnection { connection, publisher, health }))
}

/// Who tells Home Assistant of the streams, if it is told.
pub(crate) fn home_assistant(
    config: &Config,
    broker: &BrokerConnection,
    context: &ServingContext,
) -> Option<HomeAssistantDiscovery> {
    let options = &config.home_assistant;
    options.enabled.then(|| HomeAssistantDiscovery::new(broker.publisher.clone(), options, context))
}

/// What surfaces are decided by.
pub(crate) fn context(config: &Config, card: Card) -> ServingContext {
    let model = config.model.path.as_ref().and_then(|path| path.file_stem()).unwrap_or_default();
    let (model, hop) = (model.to_string_lossy().into_owned(), config.window.hop.unwrap_or(card.hop));
    ServingContext { card, model, hop, decision: config.decide }
}
