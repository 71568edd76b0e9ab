//! Inspects the recordings before any network is trained. The only models trained here are trees.
//!
//! - [`screening`]: stuck channels, and recordings that hold the same drive.
//! - [`label_errors`]: recordings whose label is probably wrong.
//! - [`neighbours`]: an estimate of the error that no classifier can avoid.
//! - [`trees`]: how well trees on summary statistics do on held-out recordings.

pub(crate) mod label_errors;
pub(crate) mod neighbours;
pub(crate) mod overlap;
pub(crate) mod unit;
pub(crate) mod screening;
pub(crate) mod trees;

use std::collections::BTreeSet;

use self::label_errors::{LabelledStretch, rank_stretches};
use self::neighbours::{NeighbourError, nearest_neighbours};
use self::screening::{ChannelCheck, Duplicate, check_channels, find_duplicates, group_duplicates};
use self::trees::held_out_trees;
use super::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::data::dataset::Dataset;
use crate::train::data::plausibility::MixedUnit;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;

/// The number of folds that the trees are scored on.
const FOLDS: usize = 5;

/// What the recordings show.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// The number of surfaces.
    pub labels: usize,
    /// The state of each channel.
    pub channels: Vec<ChannelCheck>,
    /// Pairs of recordings that hold the same drive.
    pub duplicates: Vec<Duplicate>,
    /// The channels that some recordings have in another unit than most.
    pub mixed_units: Vec<MixedUnit>,
    /// Windows with values far outside of all others, by index.
    pub outlier_windows: BTreeSet<usize>,
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
) -> Result<Inspection, FitError> {
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
    let trees = trees.balanced_accuracy;
    let (mixed_units, outlier_windows) = (dataset.mixed_units.clone(), BTreeSet::new());
    let labels = dataset.card.labels.len();
    Ok(Inspection { labels, channels, duplicates, mixed_units, outlier_windows, stretches, neighbours, trees, leaky_trees })
}
