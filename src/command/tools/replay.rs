//! `underfoot replay`: recordings through the same pipeline as the daemon's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::{block_on, interrupted};
use crate::config::{Config, parse_speed};
use crate::daemon::pipeline::{Pipeline, Serving, SourceTask};
use crate::health::Health;
use crate::recordings;
use crate::sink::Sink;
use crate::sink::evaluation::EvaluationSink;
use crate::sink::json::JsonWriter;
use crate::sink::text::{TextFormat, TextSink};
use crate::source::file::{Faults, FileSource, Truth};
use crate::stream::{StreamTableOptions, WindowerOptions};

/// Run recordings through a model: predictions on standard output, scores on standard error
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recordings, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The model
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// How to read the recordings, in place of the folder's own dataset.toml
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Steps between two predictions; the model's own where none are given
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hop: Option<u32>,
    /// How many times faster than recorded, or max
    #[arg(long, value_name = "max|N", default_value = "max", value_parser = speed)]
    speed: f64,
    /// How predictions are written
    #[arg(long, value_enum, default_value_t)]
    format: TextFormat,
    /// Write the scores as JSON, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Threads that run the model
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Windows that run together at the most
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Take the settings of the decision and of the quality from this configuration
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    parse_speed(text).ok_or_else(|| "it takes \"max\" or a number above 0".into())
}

impl ReplayArgs {
    /// Replays, prints, and scores where labels are known.
    ///
    /// # Errors
    /// [`Failure`] with exit code 1; a recording with a fault does not keep the others from being replayed.
    pub fn run(self) -> Result<(), Failure> {
        let mut config = Config::default();
        if let Some(file) = &self.config {
            let given = crate::config::load::load(Some(file), &[]).map_err(Failure::failed)?;
            (config.decide, config.quality) = (given.decide, given.quality);
        }
        config.model.path = Some(self.model.clone());
        config.model.threads = self.threads.into();
        let recordings = recordings::find(&self.paths, self.dataset.as_deref()).map_err(Failure::failed)?;
        config.window.hop = self.hop.map(|hop| hop as usize);
        let (card, models) = assemble::models(&config).map_err(Failure::or_failed)?;
        let truth = Truth::default();
        let faults = Faults::default();
        let context = assemble::context(&config, card.clone());
        let sinks = vec![
            Sink::Lines(TextSink::new(
                self.format,
                JsonWriter::of(&context),
                &card.labels,
                false,
                std::io::stdout(),
            )),
            Sink::Score(EvaluationSink::new(&card, truth.clone())),
        ];
        let files = FileSource {
            recordings,
            channels: card.channels.clone(),
            speed: self.speed,
            truth: Some(truth),
            faults: faults.clone(),
        };
        let serving = Serving {
            models,
            batch: self.batch.into(),
            queue_limit: config.limits.windows,
            streams: StreamTableOptions {
                windower: WindowerOptions {
                    hop: context.hop,
                    quality: config.quality,
                    ..WindowerOptions::of(&card)
                },
                streams: usize::MAX,
                silence_limits: None,
            },
            context,
            sinks,
        };
        let health = Arc::new(Health::new([("recordings".to_owned(), Duration::MAX)]));
        let pipeline = Pipeline {
            sources: vec![("recordings".into(), SourceTask::Files(files))],
            broker: None,
            serving: Some(serving),
            recorder: None,
            reload: None,
            http: None,
            health: health.clone(),
            supervised: false,
            drain: config.limits.drain,
        };
        let ended = block_on(pipeline.run(interrupted()))?.map_err(Failure::failed)?;
        self.conclude(ended.sinks, &faults, &health)
    }

    fn conclude(&self, sinks: Vec<Sink>, faults: &Faults, health: &Health) -> Result<(), Failure> {
        for sink in sinks {
            match sink {
                Sink::Lines(lines) => lines.finish(Duration::MAX).map_err(|error| {
                    Failure::failed(format!("standard output cannot be written: {error}"))
                })?,
                Sink::Score(score) => {
                    eprint!("{score}");
                    if let Some(report) = &self.report {
                        let text = serde_json::to_string_pretty(&score.evaluation()).unwrap_or_default();
                        std::fs::write(report, text + "\n").map_err(|error| {
                            Failure::failed(format!("--report {report:?} cannot be written: {error}"))
                        })?;
                    }
                }
                Sink::Mqtt(_) | Sink::Page(_) | Sink::Watch(_) => {}
            }
        }
        let drops = health.drops();
        if drops.total() > 0 {
            eprintln!("left out: {drops}");
        }
        let faults = faults.take();
        if let [fault] = faults.as_slice() {
            return Err(Failure::failed(fault));
        }
        if let Some(first) = faults.first() {
            return Err(Failure::failed(format!(
                "{} recordings have faults; the first: {first}",
                faults.len()
            )));
        }
        if health.report().predictions == 0 {
            return Err(Failure::failed(
                "no window was complete: the recordings are shorter than the model's window, or have gaps; `underfoot model show` tells its length",
            ));
        }
        Ok(())
    }
}
