//! `underfoot run`: the daemon.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::failure::Failure;
use super::{assemble, block_on, interrupted};
use crate::config::Config;
use crate::config::load;
use crate::health::Health;
use crate::http::{self, Server};
use crate::model::card::Card;
use crate::mqtt::Role;
use crate::pipeline::{Pipeline, Serving};
use crate::sink::Sink;
use crate::sink::lines::{Format, Lines};
use crate::sink::mqtt::Topics;
use crate::sink::page::Page;
use crate::sink::recorder::{Recorder, RecorderOptions};

/// Read samples and publish surfaces until told to end
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The configuration; /etc/underfoot/underfoot.toml where none is named
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The model, in place of the configuration's model.path
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Write predictions on standard output, too, a JSON object a line
    #[arg(long)]
    stdout: bool,
}

/// What `underfoot/info` says.
#[derive(Serialize)]
struct Info<'a> {
    underfoot: &'static str,
    model: String,
    labels: &'a [String],
    channels: &'a [crate::channel::Channel],
    rate: f64,
    window: usize,
    hop: usize,
}

impl Run {
    /// Runs the daemon.
    ///
    /// # Errors
    /// [`Failure`]; 78 for what starting again cannot mend.
    pub fn run(self) -> Result<(), Failure> {
        let mut flags = Vec::new();
        if let Some(model) = &self.model {
            flags.push(("model.path", model.display().to_string()));
        }
        if self.stdout {
            flags.push(("publish.stdout", "true".into()));
        }
        let config = load::load(self.config.as_deref(), &flags).map_err(Failure::config)?;
        serve(&config)
    }
}

/// Serves a configuration until the system's wish to end.
fn serve(config: &Config) -> Result<(), Failure> {
    let begun = Instant::now();
    let (card, models) = assemble::models(config)?;
    let model = config.model.path.clone().unwrap_or_default();
    let sources = assemble::sources(config, Some(&card.channels))?;
    let lanes = assemble::lanes(config, &card);
    let hop = lanes.lane.hop;
    let recorder = recorder(config, &card)?;
    let health = Arc::new(Health::new(assemble::silences(config)));
    block_on(async {
        // The page's address comes first: a port in use is told at once.
        let server = server(config, &card, hop, &health)?;
        // The connection's timers belong to the runtime.
        let broker = assemble::broker(config, Role::Daemon)?;
        let json = assemble::json(&card, &model);
        let mut sinks = Vec::new();
        if let Some(broker) = &broker {
            let info = info(&card, &model, hop);
            broker.publisher.retain("status", b"online".to_vec());
            broker.publisher.retain("info", serde_json::to_vec(&info).unwrap_or_default());
            sinks.push(Sink::Mqtt(Topics::new(broker.publisher.clone(), json.clone())));
        }
        if config.publish.stdout || broker.is_none() {
            sinks.push(Sink::Lines(Lines::new(
                Format::Jsonl,
                json.clone(),
                &card.labels,
                true,
                std::io::stdout(),
            )));
        }
        if let Some(server) = &server {
            // After the others, so that what they take is in the latency.
            sinks.push(Sink::Page(Page::new(server.tap(), json, health.clone())));
        }
        tracing::info!(
            model = %model.display(),
            labels = card.labels.join(" "),
            sources = sources.len(),
            ready_ms = begun.elapsed().as_millis() as u64,
            "ready"
        );
        let serving = Serving {
            models,
            batch: config.model.batch,
            pending: config.limits.windows,
            lanes,
            decide: config.decide,
            sinks,
        };
        let pipeline = Pipeline {
            sources,
            broker,
            serving: Some(serving),
            recorder,
            http: server,
            health: health.clone(),
            supervised: true,
            drain: config.limits.drain,
        };
        let ended = pipeline.run(interrupted()).await.map_err(Failure::failed)?;
        for sink in ended.sinks {
            if let Sink::Lines(lines) = sink {
                lines.finish(config.limits.drain).map_err(|error| {
                    Failure::failed(format!("standard output cannot be written: {error}"))
                })?;
            }
        }
        let report = health.report();
        tracing::info!(predictions = report.predictions, dropped = %health.drops(), "ended");
        Ok(())
    })?
}

/// The page, the metrics and the probes, if they are served.
fn server(config: &Config, card: &Card, hop: usize, health: &Arc<Health>) -> Result<Option<Server>, Failure> {
    let Some(address) = config.http.address().map_err(Failure::config)? else { return Ok(None) };
    let broker = config.mqtt.host.as_ref().map(|host| format!("{host}:{}", config.mqtt.port));
    let model = config.model.path.as_deref().and_then(Path::file_stem).unwrap_or_default();
    let about = http::About::new(card, &model.to_string_lossy(), hop, broker);
    let server = Server::bind(address, &config.http.hosts, about, health.clone());
    // What holds the port may end, and an address may come with the network: trying again may help.
    server.map(Some).map_err(Failure::failed)
}

fn recorder(config: &Config, card: &Card) -> Result<Option<Recorder>, Failure> {
    let Some(folder) = &config.record.folder else { return Ok(None) };
    let options = RecorderOptions {
        folder: folder.clone(),
        label: config.record.label.clone().unwrap_or_else(|| "unlabelled".into()),
        channels: card.channels.clone(),
        streams: config.limits.streams,
        idle: config.limits.idle,
    };
    Recorder::new(options).map(Some).map_err(|error| match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
            Failure::config(format!("record.folder: {error}"))
        }
        // A disk that is full or not there yet may be well at the next start.
        _ => Failure::failed(format!("record.folder: {error}")),
    })
}

fn info<'a>(card: &'a Card, model: &std::path::Path, hop: usize) -> Info<'a> {
    Info {
        underfoot: env!("CARGO_PKG_VERSION"),
        model: model.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        labels: &card.labels,
        channels: &card.channels,
        rate: card.rate,
        window: card.window,
        hop,
    }
}
