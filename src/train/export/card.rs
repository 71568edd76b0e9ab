//! The card of a trained model.

use std::collections::BTreeSet;

use crate::model::card::{Card, TrainingSummary};
use crate::model::card_text::is_unprintable;
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;

/// The card of a trained model: that of its dataset, with a summary of the training.
pub(super) fn card(trained: &Trained, dataset: &Dataset) -> Card {
    let held_out = trained.out_of_fold.windows.iter();
    let held_out: BTreeSet<usize> = held_out.map(|index| dataset.recording_of_window[*index]).collect();
    let used: BTreeSet<usize> = dataset.recording_of_window.iter().copied().collect();
    let folds = trained.members.len();
    let windows = trained.window_confusion(dataset);
    let training: BTreeSet<usize> =
        trained.members.iter().flat_map(|member| &member.split.training).copied().collect();
    let training: Vec<usize> = training.into_iter().collect();
    let training = TrainingSummary {
        data_digest: dataset.digest.clone(),
        recordings: used.len(),
        windows_per_class: dataset.count(0..dataset.len()),
        validation: held_out
            .into_iter()
            .map(|recording| printable(&dataset.recordings[recording].name))
            .collect(),
        folds: if folds > 1 { folds } else { 0 },
        // The scores of the networks that an interrupted training got to say nothing about the model.
        validation_scores: (windows.total() > 0 && trained.interrupted.is_none()).then(|| windows.scores()),
        chosen_on_validation: trained.chosen_on_validation(),
        seed: trained.options.seed,
        statistics: dataset.statistics(&training),
    };
    Card { training: Some(training), ..dataset.card.clone() }
}

/// A name from a file system, with its control characters replaced, because a card must not have any.
fn printable(name: &str) -> String {
    name.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}
