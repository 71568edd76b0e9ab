//! Extremely randomised trees, or extra trees (Geurts, Ernst and Wehenkel 2006, "Extremely randomized
//! trees").
//!
//! - Every tree is grown on all rows.
//! - A node draws as many features at random as the square root of their number. For each it draws one
//!   threshold, uniformly between the feature's smallest and largest value at that node.
//! - The node splits by the feature that lowers the Gini impurity the most. Rows are weighted so that every
//!   label counts the same.
//! - A node of a single label, or of constant features, becomes a leaf.

use rand::RngExt;
use rand::seq::index::sample;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use crate::train::random_streams;

/// The maximum depth of a tree.
const MAX_DEPTH: usize = 64;
/// From this many rows on, the growth of a node is preceded by the question whether the time is up.
const LARGE_NODE: usize = 256;

/// How extra trees are grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreesOptions {
    /// The number of trees.
    pub trees: usize,
    /// The seed of all random draws.
    pub seed: u64,
}

impl Default for TreesOptions {
    fn default() -> Self {
        Self { trees: 300, seed: 0 }
    }
}

/// Grown trees, ready to predict.
#[derive(Clone, Debug)]
pub(crate) struct Trees {
    columns: usize,
    classes: usize,
    /// The nodes of each tree; the first is the root.
    trees: Vec<Vec<Node>>,
}

/// A node of a tree.
#[derive(Clone, Debug)]
enum Node {
    /// Rows whose value is below the threshold go to the node with the index `below`, all others to `above`.
    Split { column: usize, threshold: f32, below: usize, above: usize },
    /// The weighted share of each label, `[K]`.
    Leaf(Vec<f32>),
}

/// The rows that trees are grown on.
struct FeatureRows<'a> {
    /// Row-major [N, columns].
    features: &'a [f32],
    columns: usize,
    labels: &'a [usize],
    /// The weight of a row of each label, `[K]`: the inverse of the label's count, so that rare labels count
    /// as much as others.
    weights: Vec<f64>,
}

impl Trees {
    /// Grows trees on `features`, row-major [N, columns], and their labels, `[N]`. Values that are not finite
    /// count as 0. The same seed gives the same trees with any number of threads. `None` if `expired` became true
    /// before the last tree was grown.
    pub(crate) fn fit(
        features: &[f32],
        columns: usize,
        labels: &[usize],
        classes: usize,
        options: TreesOptions,
        expired: &(dyn Fn() -> bool + Sync),
    ) -> Option<Self> {
        let features: Vec<f32> =
            features.iter().map(|value| if value.is_finite() { *value } else { 0.0 }).collect();
        let mut counts = vec![0.0; classes];
        labels.iter().for_each(|label| counts[*label] += 1.0);
        let weights = counts.iter().map(|count: &f64| 1.0 / count.max(1.0)).collect();
        let rows = FeatureRows { features: &features, columns, labels, weights };
        let grow = |tree: usize| {
            let mut rng = Pcg64::new(u128::from(options.seed), random_streams::TREES + tree as u128);
            let mut nodes = Vec::new();
            rows.grow((0..labels.len()).collect(), 0, &mut nodes, &mut rng, expired)?;
            Some(nodes)
        };
        let trees: Option<Vec<_>> = (0..options.trees).into_par_iter().map(grow).collect();
        Some(Self { columns, classes, trees: trees? })
    }

    /// The probabilities of the labels, row-major [N, K], for features, row-major [N, columns]: the mean of
    /// all trees.
    pub(crate) fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        let rows: Vec<Vec<f32>> =
            features.par_chunks_exact(self.columns.max(1)).map(|row| self.row_probabilities(row)).collect();
        rows.concat()
    }

    /// The probabilities of the labels for one row, `[K]`.
    fn row_probabilities(&self, row: &[f32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.classes];
        for nodes in &self.trees {
            let mut index = 0;
            // A child's index is always larger than its parent's, so this ends.
            while let Some(Node::Split { column, threshold, below, above }) = nodes.get(index) {
                index = if row[*column] < *threshold { *below } else { *above };
            }
            if let Some(Node::Leaf(shares)) = nodes.get(index) {
                sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share / self.trees.len() as f32);
            }
        }
        sum
    }
}

impl FeatureRows<'_> {
    /// Appends the node of these rows and all nodes below it, and returns its index. `None` if `expired` became
    /// true before.
    fn grow(
        &self,
        rows: Vec<usize>,
        depth: usize,
        nodes: &mut Vec<Node>,
        rng: &mut Pcg64,
        expired: &(dyn Fn() -> bool + Sync),
    ) -> Option<usize> {
        let index = nodes.len();
        // A node of few rows takes less time than the question.
        if (index == 0 || rows.len() >= LARGE_NODE) && expired() {
            return None;
        }
        let shares = self.shares(rows.iter().copied());
        let pure = shares.iter().filter(|share| **share > 0.0).count() < 2;
        let split = if pure || depth >= MAX_DEPTH { None } else { self.best_split(&rows, rng) };
        let total: f64 = shares.iter().sum();
        nodes.push(Node::Leaf(
            shares.iter().map(|share| (share / total.max(f64::MIN_POSITIVE)) as f32).collect(),
        ));
        if let Some((column, threshold)) = split {
            let (lower, upper): (Vec<usize>, Vec<usize>) =
                rows.into_iter().partition(|row| self.value(*row, column) < threshold);
            let below = self.grow(lower, depth + 1, nodes, rng, expired)?;
            let above = self.grow(upper, depth + 1, nodes, rng, expired)?;
            nodes[index] = Node::Split { column, threshold, below, above };
        }
        Some(index)
    }

    /// The column and threshold, of those drawn at random, that separate the labels best; `None` if all
    /// columns are constant.
    fn best_split(&self, rows: &[usize], rng: &mut Pcg64) -> Option<(usize, f32)> {
        let wanted = (self.columns as f64).sqrt().round().max(1.0) as usize;
        let (mut best, mut tried): (Option<(f64, usize, f32)>, usize) = (None, 0);
        for column in sample(rng, self.columns, self.columns) {
            let values = || rows.iter().map(|row| self.value(*row, column));
            let (low, high) =
                values().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            let threshold = low + (high - low) * rng.random::<f32>();
            // The column is constant, or rounding put the threshold on the smallest value, which would leave
            // one side empty.
            if !(threshold > low && threshold <= high) {
                continue;
            }
            let (lower, upper): (Vec<usize>, Vec<usize>) =
                rows.iter().partition(|row| self.value(**row, column) < threshold);
            let impurity = self.impurity(&lower) + self.impurity(&upper);
            if best.is_none_or(|(least, ..)| impurity < least) {
                best = Some((impurity, column, threshold));
            }
            tried += 1;
            if tried == wanted {
                break;
            }
        }
        best.map(|(_, column, threshold)| (column, threshold))
    }

    fn value(&self, row: usize, column: usize) -> f32 {
        self.features[row * self.columns + column]
    }

    /// The weight of these rows by label, `[K]`.
    fn shares(&self, rows: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut shares = vec![0.0; self.weights.len()];
        rows.for_each(|row| shares[self.labels[row]] += self.weights[self.labels[row]]);
        shares
    }

    /// The Gini impurity of these rows times their weight.
    fn impurity(&self, rows: &[usize]) -> f64 {
        let shares = self.shares(rows.iter().copied());
        let total: f64 = shares.iter().sum();
        total - shares.iter().map(|share| share * share).sum::<f64>() / total.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on two concentric rings, which no single threshold separates, and a constant third feature.
    fn rings(rows: usize) -> (Vec<f32>, Vec<usize>) {
        let point = |i: usize| {
            let (angle, label) = (i as f32 * 0.7, i % 2);
            let radius = 1.0 + label as f32 + 0.1 * (i as f32 * 3.3).sin();
            ([radius * angle.cos(), radius * angle.sin(), 5.0], label)
        };
        let points: Vec<_> = (0..rows).map(point).collect();
        (points.iter().flat_map(|(row, _)| *row).collect(), points.iter().map(|(_, label)| *label).collect())
    }

    #[test]
    fn rings_are_distinguished_and_the_same_seed_grows_the_same_trees() {
        let (features, labels) = rings(400);
        let options = TreesOptions { trees: 50, seed: 1 };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let trees = Trees::fit(&features[..900], 3, &labels[..300], 2, options, &|| false);
                trees.unwrap().probabilities(&features)
            })
        };
        let probabilities = run(1);
        assert_eq!(probabilities, run(3));
        let unseen = probabilities[600..].chunks_exact(2).zip(&labels[300..]);
        let right = unseen.filter(|(row, label)| row[**label] > 0.5).count();
        assert!(right > 90, "{right}");
    }

    #[test]
    fn features_that_are_constant_or_not_a_number_make_leaves() {
        let options = TreesOptions::default();
        let fit = |expired| Trees::fit(&[1.0, f32::NAN, 1.0, f32::NAN], 2, &[0, 1], 2, options, &|| expired);
        assert!(fit(true).is_none(), "there was no time");
        let trees = fit(false).unwrap();
        let row = trees.probabilities(&[1.0, f32::NAN]);
        assert!(row.iter().all(|share| (share - 0.5).abs() < 1e-6));
    }

    #[test]
    fn the_growth_of_a_single_large_tree_ends_when_the_time_is_up() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let (features, labels) = rings(3000);
        let options = TreesOptions { trees: 1, seed: 1 };
        let asked = AtomicUsize::new(0);
        let expired = || asked.fetch_add(1, Ordering::Relaxed) == 3;
        assert!(Trees::fit(&features, 3, &labels, 2, options, &expired).is_none());
        assert_eq!(asked.into_inner(), 4, "nothing is grown after the fourth question");
    }
}
