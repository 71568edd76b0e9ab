//! `underfoot record`: samples to recordings that the trainer reads as they are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::{block_on, interrupted};
use crate::config::{Config, SourceConfig, SourceKind, load};
use crate::daemon::pipeline::Pipeline;
use crate::health::Health;
use crate::model::session::Model;
use crate::mqtt::Role;
use crate::signal::{Channel, ChannelInput, StreamId};
use crate::sink::recorder::{Recorder, RecorderOptions};

/// Write samples to FOLDER/LABEL/…csv until Ctrl-C, for underfoot-train
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// The surface that is driven on: the name of the folder
    #[arg(short, long)]
    label: String,
    /// The folder of recordings
    #[arg(short, long, value_name = "FOLDER", default_value = "recordings")]
    out: PathBuf,
    /// Take the sources from this configuration; /etc/underfoot/underfoot.toml where neither it nor --port is given
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Record this serial port, without a configuration
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    port: Option<String>,
    /// The port's bits a second
    #[arg(long, requires = "port", default_value_t = assemble::BAUD)]
    baud: u32,
    /// How the port's samples are written: csv, json or binary
    #[arg(long, requires = "port", default_value = "csv")]
    format: String,
    /// The robot's name
    #[arg(long, requires = "port", default_value = "rover")]
    stream: StreamId,
    /// The port's channels, in order
    #[arg(long, requires = "port", value_name = "NAME,…", value_delimiter = ',', default_value = "current")]
    channels: Vec<String>,
    /// End after this long, such as 90s
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

impl RecordArgs {
    /// Records until told to end.
    ///
    /// # Errors
    /// [`Failure`].
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
                    ..SourceConfig::default()
                }],
                ..Config::default()
            },
        };
        config.record.label = Some(self.label.clone());
        config.validate().map_err(Failure::config)?;
        let channels = channels(&config)?;
        let sources = assemble::sources(&config, Some(&channels))?;
        let options = RecorderOptions {
            folder: self.out.clone(),
            label: self.label.clone(),
            channels,
            streams: config.limits.streams,
            idle: config.limits.idle,
        };
        let recorder = Recorder::new(options).map_err(Failure::failed)?;
        let health = Arc::new(Health::new(assemble::silences(&config)));
        let ended = block_on(async {
            let broker = assemble::broker(&config, Role::Tool("record"))?;
            eprintln!(
                "recording {:?} into {}; Ctrl-C ends",
                self.label,
                self.out.join(&self.label).display()
            );
            let pipeline = Pipeline {
                sources,
                broker,
                serving: None,
                recorder: Some(recorder),
                reload: None,
                http: None,
                health: health.clone(),
                supervised: false,
                drain: config.limits.drain,
            };
            let over = async {
                match self.duration {
                    Some(duration) => tokio::select! {
                        () = tokio::time::sleep(duration) => {}
                        () = interrupted() => {}
                    },
                    None => interrupted().await,
                }
            };
            pipeline.run(over).await.map_err(Failure::failed)
        })??;
        for (path, samples) in &ended.recordings {
            println!("{}", path.display());
            eprintln!("{}: {samples} samples", path.display());
        }
        if health.drops().total() > 0 {
            eprintln!("left out: {}", health.drops());
        }
        if ended.recordings.is_empty() {
            return Err(Failure::failed(
                "no sample came, and nothing was recorded; `underfoot check` looks at each source",
            ));
        }
        Ok(())
    }
}

/// The channels to record: the model's where there is one, else those of the sources, which must agree.
fn channels(config: &Config) -> Result<Vec<Channel>, Failure> {
    if let Some(model) = &config.model.path {
        let model = Model::open(model, config.model.runtime.as_deref()).map_err(Failure::config)?;
        return Ok(model.card().channels.clone());
    }
    let mut all: Option<Vec<Channel>> = None;
    for (index, source) in config.sources.iter().enumerate() {
        let input = source.input(index, None).map_err(Failure::config)?;
        let own = input.columns.channels();
        match &all {
            None => all = Some(own.to_vec()),
            Some(all) if all == own => {}
            Some(_) => {
                return Err(Failure::config(format!(
                    "the source {:?} has other channels than the one before; record them one by one",
                    source.name(index)
                )));
            }
        }
    }
    Ok(all.unwrap_or_default())
}
