//! The command line of `underfoot record`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::monitor::RecordMonitor;
use super::progress::{RecordProgress, RecordTexts};
use super::summary;
use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::service::port::PortArgs;
use crate::command::{block_on, shutdown_signal};
use crate::config::{Config, SourceConfig, SourceKind};
use crate::daemon::pipeline::Pipeline;
use crate::health::Health;
use crate::model::card_text::printable;
use crate::model::session::Model;
use crate::mqtt::Role;
use crate::recordings::RecordingFormat;
use crate::signal::Channel;
use crate::sink::recorder::{Recorder, RecorderOptions, Unlabelled};

/// The most sources that are named.
const MAX_NAMED: usize = 3;

/// Record samples for training, to files in FOLDER/LABEL, until Ctrl-C
///
/// Shows what arrives: the time, the number of samples, their rate and the newest value of each channel, in place on a
/// terminal, and as a line every 10 s elsewhere. Recording begins with the first sample that the robot sends from now on.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// The surface that the robot drives on, such as gravel; it names the folder
    #[arg(short, long)]
    label: String,
    /// The folder for the recordings of all labels
    #[arg(short, long, value_name = "FOLDER", default_value = summary::DEFAULT_FOLDER)]
    out: PathBuf,
    /// The configuration file with the sources to record, if no --port is given
    /// [default: /etc/underfoot/underfoot.toml]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    port: PortArgs,
    /// The form of the files, whatever the robot sends
    #[arg(long = "as", value_enum, default_value_t, value_name = "FORM")]
    form: RecordingFormat,
    /// Stop after this time since the first sample, such as 90s or 5m [default: at Ctrl-C]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
}

impl RecordArgs {
    /// Records until Ctrl-C, or for the given duration.
    ///
    /// # Errors
    /// [`Failure`]: exit code 78 if the configuration cannot work, 1 if nothing could be recorded.
    pub fn run(self) -> Result<(), Failure> {
        let mut config = self.port.load(self.config.as_deref())?;
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
        let sources = assemble::sources(&config, Some(&channels))?.into_iter();
        let sources = sources.map(|(name, source)| (name, source.without_group())).collect();
        let options = RecorderOptions {
            format: self.form,
            folder: self.out.clone(),
            label: self.label.clone(),
            unlabelled: Unlabelled::Recorded,
            channels,
            max_streams: config.limits.streams,
            idle: config.limits.idle,
        };
        let monitor = RecordMonitor::new(options.channels.clone(), Instant::now());
        let monitor = Arc::new(Mutex::new(monitor));
        let recorder = Recorder::new(options).map_err(Failure::failed)?;
        let health = Arc::new(Health::new(assemble::silence_limits(&config)));
        let texts = RecordTexts {
            sources: source_names(&config),
            begun: format!(
                "recording {:?} into {}; Ctrl-C stops",
                self.label,
                self.out.join(&self.label).display()
            ),
            check: self.port.check_command(self.config.as_deref()),
        };
        let check = texts.check.clone();
        let ended = block_on(async {
            let broker = assemble::broker(&config, Role::Tool("record"))?;
            let observed = monitor.clone();
            let pipeline = Pipeline {
                sources,
                broker,
                serving: None,
                recorder: Some(recorder),
                observer: Some(Box::new(move |event| {
                    observed.lock().unwrap_or_else(PoisonError::into_inner).observe(event);
                })),
                reload: None,
                http: None,
                health: health.clone(),
                supervised: false,
                drain: config.limits.drain,
            };
            let mut progress = RecordProgress::new(monitor, health.clone(), texts);
            let stop = async {
                tokio::select! {
                    () = progress.run(self.duration) => {}
                    () = shutdown_signal() => {}
                }
            };
            pipeline.run(stop).await.map_err(Failure::failed)
        })??;
        for recording in &ended.recordings {
            // For programs; people read the line below.
            if !std::io::stdout().is_terminal() {
                println!("{}", recording.path.display());
            }
            eprintln!("{}", summary::line(recording));
        }
        if health.drops().total() > 0 {
            eprintln!("dropped: {}", health.drops());
        }
        if ended.recordings.is_empty() {
            return Err(Failure::failed(format!(
                "no samples arrived, so nothing was recorded; run `{check}`, which says what arrives"
            )));
        }
        eprintln!("{}", summary::next_step(&self.out));
        Ok(())
    }
}

/// The sources with what they read, such as `serial0 (/dev/ttyUSB0)`.
fn source_names(config: &Config) -> String {
    let named = |(index, source): (usize, &SourceConfig)| {
        let path = source.path.as_ref().map(|path| path.display().to_string());
        let what = match source.kind {
            SourceKind::Serial => source.port.clone(),
            SourceKind::Mqtt => source.topic.clone(),
            SourceKind::Nats => source.subject.clone(),
            SourceKind::File => path,
            SourceKind::Stdin => Some("standard input".into()),
            SourceKind::Simulator => Some("a simulated robot".into()),
        };
        format!("{} ({})", source.name(index), what.unwrap_or_default())
    };
    let names: Vec<String> = config.sources.iter().enumerate().take(MAX_NAMED).map(named).collect();
    let more = match config.sources.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    printable(&format!("{}{more}", names.join(", "))).into_owned()
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
