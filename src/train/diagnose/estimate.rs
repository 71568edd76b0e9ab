//! The mean of a few values with its confidence interval.

/// A mean over seeds with its 90 % confidence interval, from Student's t-distribution.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Estimate {
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The number of values.
    pub count: usize,
}

/// The 95 % quantiles of Student's t-distribution with 1, 2, … degrees of freedom.
const QUANTILES: [f64; 9] = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833];
/// The quantile used for more degrees of freedom than [`QUANTILES`] has.
const LARGE_SAMPLE_QUANTILE: f64 = 1.70;

impl Estimate {
    /// The estimate from these values; `None` for fewer than two.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
        let quantile = QUANTILES.get(count - 2).unwrap_or(&LARGE_SAMPLE_QUANTILE);
        let half = quantile * (variance / count as f64).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half, count })
    }

    /// Whether the mean is at least `least` and the whole interval is above 0.
    pub(crate) fn at_least(&self, least: f64) -> bool {
        self.mean >= least && self.low > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_agrees_with_one_from_a_table() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((estimate.mean - 3.0).abs() < 1e-12 && (estimate.high - 4.5075).abs() < 1e-3, "{estimate:?}");
        assert!(Estimate::of(&[1.0]).is_none());
        assert!(estimate.at_least(3.0) && !estimate.at_least(3.1));
    }
}
