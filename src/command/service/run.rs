//! `underfoot run`: starts the daemon.
//!
//! Everything that can fail at the start is built first: the model, the sources, the recorder, the page's
//! address and the broker's connection. Then the pipeline runs until SIGINT, SIGTERM or the end of every
//! source. SIGHUP reloads the configuration.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::assemble;
use super::reload::Reloader;
use crate::command::failure::Failure;
use crate::command::{block_on, reload_signals, shutdown_signal, terminal_hangup};
use crate::config::{Config, load};
use crate::daemon::parts::Serving;
use crate::daemon::pipeline::Pipeline;
use crate::daemon::reload::Reload;
use crate::decision::ServingContext;
use crate::health::Health;
use crate::http::HttpServer;
use crate::model::card::Card;
use crate::mqtt::Role;
use crate::sink::Sink;
use crate::sink::json::JsonWriter;
use crate::sink::live::LiveSink;
use crate::sink::live::about::About;
use crate::sink::mqtt::MqttSink;
#[cfg(feature = "mcap")]
use crate::sink::recorder::RecordedOutcomes;
use crate::sink::recorder::{Recorder, RecorderOptions, Unlabelled};
use crate::sink::text::{TextFormat, TextSink};

/// Run the daemon: read samples and publish surfaces until stopped
///
/// SIGINT (Ctrl-C) and SIGTERM stop it. SIGHUP reloads the configuration and the model.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// The configuration file [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The model (.onnx) to use instead of the configuration's model.path
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Also print predictions on standard output, one JSON object per line
    #[arg(long)]
    stdout: bool,
}

impl RunArgs {
    /// Runs the daemon until it is stopped.
    ///
    /// # Errors
    /// [`Failure`], with exit code 78 for faults that a restart cannot fix.
    pub fn run(self) -> Result<(), Failure> {
        let mut flags = Vec::new();
        if let Some(model) = &self.model {
            flags.push(("model.path", model.display().to_string()));
        }
        if self.stdout {
            flags.push(("publish.stdout", "true".into()));
        }
        let config = load::load(self.config.as_deref(), &flags).map_err(Failure::config)?;
        // Signal handlers and the timers of the broker's connection must be created inside the runtime.
        block_on(serve(config, self.config, flags))?
    }
}

/// Serves a configuration until a signal ends it. Reloads read the configuration from `file` with the same
/// `flags`.
async fn serve(
    config: Config,
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let requests = reload_signals()
        .map_err(|error| Failure::failed(format!("the signal SIGHUP cannot be caught: {error}")))?;
    let (digest, bytes) = assemble::read_model(&config)?;
    let (card, models) = assemble::load_models(&config, &bytes)?;
    drop(bytes);
    if let Some(warning) = assemble::novelty_warning(&config, &models) {
        tracing::warn!("{warning}");
    }
    let mut sources = assemble::sources(&config, Some(&card.channels))?;
    let published = super::nats::keep_published(&config, &mut sources);
    let streams = assemble::stream_options(&config, &card);
    let context = assemble::context(&config, card);
    #[cfg_attr(not(feature = "mcap"), expect(unused_mut))]
    let mut recorder = recorder(&config, &context.card)?;
    let health = Arc::new(Health::new(assemble::silence_limits(&config)));
    // Before the broker's connection, so that a port in use is reported at once.
    let server = server(&config, &context, &health)?;
    let broker = assemble::broker(&config, Role::Daemon)?;
    let mut sinks = Vec::new();
    // Before the broker, so that the other nodes know a surface before anybody else does.
    sinks.extend(super::nats::sink(&sources, &context));
    if let Some(broker) = &broker {
        broker.publisher.retain_at(broker.publisher.topics().status(), b"online".to_vec());
        let mqtt = MqttSink::new(broker.publisher.clone(), &context)
            .with_predictions(config.nats.predictions.is_none());
        sinks.push(Sink::Mqtt(mqtt.with_home_assistant(assemble::home_assistant(&config, broker, &context))));
    }
    if config.publish.stdout || broker.is_none() {
        let labels = &context.card.labels;
        sinks.push(Sink::Text(TextSink::new(
            TextFormat::Jsonl,
            JsonWriter::of(&context),
            labels,
            true,
            std::io::stdout(),
        )));
    }
    sinks.extend(recorder.as_ref().and_then(Recorder::novel_streams).map(Sink::Novel));
    #[cfg(feature = "mcap")]
    sinks.extend(
        recorder
            .as_mut()
            .and_then(|recorder| RecordedOutcomes::new(recorder, JsonWriter::of(&context)))
            .map(Sink::Recorded),
    );
    if let Some(server) = &server {
        // After the other sinks, so that the time they take is part of the measured latency.
        sinks.push(Sink::Live(LiveSink::new(server.live(), JsonWriter::of(&context), health.clone())));
    }
    tracing::info!(
        model = %config.model.path.clone().unwrap_or_default().display(),
        labels = context.card.labels.join(" "),
        sources = sources.len(),
        ready_ms = started.elapsed().as_millis() as u64,
        "ready"
    );
    let serving = Serving {
        models,
        batch: config.model.batch,
        queue_limit: config.limits.windows,
        streams,
        context: context.clone(),
        published,
        sinks,
        ends_with_output: broker.is_none() && server.is_none() && recorder.is_none(),
    };
    let drain = config.limits.drain;
    let (mqtt_files, publisher) =
        (config.mqtt.contents(), broker.as_ref().map(|broker| broker.publisher.clone()));
    let started = config.clone();
    let mut reloader =
        Reloader { file, flags, started, running: config, context, digest, mqtt_files, publisher };
    let pipeline = Pipeline {
        sources,
        broker,
        serving: Some(serving),
        recorder,
        observer: None,
        http: server,
        health: health.clone(),
        reload: Some(Reload { requests, prepare: Box::new(move || reloader.prepare()) }),
        supervised: true,
        drain,
    };
    let shutdown = async {
        tokio::select! {
            () = shutdown_signal() => {}
            () = terminal_hangup() => {}
        }
    };
    let ended = pipeline.run(shutdown).await;
    // Everything that was dropped is in this line, however the daemon ends.
    tracing::info!(predictions = health.report().predictions, dropped = %health.drops(), "ended");
    ended.map(drop).map_err(Failure::failed)
}

/// Starts to listen for the page, the metrics and the probes; `None` if http.listen is not set.
///
/// # Errors
/// [`Failure`]: exit code 78 if the address is invalid, 1 if it cannot be listened on.
fn server(
    config: &Config,
    context: &ServingContext,
    health: &Arc<Health>,
) -> Result<Option<HttpServer>, Failure> {
    let Some(address) = config.http.address().map_err(Failure::config)? else { return Ok(None) };
    let broker = config.mqtt.host.as_ref().map(|host| format!("{host}:{}", config.mqtt.port));
    let about = About::new(context, broker);
    let server = HttpServer::bind(address, &config.http.hosts, about, health.clone());
    // The other program may end, and the address may appear with the network, so a restart can help.
    server.map(Some).map_err(Failure::failed)
}

/// Prepares the recorder; `None` if record.folder is not set.
fn recorder(config: &Config, card: &Card) -> Result<Option<Recorder>, Failure> {
    let Some(folder) = &config.record.folder else { return Ok(None) };
    let options = RecorderOptions {
        format: config.record.format,
        folder: folder.clone(),
        label: config.record.label().to_owned(),
        unlabelled: match &config.record {
            record if record.novel => Unlabelled::WhileNovel,
            record if record.only_labelled => Unlabelled::NotRecorded,
            _ => Unlabelled::Recorded,
        },
        channels: card.channels.clone(),
        max_streams: config.limits.streams,
        idle: config.limits.idle,
    };
    Recorder::new(options).map(Some).map_err(|error| match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
            Failure::config(format!("record.folder: {error}"))
        }
        // A full disk or one that is not mounted yet may be usable at the next start.
        _ => Failure::failed(format!("record.folder: {error}")),
    })
}
