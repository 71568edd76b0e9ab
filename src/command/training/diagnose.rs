//! `underfoot-train diagnose`: finds out by experiment why a training run misbehaves.
//!
//! This file reads the arguments and prints the verdict; the experiments are in `train::diagnose`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::{check_folder_of, dataset_options, given};
use super::data_report;
use super::interrupt;
use crate::recordings;
use crate::train::data::dataset::{Dataset, DatasetOptions};
use crate::train::data::drops::DropSummary;
use crate::train::diagnose::diagnosis::Diagnosis;
use crate::train::diagnose::page::DiagnosisPage;
use crate::train::diagnose::{DiagnosisRequest, diagnose};
use crate::train::export;
use crate::train::options::FitOptions;
use crate::train::options::preset::Preset;
use crate::train::options::settings::{self, RunConfig};

/// Find out by experiment why a training run misbehaves: its loss fluctuates, spikes, or does not fall
#[derive(Clone, Debug, clap::Args)]
pub struct DiagnoseArgs {
    /// Labelled recordings, or folders of them [default: those of --config]
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// Write a report to this HTML file
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print all findings as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Time limit, such as 10m; more time gives a more certain verdict
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub budget: Duration,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// The config.toml of the run that misbehaves; its settings are used, and its recordings unless others
    /// are named
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub config: Option<PathBuf>,
    /// A named set of settings
    #[arg(long, value_enum, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// The settings of the training run that misbehaves.
    #[command(flatten)]
    pub options: FitOptions,
}

/// The smallest time limit; nothing can be measured in less time.
const MIN_BUDGET: Duration = Duration::from_secs(10);

/// Runs the command. Progress and the verdict go to stderr, JSON to stdout. `matches` are those of the
/// subcommand and say which flags were given.
///
/// # Errors
/// If the arguments contradict each other, the recordings cannot be read or trained on, or the report cannot
/// be written.
pub fn run(args: DiagnoseArgs, matches: &ArgMatches) -> anyhow::Result<()> {
    let DiagnoseArgs { data, out, json, budget, dataset, config, preset, options } = args;
    let started = Instant::now();
    let flags = RunConfig { data, dataset, options };
    let RunConfig { data, dataset: layout, options } =
        settings::join(&flags, |key: &str| given(matches, key), preset, config.as_deref())?;
    options.check()?;
    if data.is_empty() {
        anyhow::bail!("there is nothing to train on; name a folder of recordings");
    }
    if budget < MIN_BUDGET {
        anyhow::bail!(
            "--budget is {}; set it to at least {}, or to some minutes for a useful verdict",
            humantime::format_duration(budget),
            humantime::format_duration(MIN_BUDGET),
        );
    }
    if let Some(out) = &out {
        check_folder_of(out)?;
        export::check_writable(out)?;
    }
    let found = recordings::find(&data, layout.as_deref())?;
    // A channel that never changes is one of the findings, so it is not an error here.
    let cut = dataset_options(&options, true);
    let dataset = Dataset::load(&found, &cut)?;
    data_report::print(&dataset, &[]);
    let hop = (options.window / 10).max(1);
    let finer = (dataset.card.hop >= 2 * hop)
        .then(|| Dataset::load(&found, &DatasetOptions { hop: Some(hop), ..cut }))
        .transpose()?;
    // Each run trains a single network; every seed holds out different recordings.
    let channels_given = !options.channels.is_empty();
    let options = FitOptions { folds: Some(0), ..options }.resolved(&dataset);
    let stop = interrupt::stop_flag()?;
    let bar = bar(budget);
    let progress = |stage: Option<&str>| {
        if let Some(bar) = &bar {
            bar.set_position(started.elapsed().as_secs());
            if let Some(stage) = stage {
                bar.set_message(stage.to_owned());
            }
        } else if let Some(stage) = stage {
            eprintln!("{:>4} s: {stage}", started.elapsed().as_secs());
        }
    };
    let budget = budget.saturating_sub(started.elapsed());
    let request = DiagnosisRequest {
        options: &options,
        channels_given,
        dataset: &dataset,
        finer: finer.as_ref(),
        budget,
        stop: &stop,
        progress: &progress,
    };
    let mut diagnosis = diagnose(&request)?;
    if stop.load(Ordering::Relaxed) {
        diagnosis.warnings.push(
            "the diagnosis was interrupted, so the verdict is based only on what was measured before that"
                .into(),
        );
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    print_verdict(&diagnosis, &data);
    // These have been printed already.
    diagnosis.warnings.extend(dataset.warnings.iter().cloned());
    if let Some(out) = out {
        let page = DiagnosisPage { diagnosis: &diagnosis, dataset: &dataset, data: &data }.html();
        export::write_file(&out, page.as_bytes())?;
        eprintln!("wrote the report {}", out.display());
    }
    if json {
        let mut found = diagnosis.json();
        found["dropped"] = serde_json::to_value(DropSummary::of(&dataset.drops))?;
        println!("{found:#}");
    }
    Ok(())
}

/// A bar that fills with the time spent; `None` if stderr is not a terminal.
fn bar(budget: Duration) -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:20} {elapsed} of {len} s: {msg}").ok();
    style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
        let bar = ProgressBar::new(budget.as_secs()).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    })
}

/// Prints warnings, the verdict, and the command with the recommended settings to stderr.
fn print_verdict(diagnosis: &Diagnosis, data: &[PathBuf]) {
    for warning in &diagnosis.warnings {
        eprintln!("warning: {warning}");
    }
    eprintln!("{}.", diagnosis.headline());
    eprintln!("{}", diagnosis.how_good());
    for (index, finding) in diagnosis.findings.iter().enumerate() {
        let after = if finding.after_first { ", found after the causes before it were fixed" } else { "" };
        eprintln!("{}. {} ({}{after})", index + 1, finding.title, finding.cause.name());
        eprintln!("   {}", finding.evidence);
        eprintln!("   {}", diagnosis.certainty(finding));
        eprintln!("   -> {}", finding.fix);
    }
    if !diagnosis.healthy() && !diagnosis.tendencies.is_empty() {
        eprintln!("possible improvements that are not certain, the largest first:");
        for tendency in &diagnosis.tendencies {
            eprintln!("   {}; if so, {}", tendency.sentence(), tendency.fix);
        }
    }
    if diagnosis.healthy() {
        let tried = diagnosis.trials.iter().filter(|trial| trial.effect.is_some()).count();
        eprintln!("none of the {tried} changes that were tried improves the training run beyond chance");
    }
    for condition in diagnosis.conditions.iter().filter(|_| diagnosis.findings.is_empty()) {
        let mark = match condition.met {
            Some(true) => "ok",
            Some(false) => "not met",
            None => "not measured",
        };
        eprintln!("   {mark}: {}", condition.measured);
    }
    if let Some(command) = diagnosis.command_line(data) {
        eprintln!("train with: {command}");
    }
    if let Some(comparison) = diagnosis.comparison() {
        eprintln!("   {comparison}");
    }
    eprintln!("({})", diagnosis.time());
    if let Some(unfinished) = diagnosis.unfinished() {
        eprintln!("{unfinished}");
    }
}
