//! Extremely randomised trees (Geurts, Ernst and Wehenkel 2006): what a model without a neural network makes of summary features.
//!
//! Each tree is grown on all rows; a node draws the root of the number of features, for each one threshold at random between the
//! smallest and the largest value, and splits by the one that lowers the weighted Gini impurity most.

use rand::RngExt;
use rand::seq::index::sample;
use rand_pcg::Pcg64;
use rayon::prelude::*;

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreesOptions {
    /// How many.
    pub trees: usize,
    /// The seed of what is drawn.
    pub seed: u64,
}

impl Default for TreesOptions {
    fn default() -> Self {
        Self { trees: 300, seed: 0 }
    }
}

/// Deeper than this no tree grows.
const MAX_DEPTH: usize = 64;

/// Grown trees.
#[derive(Clone, Debug)]
pub(crate) struct Trees {
    columns: usize,
    classes: usize,
    trees: Vec<Vec<Node>>,
}

#[derive(Clone, Debug)]
enum Node {
    Split { column: usize, threshold: f32, below: usize, above: usize },
    Leaf(Vec<f32>),
}

/// What a tree is grown from.
struct FeatureRows<'a> {
    /// Row-major [N, columns].
    features: &'a [f32],
    columns: usize,
    labels: &'a [usize],
    /// One weight a label, so that rare ones count as much.
    weights: Vec<f64>,
}

impl Trees {
    /// Grows trees on `features`, row-major [N, columns], with every label weighing alike. The same seed gives the same trees,
    /// whatever the number of threads. Values that are no numbers count as 0.
    pub(crate) fn fit(
        features: &[f32],
        columns: usize,
        labels: &[usize],
        classes: usize,
        options: TreesOptions,
    ) -> Self {
        let features: Vec<f32> =
            features.iter().map(|value| if value.is_finite() { *value } else { 0.0 }).collect();
        let mut counts = vec![0.0; classes];
        labels.iter().for_each(|label| counts[*label] += 1.0);
        let weights = counts.iter().map(|count: &f64| 1.0 / count.max(1.0)).collect();
        let rows = FeatureRows { features: &features, columns, labels, weights };
        let grow = |tree: usize| {
            let mut rng =
                Pcg64::new(u128::from(options.seed), crate::train::random_streams::TREES + tree as u128);
            let mut nodes = Vec::new();
            rows.grow((0..labels.len()).collect(), 0, &mut nodes, &mut rng);
            nodes
        };
        Self { columns, classes, trees: (0..options.trees).into_par_iter().map(grow).collect() }
    }

    /// Probabilities, row-major [N, K], of features, row-major [N, columns].
    pub(crate) fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        let rows: Vec<Vec<f32>> =
            features.par_chunks_exact(self.columns.max(1)).map(|row| self.of_row(row)).collect();
        rows.concat()
    }

    fn of_row(&self, row: &[f32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.classes];
        for nodes in &self.trees {
            let mut at = 0;
            // Children stand behind their parents, so this ends.
            while let Some(Node::Split { column, threshold, below, above }) = nodes.get(at) {
                at = if row[*column] < *threshold { *below } else { *above };
            }
            if let Some(Node::Leaf(shares)) = nodes.get(at) {
                sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share / self.trees.len() as f32);
            }
        }
        sum
    }
}

impl FeatureRows<'_> {
    /// Appends the node of these rows and all below it; gives its index.
    fn grow(&self, rows: Vec<usize>, depth: usize, nodes: &mut Vec<Node>, rng: &mut Pcg64) -> usize {
        let place = nodes.len();
        let shares = self.shares(rows.iter().copied());
        let pure = shares.iter().filter(|share| **share > 0.0).count() < 2;
        let split = if pure || depth >= MAX_DEPTH { None } else { self.best(&rows, rng) };
        let total: f64 = shares.iter().sum();
        nodes.push(Node::Leaf(
            shares.iter().map(|share| (share / total.max(f64::MIN_POSITIVE)) as f32).collect(),
        ));
        if let Some((column, threshold)) = split {
            let (lower, upper): (Vec<usize>, Vec<usize>) =
                rows.into_iter().partition(|row| self.value(*row, column) < threshold);
            let below = self.grow(lower, depth + 1, nodes, rng);
            let above = self.grow(upper, depth + 1, nodes, rng);
            nodes[place] = Node::Split { column, threshold, below, above };
        }
        place
    }

    /// Of some columns, each with a threshold at random, the one that parts the labels best; `None` where all are constant.
    fn best(&self, rows: &[usize], rng: &mut Pcg64) -> Option<(usize, f32)> {
        let wanted = (self.columns as f64).sqrt().round().max(1.0) as usize;
        let (mut best, mut tried): (Option<(f64, usize, f32)>, usize) = (None, 0);
        for column in sample(rng, self.columns, self.columns) {
            let values = || rows.iter().map(|row| self.value(*row, column));
            let (low, high) =
                values().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            let threshold = low + (high - low) * rng.random::<f32>();
            // Rounding may put it on the smallest value, below which nothing is.
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

    fn shares(&self, rows: impl Iterator<Item = usize>) -> Vec<f64> {
        let mut shares = vec![0.0; self.weights.len()];
        rows.for_each(|row| shares[self.labels[row]] += self.weights[self.labels[row]]);
        shares
    }

    /// The Gini impurity times the weight of the rows.
    fn impurity(&self, rows: &[usize]) -> f64 {
        let shares = self.shares(rows.iter().copied());
        let total: f64 = shares.iter().sum();
        total - shares.iter().map(|share| share * share).sum::<f64>() / total.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rings: no single threshold parts them.
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
    fn rings_are_told_apart_and_the_same_seed_grows_the_same_trees() {
        let (features, labels) = rings(400);
        let options = TreesOptions { trees: 50, seed: 1 };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                Trees::fit(&features[..900], 3, &labels[..300], 2, options).probabilities(&features)
            })
        };
        let probabilities = run(1);
        assert_eq!(probabilities, run(3));
        let unseen = probabilities[600..].chunks_exact(2).zip(&labels[300..]);
        let right = unseen.filter(|(row, label)| row[**label] > 0.5).count();
        assert!(right > 90, "{right}");
    }

    #[test]
    fn features_that_never_change_or_are_no_numbers_make_leaves() {
        let trees = Trees::fit(&[1.0, f32::NAN, 1.0, f32::NAN], 2, &[0, 1], 2, TreesOptions::default());
        let row = trees.probabilities(&[1.0, f32::NAN]);
        assert!(row.iter().all(|share| (share - 0.5).abs() < 1e-6));
    }
}
