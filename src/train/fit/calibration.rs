//! Confidence calibration of a classifier.
//!
//! - [`Calibration`] is temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"): one
//!   number by which all logits are divided. It changes the confidence of a prediction and never its label.
//! - [`expected_calibration_error`] (Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using
//!   Bayesian Binning") measures how far confidence and accuracy are apart.
//! - [`reliability`] gives the points of a reliability diagram for the report.
//!
//! A prediction's confidence is its largest probability.

use std::collections::BTreeSet;

use crate::train::kernel::activation::softmax_rows;
use crate::train::network::loss::most_probable;

/// Number of equally wide confidence bins between 0 and 1; 15 as in Guo et al. 2017.
const BINS: usize = 15;

/// The range of temperatures that are looked at.
const RANGE: (f64, f64) = (0.05, 20.0);

/// What a temperature does to a model's confidence.
///
/// The errors are cross-fitted: for each part of the held-out recordings, the temperature is fitted to the other
/// parts and its effect measured on this one. So they are those on recordings that the temperature was not
/// fitted to.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Calibration {
    /// The number that the logits are divided by, fitted to all held-out windows. It belongs to the model only if
    /// `applied` is true.
    pub temperature: f64,
    /// Whether the model's logits are divided by the temperature: only where this lowers the expected calibration
    /// error and does not raise the negative log-likelihood, both cross-fitted. It is not applied
    /// either where every window is right, because the likelihood then has no maximum.
    pub applied: bool,
    /// The expected calibration error of the held-out windows without a temperature, between 0 and 1.
    pub error_before: f64,
    /// The same with temperatures that were each fitted to other recordings.
    pub error_after: f64,
    /// The number of networks that answered each held-out window; the smallest one if it differs.
    pub networks: usize,
}

impl Calibration {
    /// Fits a temperature to the logits of held-out windows, row-major [N, K], and measures its effect. `groups`
    /// has the part of the recordings that each window is in, `[N]`, and `networks` the number of networks that
    /// answered each. `None` if there are fewer than two parts.
    pub(crate) fn measure(
        logits: &[f32],
        labels: &[usize],
        groups: &[usize],
        networks: usize,
    ) -> Option<Self> {
        let classes = logits.len().checked_div(labels.len())?;
        let parts: BTreeSet<usize> = groups.iter().copied().collect();
        if parts.len() < 2 {
            return None;
        }
        let mut cross_fitted = logits.to_vec();
        for part in parts {
            let rows = logits.chunks_exact(classes).zip(labels).zip(groups);
            let others: Vec<_> = rows.filter(|(_, group)| **group != part).map(|(row, _)| row).collect();
            let other_logits: Vec<f32> = others.iter().flat_map(|(row, _)| *row).copied().collect();
            let other_labels: Vec<usize> = others.iter().map(|(_, label)| **label).collect();
            let temperature = fit_temperature(&other_logits, &other_labels, classes);
            let rows = cross_fitted.chunks_exact_mut(classes).zip(groups);
            for (row, _) in rows.filter(|(_, group)| **group == part) {
                row.iter_mut().for_each(|logit| *logit = (f64::from(*logit) / temperature) as f32);
            }
        }
        let error = |logits: &[f32]| {
            let mut probabilities = logits.to_vec();
            softmax_rows(&mut probabilities, classes);
            expected_calibration_error(&probabilities, labels, classes)
        };
        let temperature = fit_temperature(logits, labels, classes);
        let (error_before, error_after) = (error(logits), error(&cross_fitted));
        let likelihood = |logits: &[f32]| negative_log_likelihood(logits, labels, classes, 1.0);
        let rows = logits.chunks_exact(classes).zip(labels);
        let has_mistakes = rows.into_iter().any(|(row, label)| most_probable(row) != *label);
        let applied =
            has_mistakes && error_after < error_before && likelihood(&cross_fitted) <= likelihood(logits);
        Some(Self { temperature, applied, error_before, error_after, networks })
    }
}

impl std::fmt::Display for Calibration {
    /// Writes one sentence for people, without a full stop at its end.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { temperature, applied, error_before, error_after, networks } = self;
        let networks = if *networks == 1 { "one network".into() } else { format!("{networks} networks") };
        if *applied {
            write!(
                f,
                "the confidence was calibrated with temperature {temperature:.2}: expected calibration error \
                 {error_before:.3} before, {error_after:.3} after, on recordings that the temperature was not fitted \
                 to, with predictions of {networks}"
            )
        } else {
            write!(
                f,
                "the confidence was left as it is, with an expected calibration error of {error_before:.3}: \
                 temperature {temperature:.2}, which fits best, does not reliably lower it (error {error_after:.3} \
                 on recordings that it was not fitted to, with predictions of {networks})"
            )
        }
    }
}

/// The sum of the negative log-likelihood of the labels over the windows, with the logits, row-major [N, K],
/// divided by a temperature.
fn negative_log_likelihood(logits: &[f32], labels: &[usize], classes: usize, temperature: f64) -> f64 {
    let rows = logits.chunks_exact(classes).zip(labels);
    rows.map(|(row, label)| {
        let scaled = || row.iter().map(|logit| f64::from(*logit) / temperature);
        let largest = scaled().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scaled().map(|logit| (logit - largest).exp()).sum();
        sum.ln() + largest - f64::from(row[*label]) / temperature
    })
    .sum()
}

/// The temperature in [`RANGE`] that minimises the negative log-likelihood of the labels. `logits`
/// is row-major [N, K]. Without windows the temperature is 1.
fn fit_temperature(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    if labels.is_empty() {
        return 1.0;
    }
    let cost = |log_temperature: f64| negative_log_likelihood(logits, labels, classes, log_temperature.exp());
    // The cost has a single minimum over the logarithm of the temperature, so a golden-section search finds
    // it.
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
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
pub(super) fn expected_calibration_error(probabilities: &[f32], labels: &[usize], classes: usize) -> f64 {
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
        let groups: Vec<usize> = (0..100).map(|index| index / 20).collect();
        let calibration = Calibration::measure(&logits, &labels, &groups, 3).unwrap();
        let temperature = calibration.temperature;
        assert!((temperature - 9f64.ln() / (7.0f64 / 3.0).ln()).abs() < 1e-3, "{temperature}");
        assert!((calibration.error_before - 0.2).abs() < 1e-6 && calibration.error_after < 1e-3);
        assert!(calibration.applied && calibration.networks == 3);
        assert!(calibration.to_string().contains("0.200 before, 0.000 after"), "{calibration}");
        logits.iter_mut().for_each(|logit| *logit /= temperature as f32);
        softmax_rows(&mut logits, 2);
        let points = reliability(&logits, &labels, 2);
        assert!(points.len() == 1 && (points[0].0 - 0.7).abs() < 1e-3 && (points[0].1 - 0.7).abs() < 1e-9);
    }

    #[test]
    fn a_temperature_is_not_applied_where_it_harms_recordings_that_it_was_not_fitted_to() {
        // Every window has confidence 0.9. All windows of the first part are right, eight in ten of the second: over
        // both parts the confidence is right, but what fits one part harms the other.
        let logits: Vec<f32> = (0..200).flat_map(|_| [9f32.ln(), 0.0]).collect();
        let groups: Vec<usize> = (0..200).map(|index| index / 100).collect();
        let labels: Vec<usize> = (0..200).map(|index| usize::from(index >= 100 && index % 10 >= 8)).collect();
        let calibration = Calibration::measure(&logits, &labels, &groups, 2).unwrap();
        assert!((calibration.temperature - 1.0).abs() < 1e-3, "{calibration:?}");
        assert!(calibration.error_before < 1e-6 && calibration.error_after > 0.1, "{calibration:?}");
        assert!(!calibration.applied && calibration.to_string().contains("left as it is"), "{calibration}");
    }

    #[test]
    fn a_temperature_is_not_applied_where_every_window_is_right() {
        let logits: Vec<f32> = (0..100).flat_map(|_| [9f32.ln(), 0.0]).collect();
        let groups: Vec<usize> = (0..100).map(|index| index / 20).collect();
        let calibration = Calibration::measure(&logits, &[0; 100], &groups, 3).unwrap();
        assert!(
            !calibration.applied && calibration.error_after < calibration.error_before,
            "{calibration:?}"
        );
    }

    #[test]
    fn a_temperature_that_cannot_be_tested_on_other_recordings_is_not_fitted() {
        let (logits, labels) = overconfident();
        assert_eq!(Calibration::measure(&logits, &labels, &[0; 100], 1), None);
        assert_eq!(Calibration::measure(&[], &[], &[], 0), None);
    }

    #[test]
    fn without_windows_the_temperature_is_1() {
        assert_eq!((fit_temperature(&[], &[], 2), expected_calibration_error(&[], &[], 2)), (1.0, 0.0));
    }
}
