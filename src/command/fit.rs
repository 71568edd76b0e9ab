//! `underfoot-train fit`: labelled recordings to a model.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::channel::names;
use crate::model::runtime;
use crate::recordings;
use crate::train::dataset::{Dataset, DatasetOptions};
use crate::train::export;
use crate::train::fit::{Epoch, FitOptions, Schedule, fit};

/// Epochs between two lines where there is no terminal.
const LINE_EVERY: usize = 5;

/// Train a model on labelled recordings and write it as ONNX
#[derive(Clone, Debug, clap::Args)]
pub struct Fit {
    /// Recordings, or folders of them
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The model to write
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// How to read the recordings, in place of the folder's own dataset.toml
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// Seed of the split, the weights and the order; the same seed gives the same model
    #[arg(long, default_value_t = FitOptions::default().seed)]
    pub seed: u64,
    /// Steps a second [default: the recordings' own rate]
    #[arg(long, value_name = "HZ")]
    pub rate: Option<f64>,
    /// Steps in a window [default: 100]
    #[arg(long, value_name = "STEPS")]
    pub window: Option<usize>,
    /// Steps between two windows [default: a tenth of the window]
    #[arg(long, value_name = "STEPS")]
    pub hop: Option<usize>,
    /// Channels to take, separated by commas [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub channels: Vec<String>,
    /// Units of the LSTM
    #[arg(long, value_name = "UNITS", default_value_t = FitOptions::default().hidden)]
    pub hidden: usize,
    /// Share of the LSTM's outputs that are left out in training
    #[arg(long, value_name = "SHARE", default_value_t = FitOptions::default().dropout)]
    pub dropout: f32,
    /// How far a step goes, at first
    #[arg(long, value_name = "RATE", default_value_t = FitOptions::default().learning_rate)]
    pub learning_rate: f32,
    /// How that changes over the epochs
    #[arg(long, value_enum, default_value_t = FitOptions::default().schedule)]
    pub schedule: Schedule,
    /// Scale gradients down to this norm, 0 for not at all
    #[arg(long, value_name = "NORM", default_value_t = FitOptions::default().clip.unwrap_or_default())]
    pub clip: f32,
    /// Windows in a step
    #[arg(long, value_name = "WINDOWS", default_value_t = FitOptions::default().batch_size)]
    pub batch_size: usize,
    /// The most passes over the training windows
    #[arg(long, default_value_t = FitOptions::default().epochs)]
    pub epochs: usize,
    /// Epochs without a lower validation loss before training stops
    #[arg(long, value_name = "EPOCHS", default_value_t = FitOptions::default().patience)]
    pub patience: usize,
    /// Share of each surface's recordings that are held out
    #[arg(long, value_name = "SHARE", default_value_t = FitOptions::default().validation)]
    pub validation: f64,
    /// Threads, 0 for one a core; the model is the same whatever their number
    #[arg(long, default_value_t = FitOptions::default().threads)]
    pub threads: usize,
}

impl Fit {
    fn options(&self) -> FitOptions {
        FitOptions {
            seed: self.seed,
            hidden: self.hidden,
            dropout: self.dropout,
            learning_rate: self.learning_rate,
            schedule: self.schedule,
            clip: Some(self.clip).filter(|clip| *clip != 0.0),
            batch_size: self.batch_size,
            epochs: self.epochs,
            patience: self.patience,
            validation: self.validation,
            threads: self.threads,
        }
    }
}

/// Runs the command: progress and scores go to stderr.
///
/// # Errors
/// Whatever keeps a model from being made or written, one line each.
pub fn run(args: Fit) -> anyhow::Result<()> {
    // What would waste the training is found out before it.
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        anyhow::bail!("--out is in {folder:?}, which is not a folder; make it, or name another");
    }
    runtime::environment(None)?;
    let found = recordings::find(&args.data, args.dataset.as_deref())?;
    let wanted = DatasetOptions {
        channels: args.channels.clone(),
        rate: args.rate,
        window: args.window,
        hop: args.hop,
    };
    let dataset = Dataset::load(&found, &wanted)?;
    eprintln!("{}", summary(&dataset));

    let options = args.options();
    let bar = bar(options.epochs);
    let fitted = fit(&options, &dataset, |epoch| match &bar {
        Some(bar) => {
            bar.set_message(line(epoch));
            bar.set_position(epoch.epoch as u64);
        }
        None if epoch.epoch == 1 || epoch.epoch % LINE_EVERY == 0 => {
            eprintln!("epoch {:>3} of {}: {}", epoch.epoch, options.epochs, line(epoch));
        }
        None => {}
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    for warning in &fitted.split.warnings {
        eprintln!("warning: {warning}");
    }
    if fitted.confusion.total() > 0 {
        eprintln!(
            "validation, best epoch {} of {}: {} on {} windows",
            fitted.best,
            fitted.history.len(),
            fitted.confusion.scores(),
            fitted.confusion.total(),
        );
        eprintln!("{}", fitted.confusion);
    }
    let (bytes, difference) = export::export(&fitted, &dataset, options.seed, None)?;
    export::write(&args.out, &bytes).context("the model was trained")?;
    eprintln!(
        "wrote {} ({:.0} KiB): {} labels, {} units; ONNX Runtime agrees to {difference:.0e}",
        args.out.display(),
        bytes.len() as f64 / 1024.0,
        dataset.card.labels.len(),
        options.hidden,
    );
    Ok(())
}

fn summary(dataset: &Dataset) -> String {
    let card = &dataset.card;
    let counts = dataset.count(0..dataset.len());
    let counts: Vec<_> =
        card.labels.iter().zip(counts).map(|(label, count)| format!("{count} {label}")).collect();
    let left_out = match dataset.left_out {
        0 => String::new(),
        count => format!("; {count} left out, whose label is not one throughout"),
    };
    format!(
        "{} recordings, {} windows ({}) of {} steps at {} Hz ({:.1} s), hop {}, of {}{left_out}",
        dataset.recordings.len(),
        dataset.len(),
        counts.join(", "),
        card.window,
        card.rate,
        card.window as f64 / card.rate,
        card.hop,
        names(&card.channels),
    )
}

fn line(epoch: &Epoch) -> String {
    let training = format!("loss {:.4}, accuracy {:.3}", epoch.loss, epoch.accuracy);
    match (epoch.validation_loss, epoch.validation_accuracy) {
        (Some(loss), Some(accuracy)) => format!("{training}; validation {loss:.4}, {accuracy:.3}"),
        _ => training,
    }
}

/// A progress bar on stderr, where that is a terminal.
fn bar(epochs: usize) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:20} epoch {pos}/{len}, {eta} left: {msg}").ok()?;
    let bar = ProgressBar::new(epochs as u64).with_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(500));
    Some(bar)
}
