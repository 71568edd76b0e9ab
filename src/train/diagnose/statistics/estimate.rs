//! The mean of a few differences between training runs, with a confidence interval that allows for the overlap
//! of their training windows.
//!
//! Every seed holds out other recordings, but the recordings trained on with one seed are mostly those trained on
//! with another, so the differences are not independent and the variance of their mean is larger than that
//! of independent ones. Nadeau and Bengio ("Inference for the Generalization Error", 2003) correct it: with J
//! seeds, n1 windows trained on and n2 held out, the variance is (1 / J + n2 / n1) times that of a single
//! difference, and not 1 / J times.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The fewest values that an interval is made of. The interval of two values is so wide, or by chance so narrow,
/// that it says nothing.
const MIN_VALUES: usize = 3;
/// The probability that an interval does not reach as far as the mean, on each of its two sides.
const TAIL: f64 = 0.05;

/// A mean over seeds with its 90 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Estimate {
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The number of values.
    pub count: usize,
    /// The probability of a mean at least as high if the true one were 0: the p-value of the one-sided test.
    pub p: f64,
}

impl Estimate {
    /// The estimate from one value per seed; `None` for fewer than three. `overlap` is the number of windows held
    /// out divided by that of the windows trained on, and 0 for values that are independent.
    pub(crate) fn of(values: &[f64], overlap: f64) -> Option<Self> {
        let count = values.len();
        if count < MIN_VALUES || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
        let error = (variance * (1.0 / count as f64 + overlap)).sqrt();
        let distribution = StudentsT::new(0.0, 1.0, (count - 1) as f64).ok()?;
        let half = distribution.inverse_cdf(1.0 - TAIL) * error;
        let p = match error > 0.0 {
            true => distribution.sf(mean / error),
            false if mean > 0.0 => 0.0,
            false => 1.0,
        };
        Some(Self { mean, low: mean - half, high: mean + half, count, p })
    }

    /// The estimate of the negated values.
    pub(crate) fn negated(&self) -> Self {
        Self { mean: -self.mean, low: -self.high, high: -self.low, p: 1.0 - self.p, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_independent_values_agrees_with_one_from_a_table() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0).unwrap();
        assert!((estimate.mean - 3.0).abs() < 1e-12 && (estimate.high - 4.5075).abs() < 1e-3, "{estimate:?}");
        // The t statistic is 3 / 0.7071 = 4.243 with four degrees of freedom.
        assert!((estimate.p - 0.00662).abs() < 1e-4, "{estimate:?}");
        assert!((estimate.negated().p - 0.99338).abs() < 1e-4);
    }

    #[test]
    fn an_interval_of_resampled_splits_is_wider_by_the_correction() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        let (plain, corrected) = (Estimate::of(&values, 0.0).unwrap(), Estimate::of(&values, 0.25).unwrap());
        let factor = (corrected.high - corrected.mean) / (plain.high - plain.mean);
        assert!((factor - 1.5).abs() < 1e-9, "sqrt((1/5 + 1/4) / (1/5)) is 1.5: {factor}");
        assert!(corrected.p > plain.p);
    }

    #[test]
    fn two_values_make_no_interval() {
        assert!(Estimate::of(&[1.0, 2.0], 0.25).is_none());
        assert!(Estimate::of(&[1.0, 2.0, f64::NAN], 0.25).is_none());
    }
}
