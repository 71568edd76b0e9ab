//! `underfoot-train diagnose`: why a training misbehaves.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};

use super::interrupt;
use crate::recordings;
use crate::train::data::dataset::{Dataset, DatasetOptions};
use crate::train::diagnose::diagnosis::Diagnosis;
use crate::train::diagnose::page::DiagnosisPage;
use crate::train::diagnose::{DiagnosisRequest, diagnose};
use crate::train::export;
use crate::train::options::FitOptions;
use crate::train::options::preset::Preset;
use crate::train::options::settings::{self, RunConfig};

/// Find out by experiment why a training misbehaves: its loss fluctuates, spikes, or does not fall
#[derive(Clone, Debug, clap::Args)]
pub struct DiagnoseArgs {
    /// Recordings, or folders of them; those of --config where none are named
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The page to write
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print everything that was found as JSON
    #[arg(long)]
    pub json: bool,
    /// How long it may take, such as 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// How to read the recordings, in place of the folder's own dataset.toml
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// The config.toml of the run that misbehaves: its settings, and its recordings where none are named
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub config: Option<PathBuf>,
    /// Named settings
    #[arg(long, value_enum, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// The settings that misbehave.
    #[command(flatten)]
    pub options: FitOptions,
}

/// Less time than this shows nothing.
const LEAST: Duration = Duration::from_secs(10);

/// Runs the command: progress and the verdict go to stderr, JSON to stdout. `matches` are the command's own.
///
/// # Errors
/// Whatever keeps a training from being run or the page from being written, one line each.
pub fn run(args: DiagnoseArgs, matches: &ArgMatches) -> anyhow::Result<()> {
    let given = |key: &str| {
        matches.value_source(&key.replace('-', "_")) == Some(clap::parser::ValueSource::CommandLine)
    };
    let DiagnoseArgs { data, out, json, budget, dataset, config, preset, options } = args;
    let begun = Instant::now();
    let flags = RunConfig { data, dataset, options };
    let RunConfig { data, dataset: layout, options } =
        settings::join(&flags, given, preset, config.as_deref())?;
    options.check()?;
    if data.is_empty() {
        anyhow::bail!("there is nothing to train on; name a folder of recordings");
    }
    if budget < LEAST {
        anyhow::bail!(
            "--budget is {}; it takes 10s at least, and some minutes to say much",
            humantime::format_duration(budget)
        );
    }
    let folder = out.as_ref().and_then(|out| out.parent()).filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        anyhow::bail!("--out is in {folder:?}, which is not a folder; make it, or name another");
    }
    let found = recordings::find(&data, layout.as_deref())?;
    let wanted = DatasetOptions {
        channels: options.channels.clone(),
        rate: options.rate,
        window: Some(options.window),
        hop: options.hop,
        constant: true,
    };
    let dataset = Dataset::load(&found, &wanted)?;
    let hop = (options.window / 10).max(1);
    let finer = (dataset.card.hop >= 2 * hop)
        .then(|| Dataset::load(&found, &DatasetOptions { hop: Some(hop), ..wanted.clone() }))
        .transpose()?;
    // One network, split as `fit` splits: every seed holds out other recordings.
    let options = FitOptions { folds: Some(0), ..options }.resolved(&dataset);
    let stop = interrupt::flag()?;
    let bar = bar(budget);
    let progress = |stage: Option<&str>| {
        if let Some(bar) = &bar {
            bar.set_position(begun.elapsed().as_secs());
            if let Some(stage) = stage {
                bar.set_message(stage.to_owned());
            }
        } else if let Some(stage) = stage {
            eprintln!("{:>4} s: {stage}", begun.elapsed().as_secs());
        }
    };
    let budget = budget.saturating_sub(begun.elapsed());
    let request = DiagnosisRequest {
        options: &options,
        dataset: &dataset,
        finer: finer.as_ref(),
        budget,
        stop: &stop,
        progress: &progress,
    };
    let mut diagnosis = diagnose(&request)?;
    if stop.load(Ordering::Relaxed) {
        diagnosis.warnings.push("it was interrupted, and tells what was known by then".into());
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    tell(&diagnosis, &data);
    if let Some(out) = out {
        let page = DiagnosisPage { diagnosis: &diagnosis, dataset: &dataset, data: &data }.html();
        export::write(&out, page.as_bytes())?;
        eprintln!("the report is {}", out.display());
    }
    if json {
        writeln!(std::io::stdout(), "{:#}", diagnosis.json())?;
    }
    Ok(())
}

fn bar(budget: Duration) -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:20} {elapsed} of {len} s: {msg}").ok();
    style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
        let bar = ProgressBar::new(budget.as_secs()).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    })
}

fn tell(diagnosis: &Diagnosis, data: &[PathBuf]) {
    for warning in &diagnosis.warnings {
        eprintln!("warning: {warning}");
    }
    if diagnosis.findings.is_empty() && !diagnosis.healthy() {
        eprintln!(
            "there was no time to say anything: trainings of {} of {} epochs over {} seeds; give a larger --budget",
            diagnosis.epochs,
            diagnosis.options.epochs(),
            diagnosis.control.iter().flatten().count()
        );
    } else if diagnosis.findings.is_empty() {
        eprintln!(
            "nothing is wrong with this training: none of {} changes mended anything",
            diagnosis.trials.len()
        );
    }
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        eprintln!("{}. {} ({})", index + 1, finding.cause.title(), finding.cause.name());
        eprintln!("   {}", finding.evidence);
        eprintln!("   -> {}", finding.fix);
    }
    if let Some(flags) = diagnosis.command() {
        let data: Vec<_> = data.iter().map(|path| path.display().to_string()).collect();
        let blank = if flags.is_empty() { "" } else { " " };
        eprintln!("train with: underfoot-train fit {} --out model.onnx{blank}{flags}", data.join(" "));
    }
}
