//! Gives a trained model its novelty score, and measures what that is worth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::train::data::dataset::Dataset;
use crate::train::fit::context::pool;
use crate::train::fit::epoch::FitError;
use crate::train::fit::trained::Trained;
use crate::train::novelty::candidates::CandidateSets;
use crate::train::novelty::figures::NoveltyFigures;
use crate::train::novelty::left_out::LeftOutScores;
use crate::train::novelty::score::NoveltyScore;
use crate::train::novelty::windows::NoveltyWindows;

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
        .ok_or("it needs the summary statistics, which --summary=false turns off")?;
    trained.ensemble.set_novelty(NoveltyScore::fit(&windows, seed)?);
    figures.output = true;
    figures.left_out = Some(LeftOutScores::measure(&windows, &dataset.card.labels, seed, stop)?);
    Ok(())
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
