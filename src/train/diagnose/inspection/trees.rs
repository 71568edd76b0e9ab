//! Trees on summary statistics, scored on windows that they were not trained on.

use crate::score::Confusion;
use crate::train::baseline::Features;
use crate::train::baseline::trees::TreesOptions;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::confusion;

/// Fewer trees than for a baseline, because these have to be quick.
const OPTIONS: TreesOptions = TreesOptions { trees: 100, seed: 0 };

/// The predictions of trees for windows that they were not trained on.
#[derive(Clone, Debug)]
pub(crate) struct HeldOutTrees {
    /// The class probabilities of each window; `None` if the window was in no fold, or if there was no time
    /// for its fold.
    pub probabilities: Vec<Option<Vec<f32>>>,
    pub balanced_accuracy: f64,
}

/// Trains trees for each fold and predicts its held-out windows. Without features, no window is predicted.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn held_out_trees(
    pool: &WorkerPool<'_>,
    dataset: &Dataset,
    features: Option<&Features>,
    folds: Vec<Split>,
) -> Result<HeldOutTrees, FitError> {
    let predicted = pool.run(folds.len(), |fold| {
        let split = &folds[fold];
        if split.validation.is_empty() {
            return None;
        }
        features?.held_out(dataset, split, OPTIONS, &|| pool.expired())
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

/// The balanced accuracy on the validation windows of a split of trees that are grown on its training windows;
/// `None` if nothing is held out or `expired` became true before all was done.
///
/// `features` are those of every window of `dataset`. They are the same for all splits, so they are computed
/// only once.
pub(crate) fn trees_of_split(
    dataset: &Dataset,
    features: &Features,
    split: &Split,
    expired: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    if split.training.is_empty() || split.validation.is_empty() {
        return None;
    }
    let rows = features.held_out(dataset, split, OPTIONS, expired)?;
    let truth = split.validation.iter().map(|window| dataset.labels[*window]);
    Some(confusion(&dataset.card.labels, &rows, truth).balanced_accuracy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn trees_of_a_split_are_scored_on_its_held_out_windows_only() {
        let mut dataset = sine_waves(3, 5, 8);
        let features = Features::of(&dataset, &|| false).unwrap();
        let split = Split::for_one(&dataset, 0.2, 1);
        let of = |dataset: &Dataset, expired: bool| trees_of_split(dataset, &features, &split, &|| expired);
        assert!(of(&dataset, false).unwrap() > 0.9);
        assert_eq!(of(&dataset, true), None, "there was no time");
        split
            .validation
            .iter()
            .for_each(|window| dataset.labels[*window] = (dataset.labels[*window] + 1) % 3);
        assert!(of(&dataset, false).unwrap() < 0.1);
    }
}
