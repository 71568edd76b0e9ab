//! How sure a model may be: temperature scaling (Guo et al. 2017) and the expected calibration error.

use crate::train::network::loss::most_probable;

/// Bins of the expected calibration error.
const BINS: usize = 15;

/// The temperature, between 0.05 and 20, by which dividing the logits, row-major [N, K], makes the mean negative logarithm of the
/// labels' probabilities smallest. 1 without a window.
pub(crate) fn temperature(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    if labels.is_empty() {
        return 1.0;
    }
    let cost = |log: f64| {
        let by = log.exp();
        let rows = logits.chunks_exact(classes).zip(labels);
        rows.map(|(row, label)| {
            let scaled = || row.iter().map(|logit| f64::from(*logit) / by);
            let largest = scaled().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scaled().map(|logit| (logit - largest).exp()).sum();
            sum.ln() + largest - f64::from(row[*label]) / by
        })
        .sum::<f64>()
    };
    // The cost has one valley over the logarithm of the temperature: a golden section finds its bottom.
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
    let (mut left, mut right) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_left, mut at_right) = (cost(left), cost(right));
    while high - low > 1e-4 {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - golden * (high - low);
            at_left = cost(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = cost(right);
        }
    }
    ((low + high) / 2.0).exp()
}

/// The mean over windows of the difference between how sure the model was and how often that is right, in 15 even bins of the
/// largest probability (Guo et al. 2017). 0 without a window.
pub(crate) fn expected_calibration_error(probabilities: &[f32], labels: &[usize], classes: usize) -> f64 {
    let mut bins = [(0.0f64, 0.0f64); BINS];
    for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
        let best = most_probable(row);
        let sure = f64::from(row[best]);
        let bin = &mut bins[((sure * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += sure;
        bin.1 += f64::from(u8::from(best == *label));
    }
    bins.iter().map(|(sure, right)| (sure - right).abs()).sum::<f64>() / labels.len().max(1) as f64
}

/// The share of right answers against how sure they were, in even bins: (mean confidence, accuracy, windows) of each that has any.
pub(crate) fn reliability(probabilities: &[f32], labels: &[usize], classes: usize) -> Vec<(f64, f64, usize)> {
    let mut bins = [(0.0f64, 0usize, 0usize); BINS];
    for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
        let best = most_probable(row);
        let sure = f64::from(row[best]);
        let bin = &mut bins[((sure * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + sure, bin.1 + usize::from(best == *label), bin.2 + 1);
    }
    let used = bins.into_iter().filter(|(.., count)| *count > 0);
    used.map(|(sure, right, count)| (sure / count as f64, right as f64 / count as f64, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::kernel::activation::softmax_rows;

    /// Two classes; the logit says nine in ten, the label agrees in seven of ten.
    fn overconfident() -> (Vec<f32>, Vec<usize>) {
        let logits = (0..100).flat_map(|_| [9f32.ln(), 0.0]).collect();
        (logits, (0..100).map(|index| usize::from(index % 10 >= 7)).collect())
    }

    #[test]
    fn a_model_that_is_too_sure_is_softened_until_it_is_as_sure_as_it_is_right() {
        let (mut logits, labels) = overconfident();
        let by = temperature(&logits, &labels, 2);
        assert!((by - 9f64.ln() / (7.0f64 / 3.0).ln()).abs() < 1e-3, "{by}");
        let mut before = logits.clone();
        softmax_rows(&mut before, 2);
        assert!((expected_calibration_error(&before, &labels, 2) - 0.2).abs() < 1e-6);
        logits.iter_mut().for_each(|logit| *logit /= by as f32);
        softmax_rows(&mut logits, 2);
        assert!(expected_calibration_error(&logits, &labels, 2) < 1e-3);
        let bins = reliability(&logits, &labels, 2);
        assert!(bins.len() == 1 && (bins[0].1 - 0.7).abs() < 1e-9 && bins[0].2 == 100);
    }

    #[test]
    fn without_a_window_nothing_changes() {
        assert_eq!((temperature(&[], &[], 2), expected_calibration_error(&[], &[], 2)), (1.0, 0.0));
    }
}
