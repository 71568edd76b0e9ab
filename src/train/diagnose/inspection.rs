//! What the recordings themselves show, before anything is trained but trees.

use std::collections::BTreeSet;

use super::label_errors::{self, Suspect};
use super::neighbours::{self, Neighbours};
use super::runner::ExperimentRunner;
use super::screening::{self, ChannelCheck, Duplicate};
use crate::score::Confusion;
use crate::train::baseline::Features;
use crate::train::baseline::trees::TreesOptions;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::confusion;

/// Trees of a baseline that has to be quick.
const TREES: usize = 100;
/// The share of windows in which a channel is still from which on it counts as stuck.
pub(super) const STUCK: f64 = 0.15;

/// What the recordings show.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// What the channels are like.
    pub channels: Vec<ChannelCheck>,
    /// Recordings that hold the same drive.
    pub duplicates: Vec<Duplicate>,
    /// Stretches by how probably their label is wrong.
    pub stretches: Vec<Suspect>,
    /// What the nearest neighbour says of the error that cannot be avoided.
    pub neighbours: Neighbours,
    /// Balanced accuracy of trees on recordings that they have not seen.
    pub trees: f64,
    /// The same with windows split without regard to recordings.
    pub leaky_trees: f64,
}

/// The windows, changed as the inspection suggests.
#[derive(Debug)]
pub(super) struct Cleaned {
    /// With recordings of one drive in one group, where there are such.
    pub(super) grouped: Option<Dataset>,
    /// Without the channels that are stuck, where there are such and others.
    pub(super) live: Option<Dataset>,
    /// Windows whose label is suspected to be wrong.
    pub(super) suspects: BTreeSet<usize>,
}

/// Looks at the windows.
///
/// # Errors
/// [`FitError::Threads`].
pub(super) fn inspect(
    dataset: &Dataset,
    seed: u64,
    runner: &ExperimentRunner<'_>,
) -> Result<(Inspection, Cleaned), FitError> {
    let channels = screening::channels(dataset);
    let duplicates = screening::duplicates(dataset);
    let grouped = (!duplicates.is_empty()).then(|| screening::grouped(dataset, &duplicates));
    let features = Features::of(dataset);
    let neighbours = neighbours::neighbours(dataset, &features);
    let known = grouped.as_ref().unwrap_or(dataset);
    let (probabilities, trees) = out_of_fold(runner, known, &features, Split::folds(known, 5, seed))?;
    let leaky = Split::leaky_folds(dataset, 5, seed);
    let (_, leaky_trees) = out_of_fold(runner, dataset, &features, leaky)?;
    let stretches = label_errors::rank(known, &probabilities);
    let suspected = stretches.iter().filter(|one| one.suspected);
    let suspects = suspected.flat_map(|one| one.windows.clone()).collect();
    let live: Vec<usize> = (0..channels.len()).filter(|channel| channels[*channel].stuck < STUCK).collect();
    let live = (!live.is_empty() && live.len() < channels.len()).then(|| dataset.with_channels(&live));
    let inspection = Inspection { channels, duplicates, stretches, neighbours, trees, leaky_trees };
    Ok((inspection, Cleaned { grouped, live, suspects }))
}

/// Probabilities of each window by trees that have not seen its recording, and their balanced accuracy.
type OutOfFold = (Vec<Option<Vec<f32>>>, f64);

fn out_of_fold(
    runner: &ExperimentRunner<'_>,
    dataset: &Dataset,
    features: &Features,
    splits: Vec<Split>,
) -> Result<OutOfFold, FitError> {
    let options = TreesOptions { trees: TREES, seed: 0 };
    let parts = runner.each(splits.len(), |fold| {
        let split = &splits[fold];
        (!split.validation.is_empty()).then(|| features.held_out(dataset, split, options))
    })?;
    let classes = dataset.card.labels.len();
    let mut rows = vec![None; dataset.len()];
    let mut table = Confusion::new(&dataset.card.labels);
    for (split, part) in splits.iter().zip(parts) {
        let Some(part) = part else { continue };
        let truth = split.validation.iter().map(|window| dataset.labels[*window]);
        table.merge(&confusion(&dataset.card.labels, &part, truth));
        for (window, row) in split.validation.iter().zip(part.chunks_exact(classes)) {
            rows[*window] = Some(row.to_vec());
        }
    }
    Ok((rows, table.balanced_accuracy()))
}
