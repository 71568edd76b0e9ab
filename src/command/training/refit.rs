//! `underfoot-train refit`: trains a model further on new recordings, and says whether it got better.
//!
//! This file reads the arguments, runs the steps in order and prints the result. The steps themselves are in
//! [`import`], [`refit`] and [`export`].

use std::path::{Path, PathBuf};

use super::arguments::check_folder_of;
use super::data_report;
use super::interrupt::{self, Interrupted};
use super::novelty;
use crate::model::onnx::OnnxFile;
use crate::model::session::Model;
use crate::recordings;
use crate::train::export;
use crate::train::fit::calibration::Calibration;
use crate::train::fit::epoch::FitError;
use crate::train::import::{self, ImportError};
use crate::train::refit::card;
use crate::train::refit::comparison::{AccuracyChange, Comparison, RefitJudgement};
use crate::train::refit::error::RefitError;
use crate::train::refit::material::{Material, OldWindows};
use crate::train::refit::run::{Refit, refit};
use crate::train::refit::wording::RefitWords;
use crate::train::rehearsal::RehearsalWindows;
use crate::train::report::run_folder;

/// Train a model further on a few new recordings, in seconds, and tell from held-out drives whether it got better
#[derive(Clone, Debug, clap::Args)]
pub struct RefitArgs {
    /// The model, an ONNX file that `fit` or `refit` wrote
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// New labelled recordings, or folders of them; surfaces that the model does not know are learned
    #[arg(required = true, value_name = "NEW")]
    pub new: Vec<PathBuf>,
    /// The model to write, an ONNX file; the old one stays as it is
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// The old recordings, so that nothing is forgotten; without them, the rehearsal windows in the model's file are used
    #[arg(long, value_name = "DATA", num_args = 1..)]
    pub old: Vec<PathBuf>,
    /// How to read the recordings, instead of the dataset.toml in their folder
    #[arg(long, value_name = "FILE")]
    pub dataset: Option<PathBuf>,
    /// Seed of the held-out drives and the order of the windows; the same seed gives the same model
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Number of threads, 0 for one per core; the model does not depend on it
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub threads: usize,
    /// Print the comparison of before and after as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// The comparison in the form that `--json` prints.
#[derive(Debug, serde::Serialize)]
struct RefitReport<'a> {
    judgement: RefitJudgement,
    /// On held-out new drives, each of which counts once.
    new: Option<AccuracyChange>,
    /// The change on a held-out new drive, in shares of 1, with its 90 % interval.
    change: Option<[f64; 3]>,
    /// On held-out windows of old recordings or rehearsal windows, where each surface counts once.
    old: Option<AccuracyChange>,
    surfaces: Vec<SurfaceAccuracy<'a>>,
    /// The old surfaces that got worse.
    forgotten: Vec<&'a str>,
    /// The number of networks that answered each window.
    networks: usize,
    calibration: Option<Calibration>,
}

/// The accuracy on the windows of one surface.
#[derive(Debug, serde::Serialize)]
struct SurfaceAccuracy<'a> {
    surface: &'a str,
    new: Option<AccuracyChange>,
    old: Option<AccuracyChange>,
}

/// Runs the command. What it did goes to stderr; with `--json` the comparison also goes to stdout.
///
/// # Errors
/// If the model is not one that can be trained on, the recordings cannot be read or do not fit it, or the file cannot
/// be written; [`Interrupted`] if the training was interrupted.
pub fn run(args: RefitArgs) -> anyhow::Result<()> {
    let RefitArgs { model: path, new, out, old, dataset: layout, seed, threads, json } = args;
    check_out(&out, &path)?;
    if !path.is_file() {
        anyhow::bail!(
            "the model \"{}\" cannot be read: it is not a file; name an ONNX file that fit or refit wrote",
            path.display()
        );
    }
    let bytes = Model::read(&path, None)?;
    let (before, rehearsal, networks) = {
        let card = Model::from_bytes(&bytes, &path, None)?.card().clone();
        let refused = |why| RefitError::Import { path: path.clone(), why };
        let file = OnnxFile::parse(&bytes).ok_or_else(|| refused(ImportError::NoModel))?;
        let networks = import::ensemble(&file.graph, &card).map_err(refused)?;
        let damaged = |why| RefitError::Rehearsal { path: path.clone(), why };
        let rehearsal = RehearsalWindows::of_tensors(&file.training, &card).map_err(damaged)?;
        (card, rehearsal, networks)
    };
    let found = recordings::find(&new, layout.as_deref())?;
    let found_old = if old.is_empty() { Vec::new() } else { recordings::find(&old, layout.as_deref())? };
    let material = Material::read(found, found_old, &before, &rehearsal)?;
    describe(&material, before.labels.len());
    let stop = interrupt::stop_flag()?;
    let mut done = refit(&networks, &material, seed, threads, &stop).map_err(|error| match error {
        RefitError::Fit(FitError::Interrupted) => Interrupted::during_refit(&out).into(),
        error => anyhow::Error::from(error),
    })?;
    let Refit { ensemble, comparison, calibration } = &mut done;
    let all: Vec<usize> = (0..material.dataset.len()).collect();
    let kept = RehearsalWindows::choose(&material.dataset, &all, rehearsal.most_of_a_label());
    let mut card = card(&before, &bytes, &material, comparison, kept.len(), seed);
    let (written, difference, no_novelty) =
        novelty::export_refitted(ensemble, &material, &mut card, &kept, (seed, threads))?;
    export::write_file(&out, &written)
        .map_err(|error| anyhow::anyhow!("the model was trained, but {error}"))?;
    eprint!("{}", RefitWords { comparison, material: &material });
    match calibration {
        Some(calibration) => eprintln!("on the held-out new drives, {calibration}"),
        None => {
            eprintln!(
                "the temperature of the confidence was kept, because too few drives were held out to fit it"
            )
        }
    }
    eprintln!(
        "wrote {} ({:.0} KiB, {} labels); ONNX Runtime agrees with the trainer to {difference:.0e}",
        out.display(),
        written.len() as f64 / 1024.0,
        card.labels.len(),
    );
    if let Some(why) = no_novelty {
        eprintln!("the model has no output for novelty, because {why}");
    }
    eprintln!(
        "the model lists no candidates: only fit, which holds out every recording once, can find the probability \
         from which a surface is a candidate"
    );
    if json {
        println!("{}", serde_json::to_string(&report(comparison, *calibration))?);
    }
    Ok(())
}

/// Checks that the model can be written, before time is spent on it.
fn check_out(out: &Path, model: &Path) -> anyhow::Result<()> {
    check_folder_of(out)?;
    export::check_writable(out)?;
    let absolute = |path: &Path| path.canonicalize().ok();
    if absolute(out).is_some_and(|out| absolute(model) == Some(out)) {
        anyhow::bail!(
            "--out is the model {} itself; name another file, so that the old model is kept in case the new one is \
             worse",
            model.display()
        );
    }
    let folder = run_folder::default_folder(out);
    if folder.exists() {
        anyhow::bail!(
            "the run folder {} beside --out belongs to an earlier model; choose another --out, or move the folder \
             away",
            folder.display()
        );
    }
    Ok(())
}

/// Prints what the model is trained on, and what is probably wrong with it.
fn describe(material: &Material, labels: usize) {
    let dataset = &material.dataset;
    let count = |is_new: bool| material.windows(is_new).len();
    let old = match material.old {
        OldWindows::Recordings => format!(
            "{} old recordings ({} windows)",
            material.found.len().saturating_sub(material.new),
            count(false)
        ),
        OldWindows::Rehearsal => format!("{} rehearsal windows of the model", count(false)),
        OldWindows::None => "no old windows".into(),
    };
    eprintln!("{} new recordings ({} windows) and {old}", material.new, count(true));
    let mut notes = Vec::new();
    let new_labels = dataset.card.labels.get(labels..).unwrap_or_default();
    if !new_labels.is_empty() {
        eprintln!("new surfaces: {}", new_labels.join(", "));
    }
    let counts = dataset.count(material.windows(true));
    let mut present = dataset.card.labels.iter().zip(counts).filter(|(_, count)| *count > 0);
    if let (Some((label, _)), None) = (present.next(), present.next()) {
        notes.push(format!(
            "all new recordings are on {label}, so the refit cannot separate what has changed since the old \
             recordings from what is typical of {label}; record a second surface on the same day"
        ));
    }
    if !material.known.is_empty() {
        notes.push(format!(
            "the model was trained on {} of the {} new recordings before; they are trained on again and not held out",
            material.known.len(),
            material.new
        ));
    }
    if material.repeated > 0 {
        notes.push(format!(
            "{} recordings are among both the new and the old ones; they count as new",
            material.repeated
        ));
    }
    data_report::print(dataset, &notes);
}

/// The comparison for programs.
fn report(comparison: &Comparison, calibration: Option<Calibration>) -> RefitReport<'_> {
    let labels = comparison.labels.iter().enumerate();
    RefitReport {
        judgement: comparison.judgement(),
        new: comparison.drives(),
        change: comparison.change().map(|change| [change.mean, change.low, change.high]),
        old: comparison.old(),
        surfaces: labels
            .map(|(label, surface)| SurfaceAccuracy {
                surface,
                new: comparison.of_label(true, label),
                old: comparison.of_label(false, label),
            })
            .collect(),
        forgotten: comparison
            .forgotten()
            .into_iter()
            .filter_map(|(label, _)| comparison.labels.get(label).map(String::as_str))
            .collect(),
        networks: comparison.networks,
        calibration,
    }
}
