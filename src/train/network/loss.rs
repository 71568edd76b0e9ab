//! Softmax cross-entropy with a weight for each class.

use crate::train::kernel::activation::softmax_rows;

/// What a batch, or a part of one, adds to the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// The sum of weight times -ln(probability of the label).
    pub sum: f64,
    /// How many windows had their label as the most probable class.
    pub correct: usize,
    /// How many windows there were.
    pub windows: usize,
}

impl Loss {
    /// The mean loss of a window, as Keras reduces it: over the count, not over the weights.
    pub fn mean(&self) -> f64 {
        self.sum / self.windows.max(1) as f64
    }

    /// The share of the windows that were told right.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.windows.max(1) as f64
    }

    /// Adds another part.
    pub fn add(&mut self, other: Loss) {
        self.sum += other.sum;
        self.correct += other.correct;
        self.windows += other.windows;
    }
}

/// Turns logits [N, K] into probabilities in place, and tells the loss against `labels`, of whose targets the share `smoothing`
/// is spread over all K labels (Szegedy et al. 2016), as Keras's `CategoricalCrossentropy` does.
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

/// One window's loss: weight times -ln(probability of its label). NaN stays NaN.
pub fn cost(probability: f32, weight: f32) -> f64 {
    let probability = f64::from(probability);
    // Not `max`, which would hide NaN.
    let probability = if probability < 1e-30 { 1e-30 } else { probability };
    -probability.ln() * f64::from(weight)
}

/// The same with a share of the target spread over all labels.
pub fn smoothed_cost(row: &[f32], label: usize, weight: f32, smoothing: f32) -> f64 {
    let own = cost(row[label], weight);
    if smoothing == 0.0 {
        return own;
    }
    let smoothing = f64::from(smoothing);
    let all: f64 = row.iter().map(|probability| cost(*probability, weight)).sum();
    (1.0 - smoothing) * own + smoothing * all / row.len() as f64
}

/// Turns probabilities [N, K] into the gradient of the mean loss of a batch of `batch` windows by the logits.
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

/// The first of the largest values.
pub fn most_probable(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
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
    fn a_hopeless_window_costs_much_but_not_infinitely() {
        let mut logits = [200.0, -200.0];
        assert!(softmax_cross_entropy(&mut logits, &[1], &[1.0, 1.0], 0.0).mean() > 50.0);
        assert!(softmax_cross_entropy(&mut [f32::NAN, 0.0], &[1], &[1.0, 1.0], 0.0).mean().is_nan());
    }
}
