//! `underfoot record`: records samples as CSV files for training.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::{block_on, shutdown_signal};
use crate::config::{Config, SourceConfig, SourceKind, load};
use crate::daemon::pipeline::Pipeline;
use crate::health::Health;
use crate::model::session::Model;
use crate::mqtt::Role;
use crate::signal::{Channel, ChannelInput, StreamId, TimeInput, TimeUnit};
use crate::sink::recorder::{Recorder, RecorderOptions, Unlabelled};

/// Record samples for training, to FOLDER/LABEL/….csv, until Ctrl-C
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// The surface that the robot drives on, such as gravel; it names the folder
    #[arg(short, long)]
    label: String,
    /// The folder for the recordings of all labels
    #[arg(short, long, value_name = "FOLDER", default_value = "recordings")]
    out: PathBuf,
    /// The configuration file with the sources to record, if no --port is given
    /// [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Record this serial port, without a configuration, such as /dev/ttyUSB0
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    port: Option<String>,
    /// The speed of the serial port, in bits per second
    #[arg(long, requires = "port", conflicts_with = "config", default_value_t = assemble::DEFAULT_BAUD)]
    baud: u32,
    /// The format of the samples on the serial port: csv, json or binary
    #[arg(long, requires = "port", conflicts_with = "config", default_value = "csv")]
    format: String,
    /// The robot's name, with which the file names start
    #[arg(long, requires = "port", conflicts_with = "config", default_value = "rover")]
    stream: StreamId,
    /// The channels on the serial port in their order, in A, such as left,right
    #[arg(
        long,
        requires = "port",
        conflicts_with = "config",
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "current"
    )]
    channels: Vec<String>,
    /// The unit of the times on the serial port: s, ms, us, ns, rfc3339 or none [default: worked out from the samples]
    #[arg(long, requires = "port", conflicts_with = "config", value_name = "UNIT", value_parser = parse_unit)]
    unit: Option<TimeUnit>,
    /// Stop after this time, such as 90s or 5m [default: at Ctrl-C]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

impl RecordArgs {
    /// Records until Ctrl-C, or for the given duration.
    ///
    /// # Errors
    /// [`Failure`]: exit code 78 if the configuration cannot work, 1 if nothing could be recorded.
    pub fn run(self) -> Result<(), Failure> {
        let mut config = match &self.port {
            None => load::load(self.config.as_deref(), &[]).map_err(Failure::config)?,
            Some(port) => Config {
                sources: vec![SourceConfig {
                    kind: SourceKind::Serial,
                    port: Some(port.clone()),
                    baud: Some(self.baud),
                    format: Some(self.format.clone()),
                    stream: Some(self.stream.clone()),
                    channels: self
                        .channels
                        .iter()
                        .map(|name| ChannelInput::of(&Channel::in_ampere(name)))
                        .collect(),
                    time: TimeInput { unit: self.unit, ..TimeInput::default() },
                    ..SourceConfig::default()
                }],
                ..Config::default()
            },
        };
        if config.sources.is_empty() {
            return Err(Failure::config(
                "there is nothing to record; name a serial port with --port, such as --port /dev/ttyUSB0, or a \
                 configuration that has a [[source]] with -c",
            ));
        }
        // This recording has one label for all, whatever the daemon does with the same configuration.
        config.record.label = Some(self.label.clone());
        config.record.only_labelled = false;
        config.record.novel = false;
        config.validate().map_err(Failure::config)?;
        let channels = channels(&config)?;
        let sources = assemble::sources(&config, Some(&channels))?;
        let options = RecorderOptions {
            folder: self.out.clone(),
            label: self.label.clone(),
            unlabelled: Unlabelled::Recorded,
            channels,
            max_streams: config.limits.streams,
            idle: config.limits.idle,
        };
        let recorder = Recorder::new(options).map_err(Failure::failed)?;
        let health = Arc::new(Health::new(assemble::silence_limits(&config)));
        let ended = block_on(async {
            let broker = assemble::broker(&config, Role::Tool("record"))?;
            eprintln!(
                "recording {:?} into {}; Ctrl-C stops",
                self.label,
                self.out.join(&self.label).display()
            );
            let pipeline = Pipeline {
                sources,
                broker,
                serving: None,
                recorder: Some(recorder),
                observer: None,
                reload: None,
                http: None,
                health: health.clone(),
                supervised: false,
                drain: config.limits.drain,
            };
            let stop = async {
                match self.duration {
                    Some(duration) => tokio::select! {
                        () = tokio::time::sleep(duration) => {}
                        () = shutdown_signal() => {}
                    },
                    None => shutdown_signal().await,
                }
            };
            pipeline.run(stop).await.map_err(Failure::failed)
        })??;
        for (path, samples) in &ended.recordings {
            println!("{}", path.display());
            eprintln!("{}: {samples} samples", path.display());
        }
        if health.drops().total() > 0 {
            eprintln!("dropped: {}", health.drops());
        }
        if ended.recordings.is_empty() {
            return Err(Failure::failed(
                "no samples arrived, so nothing was recorded; run `underfoot check` to test each source",
            ));
        }
        Ok(())
    }
}

/// Parses the name of a unit of time.
fn parse_unit(name: &str) -> Result<TimeUnit, String> {
    name.parse().map_err(|why: &str| why.to_owned())
}

/// The channels to record: those of the model, or, without a model, those of the sources, which must all have
/// the same channels.
///
/// # Errors
/// [`Failure`] with exit code 78 if the model cannot be loaded, or the sources differ.
fn channels(config: &Config) -> Result<Vec<Channel>, Failure> {
    if let Some(model) = &config.model.path {
        let model = Model::open(model, config.model.runtime.as_deref()).map_err(Failure::config)?;
        return Ok(model.card().channels.clone());
    }
    let mut common: Option<Vec<Channel>> = None;
    for (index, source) in config.sources.iter().enumerate() {
        let input = source.input(index, None).map_err(Failure::config)?;
        let channels = input.columns.channels();
        match &common {
            None => common = Some(channels.to_vec()),
            Some(common) if common == channels => {}
            Some(_) => {
                return Err(Failure::config(format!(
                    "the source {:?} has different channels from the source before it; \
                     record each on its own",
                    source.name(index)
                )));
            }
        }
    }
    Ok(common.unwrap_or_default())
}
