//! Gives a trained model its novelty score, and measures what that is worth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::card::Card;
use crate::train::data::dataset::Dataset;
use crate::train::export::{self, ExportError};
use crate::train::fit::context::pool;
use crate::train::fit::ensemble::Ensemble;
use crate::train::fit::epoch::FitError;
use crate::train::fit::trained::Trained;
use crate::train::novelty::candidates::CandidateSets;
use crate::train::novelty::figures::NoveltyFigures;
use crate::train::novelty::left_out::LeftOutScores;
use crate::train::novelty::score::NoveltyScore;
use crate::train::novelty::windows::NoveltyWindows;
use crate::train::refit::material::{Material, OldWindows};
use crate::train::rehearsal::RehearsalWindows;

/// Why a network without summary statistics has no novelty score.
const NO_STATISTICS: &str = "it needs the summary statistics, which --summary=false turns off";

/// Gives a trained model its novelty score unless the settings turn it off, and measures how well unknown surfaces
/// stand out and which surfaces are candidates. An unfinished model gets none.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(super) fn add(
    trained: &mut Trained,
    dataset: &Dataset,
    stop: &AtomicBool,
) -> Result<NoveltyFigures, FitError> {
    let mut figures = NoveltyFigures::default();
    if trained.interrupted.is_some() || stop.load(Ordering::Relaxed) {
        return Ok(figures);
    }
    figures.candidates = candidates(trained, dataset);
    if trained.options.novelty {
        let result = pool(trained.options.threads)?.install(|| score(trained, dataset, stop, &mut figures));
        figures.why_not = result.err();
    }
    Ok(figures)
}

/// Fits the score and leaves out each surface in turn.
///
/// # Errors
/// Why there is no score, or why nothing was left out, as the rest of a sentence after "because".
fn score(
    trained: &mut Trained,
    dataset: &Dataset,
    stop: &AtomicBool,
    figures: &mut NoveltyFigures,
) -> Result<(), String> {
    let seed = trained.options.seed;
    let windows = trained
        .ensemble
        .members()
        .first()
        .and_then(|member| NoveltyWindows::of(dataset, member.preprocessing(), seed))
        .ok_or(NO_STATISTICS)?;
    let score = NoveltyScore::fit(&windows, &dataset.card, seed)?;
    figures.allowance = Some(score.allowance());
    figures.output = true;
    trained.ensemble.set_novelty(Some(score));
    figures.left_out = Some(LeftOutScores::measure(&windows, &dataset.card.labels, seed, stop)?);
    Ok(())
}

/// Builds the file of a refitted model, with a novelty score if there are old recordings to fit it to, whose allowance is put
/// into the card. Returns the bytes and the difference that [`export::export_networks`] returns, and why the model has no
/// output for novelty, if it has none, as the rest of a sentence after "because".
///
/// # Errors
/// As for [`export::export_networks`], and [`FitError::Threads`] if the threads cannot be started.
pub(super) fn export_refitted(
    ensemble: &mut Ensemble,
    material: &Material,
    card: &mut Card,
    kept: &RehearsalWindows,
    (seed, threads): (u64, usize),
) -> anyhow::Result<(Vec<u8>, f32, Option<String>)> {
    let windows = material.dataset.all_windows();
    let why = if material.old == OldWindows::Recordings {
        let fit = || {
            let first = ensemble.members().first();
            let windows =
                first.and_then(|member| NoveltyWindows::of(&material.dataset, member.preprocessing(), seed));
            NoveltyScore::fit(&windows.ok_or(NO_STATISTICS)?, card, seed)
        };
        match pool(threads)?.install(fit) {
            Ok(score) => {
                card.novelty_allowance = Some(score.allowance());
                ensemble.set_novelty(Some(score));
                None
            }
            Err(why) => Some(why),
        }
    } else {
        Some("it is fitted to all recordings; name the old ones with --old".to_owned())
    };
    let export = |ensemble: &Ensemble| export::export_networks(ensemble, &windows, card, kept, None);
    let (bytes, difference, differs) =
        export_or_withdraw(ensemble, export, |ensemble| ensemble.set_novelty(None))?;
    Ok((bytes, difference, differs.or(why)))
}

/// Exports a model. Where ONNX Runtime computes another novelty than the trainer, the score is withdrawn from the model,
/// which is exported without it: a model without novelty is better than none. Returns the bytes, the largest difference
/// of a probability, and why the score was withdrawn, if it was.
fn export_or_withdraw<M>(
    model: &mut M,
    export: impl Fn(&M) -> Result<(Vec<u8>, f32), ExportError>,
    withdraw: impl FnOnce(&mut M),
) -> Result<(Vec<u8>, f32, Option<String>), ExportError> {
    let (exported, why) = match export(model) {
        Err(ExportError::NoveltyDiffers { difference, allowed }) => {
            withdraw(model);
            let why = format!(
                "the novelty of ONNX Runtime differs from that of the trainer by {difference:.0e}, more than \
                 {allowed:.0e}, as it may with few or very similar recordings"
            );
            (export(model), Some(why))
        }
        exported => (exported, None),
    };
    let (bytes, difference) = exported?;
    Ok((bytes, difference, why))
}

/// Builds the file of a trained model as [`export::export`] does, without a novelty that ONNX Runtime computes
/// differently.
///
/// # Errors
/// As for [`export::export`].
pub(super) fn export(
    trained: &mut Trained,
    dataset: &Dataset,
    card: &Card,
    figures: &mut NoveltyFigures,
) -> Result<(Vec<u8>, f32), ExportError> {
    let export = |trained: &Trained| export::export(trained, dataset, card, None);
    let (bytes, difference, why_not) =
        export_or_withdraw(trained, export, |trained| trained.ensemble.set_novelty(None))?;
    if why_not.is_some() {
        *figures = NoveltyFigures { candidates: figures.candidates, why_not, ..NoveltyFigures::default() };
    }
    Ok((bytes, difference))
}

/// Finds from which probability on a surface is a candidate, by the answers to held-out windows.
fn candidates(trained: &Trained, dataset: &Dataset) -> Option<CandidateSets> {
    let out_of_fold = &trained.out_of_fold;
    let recordings: Vec<usize> =
        out_of_fold.windows.iter().map(|window| dataset.recording_of_window[*window]).collect();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let groups: Vec<usize> = recordings
        .iter()
        .map(|recording| {
            let next = numbers.len();
            *numbers.entry(&dataset.recordings[*recording].group).or_insert(next)
        })
        .collect();
    CandidateSets::measure(&out_of_fold.probabilities, &out_of_fold.labels(dataset), &recordings, &groups)
}
