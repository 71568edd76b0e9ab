//! `underfoot-train fit`: labelled recordings to a model.

use std::path::PathBuf;

use clap::ArgMatches;

use crate::channel::names;
use crate::model::runtime;
use crate::recordings;
use crate::train::cross_validation::Trained;
use crate::train::dataset::{Dataset, DatasetOptions};
use crate::train::export;
use crate::train::fit::Training;
use crate::train::options::FitOptions;
use crate::train::preset::Preset;
use crate::train::settings::{self, RunConfig};

use super::interrupt;
use super::progress::Progress;

/// Train a model on labelled recordings and write it as ONNX
#[derive(Clone, Debug, clap::Args)]
pub struct Fit {
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
pub fn run(args: Fit, matches: &ArgMatches) -> anyhow::Result<()> {
    let given = |key: &str| {
        matches.value_source(&key.replace('-', "_")) == Some(clap::parser::ValueSource::CommandLine)
    };
    let Fit { data, out, dataset, config, preset, show_config, options } = args;
    let flags = RunConfig { data, dataset, options };
    let RunConfig { data, dataset: layout, options } =
        settings::join(&flags, given, preset, config.as_deref())?;
    options.check()?;
    if show_config {
        print!("{}", toml::to_string(&RunConfig { data, dataset: layout, options })?);
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
    runtime::environment(None)?;
    let found = recordings::find(&data, layout.as_deref())?;
    let wanted = DatasetOptions {
        channels: options.channels.clone(),
        rate: options.rate,
        window: Some(options.window),
        hop: options.hop,
    };
    let dataset = Dataset::load(&found, &wanted)?;
    eprintln!("{}", summary(&dataset));
    let options = options.resolved(&dataset);
    let stop = interrupt::flag()?;
    let progress = Progress::new(&options);
    let training = Training {
        options: &options,
        dataset: &dataset,
        stop: &stop,
        progress: &|member, epoch| progress.tell(member, epoch),
    };
    let trained = training.run()?;
    progress.end();
    tell(&trained, &dataset);
    let (bytes, difference) = export::export(&trained, &dataset, None)?;
    export::write(&out, &bytes).map_err(|error| anyhow::anyhow!("the model was trained: {error}"))?;
    eprintln!(
        "wrote {} ({:.0} KiB): {} labels; ONNX Runtime agrees to {difference:.0e}",
        out.display(),
        bytes.len() as f64 / 1024.0,
        dataset.card.labels.len(),
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

fn tell(trained: &Trained, dataset: &Dataset) {
    for warning in &trained.warnings {
        eprintln!("warning: {warning}");
    }
    let windows = trained.windows(dataset);
    if windows.total() == 0 {
        return;
    }
    eprintln!("windows held out: {} on {}", windows.scores(), windows.total());
    eprintln!("decisions: {}", trained.decisions(dataset).scores());
    for (fold, scores) in trained.scores(dataset).iter().enumerate() {
        eprintln!("  fold {}: {scores}", fold + 1);
    }
    if let Some(calibration) = &trained.calibration {
        eprintln!(
            "temperature {:.2}: expected calibration error {:.3} before, {:.3} after",
            calibration.temperature, calibration.error_before, calibration.error_after
        );
    }
    eprintln!("{windows}");
}
