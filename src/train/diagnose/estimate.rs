//! A mean over seeds with its interval.

/// A mean with the interval in which it lies with a probability of 90 %, by Student's t over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
    /// Values.
    pub count: usize,
}

/// The 95 % quantile of Student's t with 1, 2, … degrees of freedom.
const QUANTILES: [f64; 9] = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833];
/// With more degrees of freedom than these.
const MANY: f64 = 1.70;

impl Estimate {
    /// Of some values; `None` of fewer than two.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
        let half = QUANTILES.get(count - 2).unwrap_or(&MANY) * (variance / count as f64).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half, count })
    }

    /// Whether it is at least so large, and certainly above 0.
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
