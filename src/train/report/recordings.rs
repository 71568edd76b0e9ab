//! The score of each recording.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::elements::document::percent;
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;
use crate::train::network::loss::most_probable;

/// Maximum number of recordings in the table.
const MAX_ROWS: usize = 30;

/// How well the held-out windows of one recording were predicted; an entry of `scores.json`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct RecordingScore {
    /// The recording's name, as `label/name`.
    recording: String,
    /// The number of held-out windows.
    windows: usize,
    /// How many of these were predicted correctly.
    right: usize,
    /// The label that the other windows were most often predicted as; `None` if all were correct.
    taken_for: Option<String>,
}

impl RecordingScore {
    /// The share of the windows that were predicted correctly.
    fn accuracy(&self) -> f64 {
        self.right as f64 / self.windows as f64
    }
}

/// The score of each recording with held-out windows, the worst first.
pub(super) fn recording_scores(trained: &Trained, dataset: &Dataset) -> Vec<RecordingScore> {
    let labels = &dataset.card.labels;
    // For each recording: windows, correct predictions, and the wrong predictions by label.
    let mut counts: BTreeMap<usize, (usize, usize, Vec<usize>)> = BTreeMap::new();
    let out_of_fold = &trained.out_of_fold;
    for (window, row) in out_of_fold.windows.iter().zip(out_of_fold.probabilities.chunks_exact(labels.len()))
    {
        let (windows, correct, wrong) = counts
            .entry(dataset.recording_of_window[*window])
            .or_insert_with(|| (0, 0, vec![0; labels.len()]));
        let predicted = most_probable(row);
        *windows += 1;
        if predicted == dataset.labels[*window] { *correct += 1 } else { wrong[predicted] += 1 }
    }
    let mut scores: Vec<RecordingScore> = counts
        .into_iter()
        .map(|(recording, (windows, right, wrong))| {
            let most = wrong.iter().max().copied().filter(|most| *most > 0);
            let taken_for = most.and_then(|most| wrong.iter().position(|count| *count == most));
            RecordingScore {
                recording: dataset.recordings[recording].name.clone(),
                windows,
                right,
                taken_for: taken_for.map(|label| labels[label].clone()),
            }
        })
        .collect();
    scores.sort_by(|one, other| {
        let by_accuracy = one.accuracy().total_cmp(&other.accuracy());
        by_accuracy.then_with(|| one.recording.cmp(&other.recording))
    });
    scores
}

/// The worst recordings as a table.
pub(super) fn recordings_table(trained: &Trained, dataset: &Dataset) -> Markup {
    let scores = recording_scores(trained, dataset);
    html! {
        div.scroll { table {
            tr { th { "recording" } th { "windows" } th { "correct" } th { "most often instead" } }
            @for score in scores.iter().take(MAX_ROWS) {
                tr {
                    td { (score.recording) }
                    td.n { (score.windows) }
                    td.n { (percent(score.accuracy())) }
                    td { (score.taken_for.as_deref().unwrap_or("")) }
                }
            }
        } }
        @if scores.len() > MAX_ROWS {
            p.soft { "Recordings that score at least as well and are not shown: " (scores.len() - MAX_ROWS) "." }
        }
    }
}
