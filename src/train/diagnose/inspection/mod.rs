//! Inspects the recordings before any network is trained. The only models trained here are trees.
//!
//! - [`screening`]: stuck channels, and recordings that hold the same drive.
//! - [`label_errors`]: recordings whose label is probably wrong.
//! - [`neighbours`]: an estimate of the error that no classifier can avoid.
//! - [`trees`]: how well trees on summary statistics do on held-out recordings.

pub(crate) mod label_errors;
pub(crate) mod neighbours;
pub(crate) mod screening;
pub(crate) mod trees;

use std::collections::BTreeSet;

use self::label_errors::{LabelledStretch, rank_stretches};
use self::neighbours::{NeighbourError, nearest_neighbours};
use self::screening::{ChannelCheck, Duplicate, STUCK, check_channels, find_duplicates, group_duplicates};
use self::trees::held_out_trees;
use super::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;

/// The number of folds that the trees are scored on.
const FOLDS: usize = 5;

/// What the recordings show.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// The state of each channel.
    pub channels: Vec<ChannelCheck>,
    /// Pairs of recordings that hold the same drive.
    pub duplicates: Vec<Duplicate>,
    /// The labelled stretches of all recordings, starting with the one whose label is most probably wrong.
    pub stretches: Vec<LabelledStretch>,
    /// The error of the nearest neighbour, with the bound that follows from it.
    pub neighbours: NeighbourError,
    /// Balanced accuracy of trees on held-out recordings.
    pub trees: f64,
    /// Balanced accuracy of such trees with a split by window, where windows of one recording are on both
    /// sides.
    pub leaky_trees: f64,
}

/// The windows with the changes that the inspection suggests.
#[derive(Debug)]
pub(crate) struct CleanedData {
    /// The windows with recordings of the same drive in one group; `None` if no drive is in several
    /// recordings.
    pub grouped: Option<Dataset>,
    /// The windows without the stuck channels; `None` if no channel is stuck, or if all are.
    pub live: Option<Dataset>,
    /// The windows whose label is suspected to be wrong, by index.
    pub suspects: BTreeSet<usize>,
}

/// Inspects the windows. If the time runs out or the diagnosis is interrupted, some pairs of recordings are not
/// compared and the trees of some folds are missing; their windows count neither for the accuracy nor for the
/// suspected labels.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn inspect(
    dataset: &Dataset,
    seed: u64,
    pool: &WorkerPool<'_>,
) -> Result<(Inspection, CleanedData), FitError> {
    let channels = check_channels(dataset);
    let duplicates = find_duplicates(dataset, || pool.expired());
    let grouped = (!duplicates.is_empty()).then(|| group_duplicates(dataset, &duplicates));
    let features = Features::of(dataset);
    let neighbours = nearest_neighbours(dataset, &features, || pool.expired());
    let best_grouping = grouped.as_ref().unwrap_or(dataset);
    let trees = held_out_trees(pool, best_grouping, &features, Split::folds(best_grouping, FOLDS, seed))?;
    let leaky_folds = Split::leaky_folds(dataset, FOLDS, seed);
    let leaky_trees = held_out_trees(pool, dataset, &features, leaky_folds)?.balanced_accuracy;
    let stretches = rank_stretches(best_grouping, &trees.probabilities);
    let suspected = stretches.iter().filter(|stretch| stretch.suspected);
    let suspects = suspected.flat_map(|stretch| stretch.windows.clone()).collect();
    let live: Vec<usize> = (0..channels.len()).filter(|channel| channels[*channel].stuck < STUCK).collect();
    let live = (!live.is_empty() && live.len() < channels.len()).then(|| dataset.with_channels(&live));
    let trees = trees.balanced_accuracy;
    let inspection = Inspection { channels, duplicates, stretches, neighbours, trees, leaky_trees };
    Ok((inspection, CleanedData { grouped, live, suspects }))
}
