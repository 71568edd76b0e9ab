//! `underfoot run`: the daemon.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::assemble;
use super::reload::Reloader;
use crate::command::failure::Failure;
use crate::command::{block_on, hangups, hung_up, interrupted};
use crate::config::{Config, load};
use crate::daemon::pipeline::{Pipeline, Serving};
use crate::daemon::reload::Reload;
use crate::decision::ServingContext;
use crate::health::Health;
use crate::http::HttpServer;
use crate::model::card::Card;
use crate::mqtt::Role;
use crate::sink::Sink;
use crate::sink::json::JsonWriter;
use crate::sink::live::LiveSink;
use crate::sink::mqtt::MqttSink;
use crate::sink::recorder::{Recorder, RecorderOptions};
use crate::sink::text::{TextFormat, TextSink};

/// Read samples and publish surfaces until told to end
#[derive(Debug, clap::Args)]
pub struct RunArgs {
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

impl RunArgs {
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
        // The signals, and the timers of the broker's connection, belong to the runtime.
        block_on(serve(config, self.config, flags))?
    }
}

/// Serves a configuration until the system's wish to end; reads it again from its file, with these flags, at the system's wish.
async fn serve(
    config: Config,
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let wishes = hangups().map_err(|error| Failure::failed(format!("signals: {error}")))?;
    let (digest, bytes) = assemble::read_model(&config)?;
    let (card, models) = assemble::load_models(&config, &bytes)?;
    drop(bytes);
    let sources = assemble::sources(&config, Some(&card.channels))?;
    let streams = assemble::streams(&config, &card);
    let context = assemble::context(&config, card);
    let recorder = recorder(&config, &context.card)?;
    let health = Arc::new(Health::new(assemble::silences(&config)));
    // The page's address comes before the broker: a port in use is told at once.
    let server = server(&config, &context, &health)?;
    let broker = assemble::broker(&config, Role::Daemon)?;
    let mut sinks = Vec::new();
    if let Some(broker) = &broker {
        broker.publisher.retain("status", b"online".to_vec());
        let topics = MqttSink::new(broker.publisher.clone(), &context);
        sinks.push(Sink::Mqtt(topics.announcing(assemble::home_assistant(&config, broker, &context))));
    }
    if config.publish.stdout || broker.is_none() {
        let labels = &context.card.labels;
        sinks.push(Sink::Lines(TextSink::new(
            TextFormat::Jsonl,
            JsonWriter::of(&context),
            labels,
            true,
            std::io::stdout(),
        )));
    }
    if let Some(server) = &server {
        // After the others, so that what they take is in the latency.
        sinks.push(Sink::Page(LiveSink::new(server.live(), JsonWriter::of(&context), health.clone())));
    }
    tracing::info!(
        model = %config.model.path.clone().unwrap_or_default().display(),
        labels = context.card.labels.join(" "),
        sources = sources.len(),
        ready_ms = begun.elapsed().as_millis() as u64,
        "ready"
    );
    let serving = Serving {
        models,
        batch: config.model.batch,
        queue_limit: config.limits.windows,
        streams,
        context: context.clone(),
        sinks,
    };
    let drain = config.limits.drain;
    let mut reloader = Reloader { file, flags, running: config, context, digest };
    let pipeline = Pipeline {
        sources,
        broker,
        serving: Some(serving),
        recorder,
        http: server,
        health: health.clone(),
        reload: Some(Reload { wishes, prepare: Box::new(move || reloader.prepare()) }),
        supervised: true,
        drain,
    };
    let shutdown = async {
        tokio::select! {
            () = interrupted() => {}
            () = hung_up() => {}
        }
    };
    let ended = pipeline.run(shutdown).await.map_err(Failure::failed)?;
    for sink in ended.sinks {
        if let Sink::Lines(lines) = sink {
            lines
                .finish(drain)
                .map_err(|error| Failure::failed(format!("standard output cannot be written: {error}")))?;
        }
    }
    let report = health.report();
    tracing::info!(predictions = report.predictions, dropped = %health.drops(), "ended");
    Ok(())
}

/// The page, the metrics and the probes, if they are served.
fn server(
    config: &Config,
    context: &ServingContext,
    health: &Arc<Health>,
) -> Result<Option<HttpServer>, Failure> {
    let Some(address) = config.http.address().map_err(Failure::config)? else { return Ok(None) };
    let broker = config.mqtt.host.as_ref().map(|host| format!("{host}:{}", config.mqtt.port));
    let about = crate::sink::live::about::About::new(context, broker);
    let server = HttpServer::bind(address, &config.http.hosts, about, health.clone());
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
