//! The card of a trained model.

use std::collections::BTreeSet;

use crate::model::card::{Card, Scores, TrainingSummary};
use crate::model::card_text::printable;
use crate::recordings::{self, Recording, RecordingError};
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;
use crate::train::time_scores::TimeScores;

/// The card of a trained model: that of its dataset, with a summary of the training.
///
/// `trees` and `in_time` are the scores besides those of the trained networks on held-out windows. `found` has the
/// recordings of the dataset, in its order; the card has digests of those that a network of the
/// model was trained on.
///
/// # Errors
/// [`RecordingError::Read`] if a recording cannot be read.
pub(crate) fn card(
    trained: &Trained,
    dataset: &Dataset,
    found: &[Recording],
    trees: Option<Scores>,
    in_time: &TimeScores,
) -> Result<Card, RecordingError> {
    let held_out = trained.out_of_fold.windows.iter();
    let held_out: BTreeSet<usize> = held_out.map(|index| dataset.recording_of_window[*index]).collect();
    let used: BTreeSet<usize> = dataset.recording_of_window.iter().copied().collect();
    let folds = trained.members.len();
    let windows = trained.window_confusion(dataset);
    let training = trained.training();
    let trained_on: BTreeSet<usize> =
        training.iter().map(|window| dataset.recording_of_window[*window]).collect();
    let trained_on = trained_on.into_iter().filter_map(|recording| found.get(recording));
    let recording_digests = recordings::short_digests(trained_on)?;
    let validation_chose = trained.validation_chose();
    let training = TrainingSummary {
        data_digest: dataset.digest.clone(),
        recordings: used.len(),
        windows_per_class: dataset.count(0..dataset.len()),
        validation: held_out
            .into_iter()
            .map(|recording| printable(&dataset.recordings[recording].name).into_owned())
            .collect(),
        folds: if folds > 1 { folds } else { 0 },
        // The scores of the networks that an interrupted training got to say nothing about the model.
        validation_scores: (windows.total() > 0 && trained.interrupted.is_none()).then(|| windows.scores()),
        extra_trees: trees,
        later: in_time.later.map(|scores| scores.scores),
        session: in_time.session.map(|scores| scores.scores),
        chosen_on_validation: !validation_chose.is_empty(),
        validation_chose,
        recording_digests,
        rehearsal_windows: trained.rehearsal(dataset).len(),
        refit: None,
        seed: trained.options.seed,
        statistics: dataset.statistics(&training),
    };
    Ok(Card { training: Some(training), ..dataset.card.clone() })
}
