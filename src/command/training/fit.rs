//! `underfoot-train fit`: labelled recordings to a model.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::ArgMatches;

use super::interrupt;
use super::progress::TrainingProgress;
use crate::model::runtime;
use crate::recordings;
use crate::score::Confusion;
use crate::signal::channel_names;
use crate::train::baseline::baseline;
use crate::train::data::dataset::{Dataset, DatasetOptions};
use crate::train::data::split::Split;
use crate::train::export;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::cross_validation::Trained;
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::fit::{run_folder, search};
use crate::train::options::FitOptions;
use crate::train::options::preset::Preset;
use crate::train::options::settings::{self, RunConfig};
use crate::train::report::FitReport;

/// Train a model on labelled recordings and write it as ONNX
#[derive(Clone, Debug, clap::Args)]
pub struct FitArgs {
    /// Recordings, or folders of them; those of --config where none are named
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The model to write
    #[arg(long, short, value_name = "FILE", required_unless_present = "show_config")]
    pub out: Option<PathBuf>,
    /// How to read the recordings, in place of the folder's own dataset.toml
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// The config.toml of a run: its settings, and its recordings where none are named
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub config: Option<PathBuf>,
    /// Named settings, for comparison
    #[arg(long, value_enum, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// Search for better settings for so long, such as 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// The folder to leave the run's settings, history, scores and report in [default: beside the model, as NAME.run]
    #[arg(long, value_name = "FOLDER")]
    pub run: Option<PathBuf>,
    /// Score the same settings with windows split without regard to recordings as well, which flatters
    #[arg(long)]
    pub leaky: bool,
    /// Print the settings as a config.toml, and train nothing
    #[arg(long)]
    pub show_config: bool,
    /// The settings.
    #[command(flatten)]
    pub options: FitOptions,
}

/// Runs the command: progress and scores go to stderr. `matches` are the command's own, which tell what was given.
///
/// # Errors
/// Whatever keeps a model from being made or written, one line each.
pub fn run(args: FitArgs, matches: &ArgMatches) -> anyhow::Result<()> {
    let given = |key: &str| {
        matches.value_source(&key.replace('-', "_")) == Some(clap::parser::ValueSource::CommandLine)
    };
    let FitArgs { data, out, dataset, config, preset, budget, run, leaky, show_config, options } = args;
    let flags = RunConfig { data, dataset, options };
    let RunConfig { data, dataset: layout, options } =
        settings::join(&flags, given, preset, config.as_deref())?;
    options.check()?;
    if show_config {
        write!(std::io::stdout(), "{}", toml::to_string(&RunConfig { data, dataset: layout, options })?)?;
        return Ok(());
    }
    let Some(out) = out else { anyhow::bail!("--out is missing; name the model to write") };
    if data.is_empty() {
        anyhow::bail!("there is nothing to train on; name a folder of recordings");
    }
    // What would waste the training is found out before it.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        anyhow::bail!("--out is in {folder:?}, which is not a folder; make it, or name another");
    }
    let folder = run.unwrap_or_else(|| run_folder::beside(&out));
    run_folder::check(&folder).map_err(anyhow::Error::msg)?;
    runtime::environment(None)?;
    let found = recordings::find(&data, layout.as_deref())?;
    let wanted = DatasetOptions {
        channels: options.channels.clone(),
        rate: options.rate,
        window: Some(options.window),
        hop: options.hop,
        constant: false,
    };
    let dataset = Dataset::load(&found, &wanted)?;
    eprintln!("{}", summary(&dataset));
    let options = options.resolved(&dataset);
    let stop = interrupt::flag()?;
    let (trained, tried) = match budget {
        None => (train(&options, &dataset, &stop)?, Vec::new()),
        Some(budget) => {
            let found = search::search(&options, &dataset, budget, &stop, &|line| eprintln!("{line}"))?;
            if let Some(best) = found.tried.first() {
                let flags = if best.flags.is_empty() { "the settings to begin with" } else { &best.flags };
                eprintln!("the best of {} settings: {flags}", found.tried.len());
            }
            (found.trained, found.tried)
        }
    };
    let trees = baseline(&trained, &dataset)?;
    let leaky = leaky.then(|| leaky_scores(&trained.options, &dataset, &stop)).transpose()?;
    tell(&trained, &dataset, trees.as_ref(), leaky.as_ref());
    let (bytes, difference) = export::export(&trained, &dataset, None)?;
    let absolute = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let config = RunConfig {
        data: data.iter().map(absolute).collect(),
        dataset: layout.as_ref().map(absolute),
        options: trained.options.clone(),
    };
    let config = toml::to_string(&config)?;
    let report = FitReport {
        trained: &trained,
        dataset: &dataset,
        trees: trees.as_ref(),
        leaky: leaky.as_ref(),
        config: &config,
    };
    let mut files = run_folder::files(&report, &tried);
    files.push(("model.onnx", bytes.clone()));
    run_folder::write(&folder, &files).map_err(anyhow::Error::msg)?;
    export::write(&out, &bytes).map_err(|error| anyhow::anyhow!("the model was trained: {error}"))?;
    eprintln!(
        "wrote {} ({:.0} KiB): {} labels; ONNX Runtime agrees to {difference:.0e}. The report is {}",
        out.display(),
        bytes.len() as f64 / 1024.0,
        dataset.card.labels.len(),
        folder.join("report.html").display(),
    );
    Ok(())
}

fn train(options: &FitOptions, dataset: &Dataset, stop: &AtomicBool) -> Result<Trained, FitError> {
    let progress = TrainingProgress::new(options);
    let tell = |member: usize, epoch: &Epoch| progress.tell(member, epoch);
    let trained = TrainingContext { options, dataset, stop, progress: &tell }.run();
    progress.end();
    trained
}

/// The same settings where neighbouring windows of one recording stand on both sides.
fn leaky_scores(options: &FitOptions, dataset: &Dataset, stop: &AtomicBool) -> Result<Confusion, FitError> {
    eprintln!("again with windows split without regard to recordings");
    let splits = Split::leaky_folds(dataset, options.folds().max(2), options.seed);
    let progress = TrainingProgress::new(options);
    let tell = |member: usize, epoch: &Epoch| progress.tell(member, epoch);
    let training = TrainingContext { options, dataset, stop, progress: &tell };
    let trained = pool(options.threads)?.install(|| training.run_on(splits));
    progress.end();
    Ok(trained?.windows(dataset))
}

fn summary(dataset: &Dataset) -> String {
    let card = &dataset.card;
    let counts = dataset.count(0..dataset.len());
    let counts: Vec<_> =
        card.labels.iter().zip(counts).map(|(label, count)| format!("{count} {label}")).collect();
    let left_out = match dataset.dropped {
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
        channel_names(&card.channels),
    )
}

fn tell(trained: &Trained, dataset: &Dataset, trees: Option<&Confusion>, leaky: Option<&Confusion>) {
    for warning in &trained.warnings {
        eprintln!("warning: {warning}");
    }
    let windows = trained.windows(dataset);
    if windows.total() == 0 {
        return eprintln!("nothing was held out, so there is no score");
    }
    let kind = if trained.chosen_on_validation() {
        "validation score (it also chose the model: a test score would be lower)"
    } else {
        "score on recordings not trained on"
    };
    let folds = trained.scores(dataset);
    eprintln!("{kind}, {} windows: {}", windows.total(), windows.scores());
    if folds.len() > 1 {
        let balanced = folds.iter().map(|scores| format!("{:.3}", scores.balanced_accuracy));
        eprintln!("  balanced accuracy fold by fold: {}", balanced.collect::<Vec<_>>().join(" "));
    }
    eprintln!("  decided as the daemon decides: {}", trained.decisions(dataset).scores());
    if let Some(trees) = trees {
        eprintln!("  extra trees on summary statistics, for comparison: {}", trees.scores());
    }
    if let Some(leaky) = leaky {
        eprintln!("  leaky, with neighbouring windows on both sides, not to be believed: {}", leaky.scores());
    }
    if let Some(calibration) = &trained.calibration {
        eprintln!(
            "  temperature {:.2}: expected calibration error {:.3} before, {:.3} after",
            calibration.temperature, calibration.error_before, calibration.error_after
        );
    }
    eprintln!("{windows}");
}
