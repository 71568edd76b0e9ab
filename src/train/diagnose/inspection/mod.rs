//! Inspects the recordings before any network is trained. The only models trained here are trees.
//!
//! - [`wrong_values`]: values in another unit, and outliers.
//! - [`screening`]: stuck channels, and recordings that hold the same drive.
//! - [`label_errors`]: recordings whose label is probably wrong.
//! - [`neighbours`]: an estimate of the error that no classifier can avoid.
//! - [`overlap`]: surfaces that cannot be told apart.
//! - [`sessions`]: whether surfaces are told by the sessions that they were recorded in.
//! - [`trees`]: how well trees on summary statistics do on held-out recordings.

pub(crate) mod label_errors;
pub(crate) mod neighbours;
pub(crate) mod overlap;
pub(crate) mod screening;
pub(crate) mod sessions;
pub(crate) mod trees;
pub(crate) mod wrong_values;

use std::borrow::Cow;
use std::collections::BTreeSet;

use self::label_errors::{LabelledStretch, rank_stretches};
use self::neighbours::{NeighbourError, nearest_neighbours};
use self::screening::{ChannelCheck, Duplicate, STUCK, check_channels, find_duplicates, group_duplicates};
use self::sessions::{SessionFall, session_fall};
use self::trees::held_out_trees;
use self::wrong_values::{in_one_unit, outlier_windows, without_outliers};
use super::worker_pool::WorkerPool;
use crate::train::baseline::Features;
use crate::train::data::dataset::Dataset;
use crate::train::data::plausibility::{ChannelOutliers, MixedUnit};
use crate::train::data::split::Split;
use crate::train::fit::context;
use crate::train::fit::epoch::FitError;

/// The number of folds that the trees are scored on.
const FOLDS: usize = 5;

/// What the recordings show.
///
/// What is measured of the values is measured with each channel in one unit, and with outliers clipped to the range of
/// the other values. Otherwise a surface whose recordings are in another unit would be told apart by the unit.
#[derive(Clone, Debug)]
pub(crate) struct Inspection {
    /// The number of surfaces.
    pub labels: usize,
    /// The channels that some recordings have in another unit than most.
    pub mixed_units: Vec<MixedUnit>,
    /// The channels with single values far outside of all others.
    pub outliers: Vec<ChannelOutliers>,
    /// The state of each channel; channels are missing if there was no time to check them.
    pub channels: Vec<ChannelCheck>,
    /// The channels that are not stuck, by index. A channel that was not checked counts as one of them.
    pub live: Vec<usize>,
    /// The windows with an outlier in any channel, by index.
    pub outlier_windows: BTreeSet<usize>,
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
    /// How much worse trees do in other sessions or later; `None` if it was not measured.
    pub session_fall: Option<SessionFall>,
}

/// Inspects the windows. If the time runs out or the diagnosis is interrupted, this ends soon: some channels are
/// not checked, some pairs of recordings are not compared and the trees of some folds are missing; their windows
/// count neither for the accuracy nor for the suspected labels.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn inspect(dataset: &Dataset, seed: u64, pool: &WorkerPool<'_>) -> Result<Inspection, FitError> {
    let expired = || pool.expired();
    let one_unit = in_one_unit(dataset);
    let unclipped = one_unit.as_ref().unwrap_or(dataset);
    let outlier_windows = outlier_windows(unclipped);
    let clean = &*without_outliers(Cow::Borrowed(unclipped));
    let channels = check_channels(clean, expired);
    let duplicates = find_duplicates(clean, expired);
    let grouped = (!duplicates.is_empty()).then(|| group_duplicates(dataset, &duplicates));
    let features = context::pool(pool.threads)?.install(|| Features::of(clean, &expired));
    let features_of_all = features.as_ref();
    let neighbours = features_of_all
        .map_or(NeighbourError::unknown(), |features| nearest_neighbours(clean, features, expired));
    // The folds and the stretches depend on groups and labels only, and not on the values.
    let best_grouping = grouped.as_ref().unwrap_or(dataset);
    let folds = Split::folds(best_grouping, FOLDS, seed);
    let trees = held_out_trees(pool, best_grouping, features_of_all, folds)?;
    let leaky_folds = Split::leaky_folds(dataset, FOLDS, seed);
    let leaky_trees = held_out_trees(pool, dataset, features_of_all, leaky_folds)?.balanced_accuracy;
    let session_fall = session_fall(best_grouping, seed, |splits| {
        held_out_trees(pool, best_grouping, features_of_all, splits)
    })?;
    let stretches = rank_stretches(best_grouping, &trees.probabilities);
    let is_live = |channel: &usize| channels.get(*channel).is_none_or(|check| check.stuck < STUCK);
    let all = dataset.card.channels.len();
    Ok(Inspection {
        labels: dataset.card.labels.len(),
        live: (0..all).filter(is_live).collect(),
        outlier_windows,
        mixed_units: dataset.mixed_units.clone(),
        outliers: dataset.outliers.clone(),
        channels,
        duplicates,
        stretches,
        neighbours,
        trees: trees.balanced_accuracy,
        leaky_trees,
        session_fall,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::signal::Time;
    use crate::train::tests::sine_waves;

    /// Inspects with this much time.
    fn inspect_within(dataset: &Dataset, time: Duration, stop: bool) -> Inspection {
        let (stop, job_done) = (AtomicBool::new(stop), || ());
        let deadline = Instant::now() + time;
        inspect(dataset, 0, &WorkerPool { threads: 2, deadline, stop: &stop, job_done: &job_done }).unwrap()
    }

    /// Noise, so that no model can tell the labels apart.
    fn noise() -> Dataset {
        let mut dataset = sine_waves(3, 6, 6);
        let mut state = 1u64;
        for value in &mut dataset.steps {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value = 1.0 + (state >> 40) as f32 / (1 << 24) as f32;
        }
        dataset
    }

    #[test]
    fn a_surface_in_another_unit_is_not_told_apart_by_its_unit() {
        let mut dataset = noise();
        let plain = dataset.clone();
        // All recordings of the first surface are in milliamperes.
        dataset.steps[..720].iter_mut().for_each(|value| *value *= 1000.0);
        let blind = inspect_within(&dataset, Duration::from_secs(60), false);
        assert!(blind.trees > 0.6, "the unit gives the surface away: {}", blind.trees);
        let text = String::new();
        dataset.mixed_units =
            vec![MixedUnit { channel: 0, recordings: (0..6).collect(), factor: 1e-3, text }];
        let found = inspect_within(&dataset, Duration::from_secs(60), false);
        let expected = inspect_within(&plain, Duration::from_secs(60), false);
        assert!((found.trees - expected.trees).abs() < 0.1 && found.trees < 0.5, "{}", found.trees);
        assert!((found.neighbours.error - expected.neighbours.error).abs() < 0.1, "{:?}", found.neighbours);
        assert_eq!(found.mixed_units, dataset.mixed_units);
        let one_unit = in_one_unit(&dataset).unwrap();
        assert!(one_unit.steps.iter().zip(&plain.steps).all(|(one, plain)| (one - plain).abs() < 1e-6));
    }

    #[test]
    fn outliers_change_nothing_in_what_the_recordings_show() {
        let plain = sine_waves(3, 6, 6);
        let mut dataset = plain.clone();
        for at in [77, 500, 1500, 2100] {
            dataset.steps[at] = 4_294_967_295.0;
        }
        let (time, text) = (Time::from_seconds(0.0).unwrap(), String::new());
        let [low, high] = [-1.0, 1.0];
        dataset.outliers = vec![ChannelOutliers {
            channel: 0,
            count: 4,
            low,
            high,
            recording: 0,
            time,
            value: 65_535.0,
            text,
        }];
        let all_the_time = Duration::from_secs(60);
        let (found, expected) =
            (inspect_within(&dataset, all_the_time, false), inspect_within(&plain, all_the_time, false));
        assert_eq!(found.outlier_windows, [3, 25, 75, 105].into());
        assert!((found.trees - expected.trees).abs() < 0.03, "{} {}", found.trees, expected.trees);
        assert!((found.neighbours.error - expected.neighbours.error).abs() < 0.03, "{:?}", found.neighbours);
        assert_eq!((found.channels[0].stuck, found.outliers), (0.0, dataset.outliers));
    }

    #[test]
    fn an_inspection_without_time_and_one_that_is_interrupted_return_what_they_have() {
        let dataset = sine_waves(3, 6, 6);
        for (time, stop) in [(Duration::ZERO, false), (Duration::from_secs(60), true)] {
            let found = inspect_within(&dataset, time, stop);
            assert!(found.channels.is_empty() && found.duplicates.is_empty() && found.stretches.is_empty());
            assert!(found.trees.is_nan() && found.leaky_trees.is_nan() && found.neighbours.error.is_nan());
            assert_eq!(found.live, [0], "a channel that was not checked is not dropped");
        }
    }
}
