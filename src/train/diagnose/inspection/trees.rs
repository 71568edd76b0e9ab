//! Trees on summary statistics, scored on windows that they were not trained on.

use crate::score::Confusion;
use crate::train::baseline::Features;
use crate::train::baseline::trees::TreesOptions;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::confusion;

/// The number of trees; fewer than for a baseline, because these have to be quick.
const TREES: usize = 100;

/// The predictions of trees for windows that they were not trained on.
#[derive(Clone, Debug)]
pub(crate) struct HeldOutTrees {
    /// The class probabilities of each window; `None` if the window was in no fold, or if there was no time
    /// for its fold.
    pub probabilities: Vec<Option<Vec<f32>>>,
    pub balanced_accuracy: f64,
}

/// Trains trees for each fold and predicts its held-out windows.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn held_out_trees(
    pool: &WorkerPool<'_>,
    dataset: &Dataset,
    features: &Features,
    folds: Vec<Split>,
) -> Result<HeldOutTrees, FitError> {
    let options = TreesOptions { trees: TREES, seed: 0 };
    let predicted = pool.run(folds.len(), |fold| {
        let split = &folds[fold];
        if split.validation.is_empty() {
            return None;
        }
        features.held_out(dataset, split, options, &|| pool.expired())
    })?;
    let classes = dataset.card.labels.len();
    let mut probabilities = vec![None; dataset.len()];
    let mut table = Confusion::new(&dataset.card.labels);
    for (split, rows) in folds.iter().zip(predicted) {
        let Some(rows) = rows else { continue };
        let truth = split.validation.iter().map(|window| dataset.labels[*window]);
        table.merge(&confusion(&dataset.card.labels, &rows, truth));
        for (window, row) in split.validation.iter().zip(rows.chunks_exact(classes)) {
            probabilities[*window] = Some(row.to_vec());
        }
    }
    Ok(HeldOutTrees { probabilities, balanced_accuracy: table.balanced_accuracy() })
}

/// TODO
pub(crate) fn trees_of_split(
    dataset: &Dataset,
    features: &Features,
    split: &Split,
    expired: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    let options = TreesOptions { trees: TREES, seed: 0 };
    let rows = features.held_out(dataset, split, options, expired)?;
    let truth = split.validation.iter().map(|window| dataset.labels[*window]);
    Some(confusion(&dataset.card.labels, &rows, truth).balanced_accuracy())
}
