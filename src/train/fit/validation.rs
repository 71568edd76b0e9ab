//! The loss of held-out windows.

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::loss::{Loss, cost, most_probable};

/// The loss of logits, row-major [N, K], against N labels, with one weight for each class, `[K]`; `None`
/// without windows. Label smoothing is not applied.
pub(super) fn validation_loss(
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
