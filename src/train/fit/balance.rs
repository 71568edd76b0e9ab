//! Balances classes of different sizes in training: by weights in the loss, or by sampling.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::options::Balance;

/// The loss weight of each class, `[K]`.
///
/// With [`Balance::Weights`] a weight is in inverse proportion to the number of training windows of its
/// class, and the weights average 1 over the training windows. Otherwise every weight is 1.
pub(super) fn class_weights(dataset: &Dataset, split: &Split, balance: Balance) -> Vec<f32> {
    let counts = dataset.count(split.training.iter().copied());
    let present = counts.iter().filter(|count| **count > 0).count();
    let weight = |count: usize| match balance {
        Balance::Weights => split.training.len() as f32 / (present * count.max(1)) as f32,
        Balance::Sampling | Balance::None => 1.0,
    };
    counts.iter().map(|count| weight(*count)).collect()
}

/// The training windows of one epoch in random order.
///
/// With [`Balance::Sampling`] every class that occurs has the same number of windows: those of small classes
/// are repeated and some of large classes are dropped for this epoch. Otherwise every training window occurs
/// once.
pub(super) fn epoch_order(dataset: &Dataset, split: &Split, balance: Balance, rng: &mut Pcg64) -> Vec<usize> {
    let mut order = split.training.clone();
    order.shuffle(rng);
    if balance != Balance::Sampling {
        return order;
    }
    let mut by_label = vec![Vec::new(); dataset.card.labels.len()];
    order.iter().for_each(|index| by_label[dataset.labels[*index]].push(*index));
    by_label.retain(|windows| !windows.is_empty());
    let windows_per_class = order.len().div_ceil(by_label.len().max(1));
    let mut sampled: Vec<usize> =
        by_label.iter().flat_map(|windows| windows.iter().cycle().take(windows_per_class)).copied().collect();
    sampled.shuffle(rng);
    sampled
}
