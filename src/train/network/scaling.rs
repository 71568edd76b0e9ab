//! A shift and a factor for each of several values.

use num_traits::Float;

/// A shift and a factor for each of several values; the scaled value is (value - mean) · factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// The mean that is subtracted from each value.
    pub mean: Vec<f32>,
    /// The factor that the difference is multiplied by: 1 / standard deviation, or 1 for a value that never
    /// changes.
    pub factor: Vec<f32>,
}

impl Scaling {
    /// The scaling that leaves `values` values unchanged.
    pub fn none(values: usize) -> Self {
        Self { mean: vec![0.0; values], factor: vec![1.0; values] }
    }

    /// The scaling to a mean of 0 and a standard deviation of 1, measured over rows of `width` values. Values with the
    /// same number in `groups`, `[width]`, are measured together.
    pub(super) fn measure<'a>(
        rows: impl Iterator<Item = &'a [f32]> + Clone,
        width: usize,
        groups: impl Fn(usize) -> usize,
    ) -> Self {
        let groups: Vec<usize> = (0..width).map(groups).collect();
        // For each group, the number of values and the sum over them.
        let sums = |term: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![(0.0f64, 0.0f64); width];
            for row in rows.clone() {
                for (index, (value, group)) in row.iter().zip(&groups).enumerate() {
                    let (count, sum) = &mut sums[*group];
                    *count += 1.0;
                    *sum += term(index, f64::from(*value));
                }
            }
            groups.iter().map(|group| sums[*group].1 / sums[*group].0.max(1.0)).collect::<Vec<f64>>()
        };
        let mean = sums(&|_, value| value);
        let square = sums(&|index, value| (value - mean[index]).powi(2));
        Self {
            mean: mean.into_iter().map(|mean| mean as f32).collect(),
            factor: square.into_iter().map(|square| inverse(square.sqrt())).collect(),
        }
    }

    /// Scales one row of values in place.
    pub(super) fn apply<T: Float + From<f32>>(&self, values: &mut [T]) {
        for ((value, mean), factor) in values.iter_mut().zip(&self.mean).zip(&self.factor) {
            *value = (*value - (*mean).into()) * (*factor).into();
        }
    }
}

/// 1 / standard deviation, or 1 for a value that never changes.
pub(super) fn inverse(deviation: f64) -> f32 {
    if deviation > 1e-9 { (1.0 / deviation) as f32 } else { 1.0 }
}
