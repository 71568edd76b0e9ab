//! The piecewise-linear encoding of numbers (Gorishniy et al. 2022, "On Embeddings for Numerical Features in
//! Tabular Deep Learning").
//!
//! A number is replaced by one value for each of several bins, which says how far through the bin the number is. A
//! linear layer on these values is any piecewise-linear function of the number, as trees are piecewise-constant ones,
//! whatever the number's distribution is. Beyond the training values the encoding stays as it is at their end. Unlike
//! in the paper, there is one wide bin beside the narrow ones, for what is a straight line over all of them.

use num_traits::Float;

/// The encoding of F numbers in B bins each: first the wide one, then the narrow ones in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PiecewiseLinear {
    /// B, the bins of each number.
    bins: usize,
    /// The middle of each bin, row-major [B, F].
    middle: Vec<f32>,
    /// 1 / width of each bin, row-major [B, F]; 0 for a bin without width, whose value is always 0.
    factor: Vec<f32>,
}

/// The share of the numbers that are below the wide bin, and of those above it.
const TAIL: f64 = 0.02;
/// The width of the narrowest bin, as a share of the magnitude of its ends. Rounding errors of the numbers would fill
/// a narrower one.
const MIN_SHARE: f32 = 1e-3;
/// The same for numbers near 0, which are of scaled channels.
const MIN_WIDTH: f32 = 2e-3;

/// Whether a difference between numbers of this magnitude is more than their rounding errors.
pub(crate) fn exceeds_rounding(difference: f32, magnitude: f32) -> bool {
    difference > MIN_WIDTH.max(MIN_SHARE * magnitude)
}

impl PiecewiseLinear {
    /// Measures the bins on rows of `width` numbers. The `narrow` ones end at the quantiles of the numbers, so that
    /// each has the same share of them.
    pub(crate) fn measure(rows: &[f32], width: usize, narrow: usize) -> Self {
        let bins = narrow + 1;
        let size = bins * width;
        let mut measured = Self { bins, middle: vec![0.0; size], factor: vec![0.0; size] };
        for number in 0..width {
            let mut values: Vec<f32> = rows.iter().skip(number).step_by(width).copied().collect();
            values.sort_unstable_by(f32::total_cmp);
            let Some(last) = values.len().checked_sub(1) else { return measured };
            let quantile = |share: f64| values[(share * last as f64).round() as usize];
            let ends = |bin: usize| match bin {
                0 => (quantile(TAIL), quantile(1.0 - TAIL)),
                _ => (quantile((bin - 1) as f64 / narrow as f64), quantile(bin as f64 / narrow as f64)),
            };
            for bin in 0..bins {
                let (low, high) = ends(bin);
                let size = high - low;
                if size.is_finite() && exceeds_rounding(size, low.abs().max(high.abs())) {
                    measured.middle[bin * width + number] = low + 0.5 * size;
                    measured.factor[bin * width + number] = 1.0 / size;
                }
            }
        }
        measured
    }

    /// B, the bins of each number.
    pub(crate) fn bins(&self) -> usize {
        self.bins
    }

    /// The middle of each bin, row-major [B, F].
    pub(crate) fn middle(&self) -> &[f32] {
        &self.middle
    }

    /// 1 / width of each bin, row-major [B, F]; 0 for a bin without width.
    pub(crate) fn factor(&self) -> &[f32] {
        &self.factor
    }

    /// Appends the encoding of F numbers to `encoded`, row-major [B, F]. Each value is from -1/2, where the number is
    /// below the bin, to 1/2, where it is above.
    pub(crate) fn append<T: Float + From<f32>>(&self, numbers: &[T], encoded: &mut Vec<T>) {
        let half: T = 0.5.into();
        let width = numbers.len().max(1);
        for (middle, factor) in self.middle.chunks_exact(width).zip(self.factor.chunks_exact(width)) {
            let each = numbers.iter().zip(middle).zip(factor);
            encoded.extend(each.map(|((number, middle), factor)| {
                ((*number - (*middle).into()) * (*factor).into()).max(-half).min(half)
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_told_by_how_far_it_is_through_each_bin() {
        let rows: Vec<f32> = (0..=100).flat_map(|i| [i as f32, (i * i) as f32]).collect();
        let encoding = PiecewiseLinear::measure(&rows, 2, 4);
        let encoded = |number: f32, square: f32| {
            let mut encoded = Vec::new();
            encoding.append(&[number, square], &mut encoded);
            encoded
        };
        assert_eq!(encoded(25.0, 2500.0)[2..], [0.5, 0.5, -0.5, 0.5, -0.5, -0.5, -0.5, -0.5]);
        assert!((encoded(30.0, 0.0)[4] + 0.3).abs() < 1e-6, "a fifth of the way from 25 to 50");
        assert!((encoded(26.0, 0.0)[0] + 0.25).abs() < 1e-6, "a quarter of the way from 2 to 98");
        assert_eq!(encoded(1e9, -1e9), [0.5, -0.5].repeat(5), "beyond the training values");
    }

    #[test]
    fn bins_without_width_are_0() {
        // Nine in ten values are the same.
        let rows: Vec<f32> = (0..100).map(|i| if i < 90 { 7.0 } else { i as f32 }).collect();
        let encoding = PiecewiseLinear::measure(&rows, 1, 4);
        assert_eq!(encoding.factor()[1..4], [0.0; 3]);
        let mut encoded = Vec::new();
        encoding.append(&[53.0f32], &mut encoded);
        assert_eq!(encoded[1..4], [0.0; 3]);
        assert!(encoded[4].abs() < 1e-6, "half of the way from 7 to 99: {encoded:?}");
        let none = PiecewiseLinear::measure(&[], 3, 4);
        assert_eq!(none.factor(), [0.0; 15]);
    }
}
