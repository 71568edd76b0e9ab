//! Confidence calibration of a classifier.
//!
//! - [`fit_temperature`] is temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural
//!   Networks"): one number by which all logits are divided. It changes the confidence of a prediction and
//!   never its label.
//! - [`expected_calibration_error`] (Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using
//!   Bayesian Binning") measures how far confidence and accuracy are apart.
//! - [`reliability`] gives the points of a reliability diagram for the report.
//!
//! A prediction's confidence is its largest probability.

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::loss::most_probable;

/// Number of equally wide confidence bins between 0 and 1; 15 as in Guo et al. 2017.
const BINS: usize = 15;

/// The temperature of a model, with the calibration error before and after it is applied.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Calibration {
    /// The number that the logits are divided by.
    pub temperature: f64,
    /// The expected calibration error on the held-out windows without the temperature, between 0 and 1.
    pub error_before: f64,
    /// The same with the temperature. The temperature was fitted to these windows, so the error on new
    /// windows is a little larger.
    pub error_after: f64,
}

impl Calibration {
    /// Fits a temperature to the logits of held-out windows, row-major [N, K], and divides the logits by it.
    pub(crate) fn apply(logits: &mut [f32], labels: &[usize], classes: usize) -> Self {
        let error = |logits: &[f32]| {
            let mut probabilities = logits.to_vec();
            softmax_rows(&mut probabilities, classes);
            expected_calibration_error(&probabilities, labels, classes)
        };
        let temperature = fit_temperature(logits, labels, classes);
        let error_before = error(logits);
        logits.iter_mut().for_each(|logit| *logit = (f64::from(*logit) / temperature) as f32);
        Self { temperature, error_before, error_after: error(logits) }
    }
}

/// The temperature, between 0.05 and 20, that minimises the negative log-likelihood of the labels. `logits`
/// is row-major [N, K]. Without windows the temperature is 1.
fn fit_temperature(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    if labels.is_empty() {
        return 1.0;
    }
    let cost = |log_temperature: f64| {
        let temperature = log_temperature.exp();
        let rows = logits.chunks_exact(classes).zip(labels);
        rows.map(|(row, label)| {
            let scaled = || row.iter().map(|logit| f64::from(*logit) / temperature);
            let largest = scaled().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scaled().map(|logit| (logit - largest).exp()).sum();
            sum.ln() + largest - f64::from(row[*label]) / temperature
        })
        .sum::<f64>()
    };
    // The cost has a single minimum over the logarithm of the temperature, so a golden-section search finds
    // it.
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

/// Windows whose confidence lies in one bin.
#[derive(Clone, Copy, Default)]
struct ConfidenceBin {
    /// The sum of the windows' confidences.
    confidence: f64,
    /// How many windows were predicted correctly.
    correct: usize,
    windows: usize,
}

/// Sorts windows into bins by confidence; `probabilities` is row-major [N, K].
fn confidence_bins(probabilities: &[f32], labels: &[usize], classes: usize) -> [ConfidenceBin; BINS] {
    let mut bins = [ConfidenceBin::default(); BINS];
    for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
        let predicted = most_probable(row);
        let confidence = f64::from(row[predicted]);
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.confidence += confidence;
        bin.correct += usize::from(predicted == *label);
        bin.windows += 1;
    }
    bins
}

/// The expected calibration error (Naeini et al. 2015): the absolute difference between mean confidence and
/// accuracy in each bin, averaged over the windows. `probabilities` is row-major [N, K]. Without windows the
/// error is 0.
fn expected_calibration_error(probabilities: &[f32], labels: &[usize], classes: usize) -> f64 {
    let bins = confidence_bins(probabilities, labels, classes);
    bins.iter().map(|bin| (bin.confidence - bin.correct as f64).abs()).sum::<f64>()
        / labels.len().max(1) as f64
}

/// The points of a reliability diagram: (mean confidence, accuracy) of each bin that holds windows, both
/// between 0 and 1. `probabilities` is row-major [N, K].
pub(crate) fn reliability(probabilities: &[f32], labels: &[usize], classes: usize) -> Vec<(f64, f64)> {
    let bins = confidence_bins(probabilities, labels, classes);
    let used = bins.iter().filter(|bin| bin.windows > 0);
    used.map(|bin| (bin.confidence / bin.windows as f64, bin.correct as f64 / bin.windows as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes. The logits give the first a probability of 0.9, but it is the label of only seven windows
    /// in ten.
    fn overconfident() -> (Vec<f32>, Vec<usize>) {
        let logits = (0..100).flat_map(|_| [9f32.ln(), 0.0]).collect();
        (logits, (0..100).map(|index| usize::from(index % 10 >= 7)).collect())
    }

    #[test]
    fn the_confidence_of_an_overconfident_model_is_lowered_to_its_accuracy() {
        let (mut logits, labels) = overconfident();
        let calibration = Calibration::apply(&mut logits, &labels, 2);
        let temperature = calibration.temperature;
        assert!((temperature - 9f64.ln() / (7.0f64 / 3.0).ln()).abs() < 1e-3, "{temperature}");
        assert!((calibration.error_before - 0.2).abs() < 1e-6 && calibration.error_after < 1e-3);
        softmax_rows(&mut logits, 2);
        let points = reliability(&logits, &labels, 2);
        assert!(points.len() == 1 && (points[0].0 - 0.7).abs() < 1e-3 && (points[0].1 - 0.7).abs() < 1e-9);
    }

    #[test]
    fn without_windows_the_temperature_is_1() {
        assert_eq!((fit_temperature(&[], &[], 2), expected_calibration_error(&[], &[], 2)), (1.0, 0.0));
    }
}
