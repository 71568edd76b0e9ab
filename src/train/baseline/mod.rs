//! The baseline: how well extra trees on summary statistics predict the same windows.
//!
//! A network that is not better than this does not earn its cost. `underfoot-train fit` prints the baseline
//! beside the network's score, and `underfoot-train diagnose` uses the same [`Features`] to look for label
//! errors and leaks.

pub(crate) mod trees;

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use self::trees::{Trees, TreesOptions};
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::pool;
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::confusion;
use crate::train::fit::trained::Trained;
use crate::train::network::architecture::Architecture;
use crate::train::network::preprocessing::Preprocessing;

/// How many windows are processed between two checks whether the time is up.
const BLOCK: usize = 256;

/// Actual against predicted labels of the held-out windows, as extra trees predict them. For each network of
/// the model, trees are grown on the windows that it was trained on. `None` if no windows are held out, or the
/// stop flag was set before the trees were grown.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn baseline(
    trained: &Trained,
    dataset: &Dataset,
    stop: &AtomicBool,
) -> Result<Option<Confusion>, FitError> {
    if trained.out_of_fold.windows.is_empty() {
        return Ok(None);
    }
    let splits: Vec<&Split> = trained.members.iter().map(|member| &member.split).collect();
    let options = &trained.options;
    pool(options.threads)?.install(|| Ok(trees_of_splits(dataset, &splits, options.seed, stop)))
}

/// Actual against predicted labels of the windows that each split holds out, as extra trees predict them that are
/// grown on the others, in the caller's thread pool. `None` if the stop flag was set before the trees were grown.
pub(crate) fn trees_of_splits(
    dataset: &Dataset,
    splits: &[&Split],
    seed: u64,
    stop: &AtomicBool,
) -> Option<Confusion> {
    let expired = || stop.load(Ordering::Relaxed);
    let features = Features::of(dataset, &expired)?;
    let options = TreesOptions { seed, ..TreesOptions::default() };
    let mut all = Confusion::new(&dataset.card.labels);
    for split in splits {
        let probabilities = features.held_out(dataset, split, options, &expired)?;
        let actual = split.validation.iter().map(|index| dataset.labels[*index]);
        all.merge(&confusion(&dataset.card.labels, &probabilities, actual));
    }
    Some(all)
}

/// The [summary statistics](crate::train::network::summary) of every window, which trees are grown on. The network
/// gets them as well.
#[derive(Clone, Debug)]
pub(crate) struct Features {
    /// Row-major [N, columns].
    pub values: Vec<f32>,
    /// The number of values for each window.
    pub columns: usize,
}

impl Features {
    /// Calculates the features of every window. Interchangeable channels are put into their canonical order
    /// first, because otherwise the trees would have to learn every order. `None` if `expired` was true before
    /// the last windows were begun.
    pub(crate) fn of(dataset: &Dataset, expired: &(dyn Fn() -> bool + Sync)) -> Option<Self> {
        let card = &dataset.card;
        let architecture = Architecture {
            orders: dataset.orders(),
            summary: true,
            ..Architecture::plain(card.window, card.channels.len(), 1, card.labels.len())
        };
        let preprocessing = Preprocessing::measure(&architecture, &dataset.all_windows(), &[]);
        let columns = architecture.statistics();
        let block = |block: usize| {
            if expired() {
                return None;
            }
            let windows = block * BLOCK..((block + 1) * BLOCK).min(dataset.len());
            let mut values = Vec::with_capacity(windows.len() * columns);
            windows.for_each(|index| preprocessing.append_statistics(dataset.window(index), &mut values));
            Some(values)
        };
        let blocks = (0..dataset.len().div_ceil(BLOCK)).into_par_iter().map(block);
        let values: Option<Vec<Vec<f32>>> = blocks.collect();
        Some(Self { values: values?.concat(), columns })
    }

    /// The features of one window, `[columns]`.
    pub(crate) fn row(&self, window: usize) -> &[f32] {
        &self.values[window * self.columns..(window + 1) * self.columns]
    }

    /// Grows trees on the split's training windows and returns their probabilities of its held-out windows,
    /// row-major [N, K]. `None` if `expired` became true before all was done.
    pub(crate) fn held_out(
        &self,
        dataset: &Dataset,
        split: &Split,
        options: TreesOptions,
        expired: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<f32>> {
        let gather = |windows: &[usize]| -> Vec<f32> {
            windows.iter().flat_map(|window| self.row(*window)).copied().collect()
        };
        let labels: Vec<usize> = split.training.iter().map(|index| dataset.labels[*index]).collect();
        let classes = dataset.card.labels.len();
        let trees = Trees::fit(&gather(&split.training), self.columns, &labels, classes, options, expired)?;
        let mut probabilities = Vec::with_capacity(split.validation.len() * classes);
        for windows in split.validation.chunks(BLOCK) {
            if expired() {
                return None;
            }
            probabilities.extend(trees.probabilities(&gather(windows)));
        }
        Some(probabilities)
    }
}
