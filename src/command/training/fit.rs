//! `underfoot-train fit`: trains a model on labelled recordings.
//!
//! This file reads the arguments, runs the steps in order and prints the scores. The steps themselves are in
//! [`train`](crate::train): dataset, cross-validation or search, baseline, export, report.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ArgMatches;

use super::arguments::{check_folder_of, dataset_options, given};
use super::interrupt::{self, Interrupted};
use super::novelty;
use super::progress::TrainingProgress;
use super::scores::Scored;
use super::{data_report, gain};
use crate::model::card::{Card, Scores};
use crate::model::runtime;
use crate::recordings;
use crate::score::Confusion;
use crate::train::baseline::baseline;
use crate::train::data::dataset::Dataset;
use crate::train::data::session_warnings;
use crate::train::data::split::Split;
use crate::train::decisions::Decisions;
use crate::train::export;
use crate::train::fit::companions;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::cross_validation::{cross_validate, score_splits};
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::fit::search::search;
use crate::train::fit::trained::Trained;
use crate::train::options::FitOptions;
use crate::train::options::preset::Preset;
use crate::train::options::settings::{self, RunConfig};
use crate::train::report::fit_report::FitReport;
use crate::train::report::learning_curves::ended_early;
use crate::train::report::run_folder;
use crate::train::time_scores::{TimeScores, TimeSplits};

/// Train a model on labelled recordings and write it as ONNX
#[derive(Clone, Debug, clap::Args)]
pub struct FitArgs {
    /// Labelled recordings, or folders of them [default: those of --config]
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The model to write, an ONNX file
    #[arg(long, short, value_name = "FILE", required_unless_present = "show_config")]
    pub out: Option<PathBuf>,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// The config.toml of an earlier run; its settings are used, and its recordings unless others are named
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub config: Option<PathBuf>,
    /// A named set of settings, for comparison
    #[arg(long, value_enum, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// Search for better settings for this long, such as 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub budget: Option<Duration>,
    /// The folder for the run's settings, history, scores and report [default: beside the model, as NAME.run]
    #[arg(long, value_name = "FOLDER")]
    pub run: Option<PathBuf>,
    /// Also score the same settings with a split by window instead of by recording, which is too optimistic
    #[arg(long)]
    pub leaky: bool,
    /// Print the settings as a config.toml and exit without training
    #[arg(long)]
    pub show_config: bool,
    /// The settings of the training run.
    #[command(flatten)]
    pub options: FitOptions,
}

/// Runs the command. Progress and scores go to stderr. A training that is interrupted leaves the file at
/// `--out` as it is, and writes the unfinished model beside it. `matches` are those of the subcommand and say which
/// flags were given.
///
/// # Errors
/// If the arguments contradict each other, the recordings cannot be read or trained on, or a file cannot be
/// written; [`Interrupted`] if the training was interrupted.
pub fn run(args: FitArgs, matches: &ArgMatches) -> anyhow::Result<()> {
    let FitArgs { data, out, dataset, config, preset, budget, run, leaky, show_config, options } = args;
    let flags = RunConfig { data, dataset, options };
    let RunConfig { data, dataset: layout, options } =
        settings::join(&flags, |key: &str| given(matches, key), preset, config.as_deref())?;
    options.check()?;
    if show_config {
        print!("{}", toml::to_string(&RunConfig { data, dataset: layout, options })?);
        return Ok(());
    }
    let Some(out) = out else { anyhow::bail!("--out is missing; name the model file to write") };
    if data.is_empty() {
        anyhow::bail!("there is nothing to train on; name a folder of recordings");
    }
    // Check the output paths and ONNX Runtime first, so that these errors come before the time spent on
    // training.
    check_folder_of(&out)?;
    export::check_writable(&out)?;
    let folder = run.clone().unwrap_or_else(|| run_folder::default_folder(&out));
    run_folder::check(&folder).map_err(anyhow::Error::msg)?;
    runtime::environment(None)?;
    let found = recordings::find(&data, layout.as_deref())?;
    let dataset = Dataset::load(&found, &dataset_options(&options, false))?;
    eprintln!("{}", data_report::description(&dataset));
    let options = options.resolved(&dataset);
    let folds = if budget.is_some() { options.folds().max(2) } else { options.folds() };
    let splits = Split::of_run(&dataset, folds, options.validation(), options.seed);
    let session_warnings = session_warnings::warnings(&dataset);
    let split_warnings = splits.first().map(|split| split.warnings.as_slice()).unwrap_or_default();
    data_report::print(&dataset, &[split_warnings, &session_warnings].concat());
    let stop = interrupt::stop_flag()?;
    let options = if budget.is_none() { gain::with_gain(options, &dataset, &stop)? } else { options };
    let (mut trained, tried) = match budget {
        None => (train(&options, &dataset, &splits, &stop)?, Vec::new()),
        Some(budget) => {
            let result = search(&options, &dataset, budget, &stop, &|line| eprintln!("{line}"));
            let result = result.map_err(|error| interrupted_or(error, &out))?;
            if let Some(best) = result.tried.first() {
                eprintln!("the best of {} settings: {}", result.tried.len(), best.name());
            }
            (result.trained, result.tried)
        }
    };
    let interruption = match &trained.interrupted {
        Some(interrupted) if interrupted.epoch == 0 => return Err(Interrupted::nothing_written(&out).into()),
        Some(interrupted) if budget.is_none() => Some(format!("after {interrupted}")),
        _ if budget.is_some() && stop.load(Ordering::Relaxed) => {
            Some(format!("after {} settings were tried", tried.len()))
        }
        _ => None,
    };
    let (model, folder) = match &interruption {
        None => (out.clone(), folder),
        Some(_) => partial_paths(&out, run.as_deref()),
    };
    // What follows is for the scores, so an interruption skips it.
    let interrupted = || stop.load(Ordering::Relaxed);
    let trees = baseline(&trained, &dataset, &stop)?;
    let leaky = if leaky && !interrupted() { leaky_scores(&trained.options, &dataset, &stop)? } else { None };
    let trees_scores = trees.as_ref().map(Confusion::scores);
    let in_time = time_scores(&trained, &dataset, trees_scores, &stop);
    let in_time = TimeScores { warnings: session_warnings, ..in_time };
    let mut novelty = novelty::add(&mut trained, &dataset, &stop)?;
    let card = Card {
        candidates: novelty.candidates.map(|candidates| candidates.least),
        novelty_allowance: novelty.allowance,
        ..export::card(&trained, &dataset, &found, trees_scores, &in_time)?
    };
    let (bytes, difference) = novelty::export(&mut trained, &dataset, &card, &mut novelty)?;
    let is_scored = trained.interrupted.is_none() && !trained.out_of_fold.windows.is_empty();
    let decide = || Decisions::held_out(&trained, &dataset, &found, &card);
    let decisions = if is_scored { Some(pool(trained.options.threads)?.install(decide)?) } else { None };
    let decisions = decisions.as_ref().map(Decisions::confusion);
    let (trees, leaky) = (trees.as_ref(), leaky.as_ref());
    if trained.interrupted.is_none() {
        eprint!(
            "{}",
            Scored { trained: &trained, dataset: &dataset, decisions, trees, leaky, in_time: &in_time }
        );
        eprint!("{novelty}");
    }
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
        decisions,
        trees,
        leaky,
        in_time: &in_time,
        novelty: &novelty,
        config: &config,
        model: &model,
        folder: &folder,
    };
    let mut files = run_folder::files(&report, &tried);
    files.push(("model.onnx", bytes.clone()));
    run_folder::write(&folder, &files).map_err(anyhow::Error::msg)?;
    export::write_file(&model, &bytes)
        .map_err(|error| anyhow::anyhow!("the model was trained, but {error}"))?;
    let page = folder.join("report.html");
    if let Some(interruption) = interruption {
        return Err(Interrupted::with_partial(&interruption, &out, &model, &page).into());
    }
    let some: Vec<&[f32]> = dataset.all_windows().into_iter().take(64).collect();
    let cost = export::ServingCost::measure(&bytes, &some, None)?;
    report.conclusion().iter().for_each(|line| eprintln!("{line}"));
    eprintln!(
        "wrote {} ({:.0} KiB, {} labels); ONNX Runtime agrees with the trainer to {difference:.0e}. \
         Report: {}",
        model.display(),
        bytes.len() as f64 / 1024.0,
        dataset.card.labels.len(),
        page.display(),
    );
    eprintln!("{cost}");
    Ok(())
}

/// The paths of the model and the run folder of an interrupted training: those that were asked for, with
/// `partial` in their names.
fn partial_paths(out: &Path, run: Option<&Path>) -> (PathBuf, PathBuf) {
    let model = out.with_extension("partial.onnx");
    let folder = run.map_or_else(|| run_folder::default_folder(&model), |run| run.with_extension("partial"));
    (model, folder)
}

/// An interrupted search as [`Interrupted`], and any other error as itself.
fn interrupted_or(error: FitError, out: &Path) -> anyhow::Error {
    match error {
        FitError::Interrupted => Interrupted::nothing_written(out).into(),
        error => error.into(),
    }
}

/// Trains with a progress display. `splits` are those of the networks of the model.
fn train(
    options: &FitOptions,
    dataset: &Dataset,
    splits: &[Split],
    stop: &AtomicBool,
) -> Result<Trained, FitError> {
    let companions = companions::planned(options, dataset, splits).len();
    let progress = TrainingProgress::new(options, splits.len(), companions);
    let show = |member: usize, epoch: &Epoch| progress.show(member, epoch);
    let trained = cross_validate(&TrainingContext { options, dataset, stop, progress: &show });
    progress.end();
    let ended_early = trained.as_ref().ok().and_then(ended_early);
    ended_early.iter().for_each(|sentence| eprintln!("{sentence}"));
    trained
}

/// Trains again with the same settings and a split by window, in which overlapping windows of one recording
/// are both trained on and held out. Returns the predictions of the held-out windows; `None` if it was
/// interrupted.
fn leaky_scores(
    options: &FitOptions,
    dataset: &Dataset,
    stop: &AtomicBool,
) -> Result<Option<Confusion>, FitError> {
    eprintln!("training again with a split by window instead of by recording");
    let splits = Split::leaky_folds(dataset, options.folds().max(2), options.seed);
    let progress = TrainingProgress::new(options, splits.len(), 0);
    let show = |member: usize, epoch: &Epoch| progress.show(member, epoch);
    let context = TrainingContext { options, dataset, stop, progress: &show };
    let scores = score_splits(&context, &splits);
    progress.end();
    scores
}

/// Trains again with the same settings without the later recordings, and without whole sessions, where the times and
/// sessions are known. Nothing is trained for a model that is unfinished or for which nothing is to be held out. If one
/// of these trainings fails, that is reported, and the model stands.
fn time_scores(trained: &Trained, dataset: &Dataset, trees: Option<Scores>, stop: &AtomicBool) -> TimeScores {
    let options = &trained.options;
    let is_unscored = options.folds() == 0 && options.validation() == 0.0;
    if is_unscored || trained.interrupted.is_some() || stop.load(Ordering::Relaxed) {
        return TimeScores::default();
    }
    let splits = TimeSplits::of(dataset, trained.members.len());
    let networks = splits.networks();
    if networks > 0 {
        let plural = if networks == 1 { "" } else { "s" };
        eprintln!("training {networks} network{plural} for the scores in other sessions and later");
    }
    let progress = (networks > 0).then(|| TrainingProgress::new(options, networks, 0));
    let show =
        |member: usize, epoch: &Epoch| progress.iter().for_each(|progress| progress.show(member, epoch));
    let scores = splits.measure(&TrainingContext { options, dataset, stop, progress: &show }, trained, trees);
    progress.iter().for_each(TrainingProgress::end);
    scores.unwrap_or_else(|error| {
        eprintln!("warning: the scores in other sessions and later were not measured: {error}");
        TimeScores::default()
    })
}
