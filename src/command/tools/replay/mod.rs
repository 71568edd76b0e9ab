//! `underfoot replay`: runs recordings through the daemon's pipeline.
//!
//! The same recording gives the same predictions as a live stream, at any speed, batch size and number of
//! threads.

#[cfg(feature = "mcap")]
mod results;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::command::failure::Failure;
use crate::command::service::assemble;
use crate::command::{block_on, shutdown_signal};
use crate::config::{Config, parse_speed};
use crate::daemon::parts::{Serving, SourceTask};
use crate::daemon::pipeline::Pipeline;
use crate::health::Health;
use crate::recordings;
use crate::sink::Sink;
use crate::sink::evaluation::EvaluationSink;
use crate::sink::json::JsonWriter;
use crate::sink::text::{TextFormat, TextSink};
use crate::source::file::{FileSource, Truth, named};
use crate::source::reading_report::ReadingReports;
use crate::stream::{StreamTableOptions, WindowerOptions};

/// Run recordings through a model
///
/// Predictions go to standard output. If the recordings are labelled, scores go to standard error.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Recordings (.csv, .csv.gz or .mcap), or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The model (.onnx)
    #[arg(short, long, value_name = "FILE")]
    model: PathBuf,
    /// The dataset.toml that says how to read the recordings [default: the one in their folder]
    #[arg(long, value_name = "FILE")]
    dataset: Option<PathBuf>,
    /// Number of steps between two predictions [default: the model's]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hop: Option<u32>,
    /// Speed as a multiple of real time, such as 1 or 0.5, or max
    #[arg(long, value_name = "max|N", default_value = "max", value_parser = speed)]
    speed: f64,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    format: TextFormat,
    #[cfg(feature = "mcap")]
    #[command(flatten)]
    results: results::ResultArgs,
    /// Also write the scores to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Number of threads that run the model
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Maximum batch size, in windows
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Take the settings of `[decide]` and `[quality]` from this configuration file [default: built-in settings]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    parse_speed(text).ok_or_else(|| "it must be \"max\" or a number greater than 0".into())
}

impl ReplayArgs {
    /// Replays the recordings, prints the predictions, and scores them if labels are known.
    ///
    /// # Errors
    /// [`Failure`] with exit code 1. If a recording is faulty, the others are still replayed.
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
        let reports = ReadingReports::default();
        let context = assemble::context(&config, card.clone());
        #[cfg_attr(not(feature = "mcap"), expect(unused_mut))]
        let mut sinks = vec![
            Sink::Text(TextSink::new(
                self.format,
                JsonWriter::of(&context),
                &card.labels,
                false,
                std::io::stdout(),
            )),
            Sink::Evaluation(EvaluationSink::new(&card, truth.clone())),
        ];
        let replayed = recordings.clone();
        let recordings = named(recordings);
        #[cfg(feature = "mcap")]
        let results = self.results.open(&self.paths, &recordings, &context, &truth)?;
        #[cfg(feature = "mcap")]
        let observer = results.as_ref().map(|results| results.connect(&mut sinks));
        #[cfg(not(feature = "mcap"))]
        let observer = None;
        let files = FileSource {
            recordings,
            channels: card.channels.clone(),
            speed: self.speed,
            repeat: false,
            truth: Some(truth),
            reports: reports.clone(),
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
                max_streams: usize::MAX,
                silence_limits: None,
            },
            context,
            published: None,
            sinks,
            // With --report, the scores are wanted, whoever reads the predictions.
            ends_with_output: self.report.is_none(),
        };
        let health = Arc::new(Health::new([("recordings".to_owned(), Duration::MAX)]));
        let pipeline = Pipeline {
            sources: vec![("recordings".into(), SourceTask::Files(files))],
            broker: None,
            serving: Some(serving),
            recorder: None,
            observer,
            reload: None,
            http: None,
            health: health.clone(),
            supervised: false,
            drain: config.limits.drain,
        };
        let ended = block_on(pipeline.run(shutdown_signal()))?.map_err(Failure::failed)?;
        #[cfg(feature = "mcap")]
        if let Some(results) = results {
            results.finish()?;
        }
        if ended.output_closed {
            // The reader has what it wanted. Scores of a part would mislead.
            return Ok(());
        }
        let is_scored = |sink: &Sink| matches!(sink, Sink::Evaluation(evaluation) if evaluation.scored() > 0);
        if ended.sinks.iter().any(is_scored) {
            // A recording that can no longer be read is among the faults.
            if let Ok(Some(warning)) = recordings::trained_on_warning(&replayed, &card) {
                eprintln!("warning: {warning}");
            }
        }
        self.conclude(ended.sinks, &reports, &health)
    }

    /// Prints the scores, and what was said about the recordings.
    fn conclude(&self, sinks: Vec<Sink>, reports: &ReadingReports, health: &Health) -> Result<(), Failure> {
        for sink in sinks {
            let Sink::Evaluation(evaluation) = sink else { continue };
            eprint!("{evaluation}");
            if let Some(report) = &self.report {
                let text = serde_json::to_string_pretty(&evaluation.evaluation()).unwrap_or_default();
                std::fs::write(report, text + "\n").map_err(|error| {
                    Failure::failed(format!("--report \"{}\" cannot be written: {error}", report.display()))
                })?;
            }
        }
        let report = health.report();
        let said = reports.take();
        for warning in &said.warnings {
            eprintln!("warning: {warning}");
        }
        if let Some(conclusion) = said.units.last() {
            eprintln!(
                "{conclusion}, as the intervals between the samples suggest; set [time] unit in a dataset.toml if \
                 that is wrong"
            );
        }
        let drops = health.drops();
        if drops.total() > 0 {
            eprintln!("dropped: {drops}");
            for (reason, detail) in drops.details() {
                eprintln!("  {}: {detail}", reason.name());
            }
        }
        if let [fault] = said.errors.as_slice() {
            return Err(Failure::failed(fault));
        }
        if let Some(first) = said.errors.first() {
            return Err(Failure::failed(format!(
                "{} recordings have faults; the first: {first}",
                said.errors.len()
            )));
        }
        if report.predictions == 0 {
            return Err(Failure::failed(
                "no window was complete: the recordings are shorter than the model's window, or have gaps; \
                 `underfoot model show` prints its length",
            ));
        }
        Ok(())
    }
}
