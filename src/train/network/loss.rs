//! Softmax cross-entropy with class weights and label smoothing, and its gradient.
//!
//! For a window with the probabilities p, the label y and the class weights w, the loss is -w(y) · ln p(y).
//! With label smoothing s over K labels it is -w(y) · Σ t(k) · ln p(k), with the targets t(y) = 1 - s + s / K
//! for the label and t(k) = s / K for the others (Szegedy et al. 2016), as in Keras's
//! `CategoricalCrossentropy`.

use crate::train::kernel::activation::softmax_rows;

/// The loss of a batch, or of a part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// The sum of the windows' losses.
    pub sum: f64,
    /// The number of windows whose label was the most probable class.
    pub correct: usize,
    /// The number of windows.
    pub windows: usize,
}

impl Loss {
    /// The mean loss: the sum divided by the number of windows, as in Keras, and not by the sum of their
    /// weights.
    pub fn mean(&self) -> f64 {
        self.sum / self.windows.max(1) as f64
    }

    /// The share of windows whose label was the most probable class.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.windows.max(1) as f64
    }

    /// Adds the loss of another part of the batch.
    pub fn add(&mut self, other: Loss) {
        self.sum += other.sum;
        self.correct += other.correct;
        self.windows += other.windows;
    }
}

/// Turns logits [N, K] into probabilities in place, and returns their loss against `labels` `[N]`, with the
/// class `weights` `[K]` and the label smoothing `smoothing`.
pub fn softmax_cross_entropy(logits: &mut [f32], labels: &[usize], weights: &[f32], smoothing: f32) -> Loss {
    let classes = weights.len();
    softmax_rows(logits, classes);
    let mut loss = Loss { windows: labels.len(), ..Loss::default() };
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        loss.sum += smoothed_cost(row, label, weights[label], smoothing);
        loss.correct += usize::from(most_probable(row) == label);
    }
    loss
}

/// The loss of one window without label smoothing, -`weight` · ln `probability`. NaN gives NaN.
///
/// A probability below 1e-30 counts as 1e-30, so that the loss stays finite.
pub fn cost(probability: f32, weight: f32) -> f64 {
    let probability = f64::from(probability);
    // `f64::max` would turn NaN into 1e-30 and so hide that the training has diverged.
    let probability = if probability < 1e-30 { 1e-30 } else { probability };
    -probability.ln() * f64::from(weight)
}

/// The loss of one window with label smoothing. `row` has the window's probabilities `[K]`, and `weight` is
/// its label's.
pub fn smoothed_cost(row: &[f32], label: usize, weight: f32, smoothing: f32) -> f64 {
    let own = cost(row[label], weight);
    if smoothing == 0.0 {
        return own;
    }
    let smoothing = f64::from(smoothing);
    let all: f64 = row.iter().map(|probability| cost(*probability, weight)).sum();
    (1.0 - smoothing) * own + smoothing * all / row.len() as f64
}

/// Turns probabilities [N, K] in place into the gradient of the mean loss with respect to the logits: w(y) ·
/// (p - t) / N for each window, with N = `batch`, the windows of the whole batch.
pub fn cross_entropy_gradient(
    probabilities: &mut [f32],
    labels: &[usize],
    weights: &[f32],
    smoothing: f32,
    batch: usize,
) {
    for (row, &label) in probabilities.chunks_exact_mut(weights.len().max(1)).zip(labels) {
        let spread = smoothing / row.len() as f32;
        row[label] -= 1.0 - smoothing;
        row.iter_mut().for_each(|value| *value -= spread);
        let scale = weights[label] / batch.max(1) as f32;
        row.iter_mut().for_each(|value| *value *= scale);
    }
}

/// The index of the largest value; the first one if several are equal.
pub fn most_probable(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// The loss of logits, row-major [N, K], against N labels, with one weight for each class, `[K]`; `None`
/// without windows. Label smoothing is not applied.
pub(crate) fn validation_loss(
    logits: &[f32],
    labels: impl Iterator<Item = usize>,
    weights: &[f32],
) -> Option<Loss> {
    let mut probabilities = logits.to_vec();
    softmax_rows(&mut probabilities, weights.len());
    let mut loss = Loss::default();
    for (row, label) in probabilities.chunks_exact(weights.len()).zip(labels) {
        let sum = cost(row[label], weights[label]);
        loss.add(Loss { sum, correct: usize::from(most_probable(row) == label), windows: 1 });
    }
    (loss.windows > 0).then_some(loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_the_weighted_mean_of_negative_log_probabilities() {
        let mut logits = [1f32.ln(), 3f32.ln(), 1f32.ln(), 1f32.ln()];
        let loss = softmax_cross_entropy(&mut logits, &[1, 0], &[2.0, 1.0], 0.0);
        let expected = (-(0.75f64.ln()) - 2.0 * 0.5f64.ln()) / 2.0;
        assert!((loss.mean() - expected).abs() < 1e-6);
        assert_eq!(loss.correct, 2);
        cross_entropy_gradient(&mut logits, &[1, 0], &[2.0, 1.0], 0.0, 2);
        assert!((logits[0] - 0.125).abs() < 1e-6 && (logits[2] + 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_loss_of_an_impossible_label_is_large_but_finite() {
        let mut logits = [200.0, -200.0];
        assert!(softmax_cross_entropy(&mut logits, &[1], &[1.0, 1.0], 0.0).mean() > 50.0);
        assert!(softmax_cross_entropy(&mut [f32::NAN, 0.0], &[1], &[1.0, 1.0], 0.0).mean().is_nan());
    }
}
