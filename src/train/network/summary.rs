//! The summary statistics of a window, which the head takes beside the pooled outputs of the LSTM layers.
//!
//! They describe the distribution, the spectrum and the correlations of the channels, and are those that trees
//! are grown on as well. They are computed from scaled channels, so that rounding is small beside them, and with
//! any floating-point type: in single precision in training, and in double precision as the reference for the
//! exported graph, which computes the same statistics.

use std::f64::consts::TAU;
use std::ops::Range;

use num_traits::Float;

use super::piecewise_linear::{PiecewiseLinear, exceeds_rounding};
use super::scaling::Scaling;
use crate::train::kernel::activation::vectorised;

/// The distances, in steps, between the values whose changes are taken.
const LAGS: [usize; 4] = [1, 2, 4, 8];
/// The quantiles of each channel, as shares of its sorted values.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];
/// The statistics of each row besides those whose number depends on the window: the mean and the standard deviation.
const MOMENTS: usize = 2;
/// Each frequency band ends at this many times the frequency at which it begins.
const BAND_WIDTH: f64 = 1.4;
/// The largest number of values in the matrix of the Fourier transform. The spectrum of longer windows ends at a
/// lower frequency; the changes between neighbouring steps still tell of faster ones.
const MAX_TRANSFORM: usize = 1 << 17;
/// Up to how many channels the correlation of each pair is taken.
const MAX_CORRELATED: usize = 8;
/// What is added to a variance before something is divided by it, in units of the scaled channels. A channel that
/// does not change has only rounding errors, whose ratios would mean nothing.
pub(crate) const VARIANCE_FLOOR: f32 = 1e-4;

/// The summary statistics of windows of one size.
///
/// The rows of a window are its channels and, of several channels, their mean. The statistics of a window, `[F]`, are
/// those of each row, one row after the other, and then the correlation of each pair of channels. The statistics of a
/// row are its mean, its standard deviation (without Bessel's correction), its quantiles, for each lag the mean
/// absolute change, for each lag the mean squared change over twice the variance (von Neumann 1941, for a lag of 1),
/// and the mean power in each frequency band over the variance. Of the last two, the square roots are taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SummaryStatistics {
    window: usize,
    channels: usize,
    /// The matrix of the Fourier transform, [2 M, W]: for each of M frequencies a row of cosines and one of sines.
    transform: Vec<f32>,
}

impl SummaryStatistics {
    /// The statistics of windows of `window` steps of `channels` channels.
    pub(crate) fn new(window: usize, channels: usize) -> Self {
        let angle = |frequency: usize, step: usize| TAU * (frequency * step % window) as f64 / window as f64;
        let scale = (1.0 / window as f64).sqrt();
        let row = |frequency: usize, wave: fn(f64) -> f64| {
            (0..window).map(move |step| (scale * wave(angle(frequency, step))) as f32)
        };
        let frequencies = 1..=frequencies(window);
        let transform = frequencies
            .flat_map(|frequency| row(frequency, f64::cos).chain(row(frequency, f64::sin)))
            .collect();
        Self { window, channels, transform }
    }

    /// F, the number of statistics of a window.
    pub(crate) fn count(window: usize, channels: usize) -> usize {
        let of_a_row = MOMENTS + QUANTILES.len() + 2 * lags(window).count() + bands(window).len();
        rows(channels) * of_a_row + pairs(channels).count()
    }

    /// The matrix of the Fourier transform, row-major [2 M, W].
    pub(crate) fn transform(&self) -> &[f32] {
        &self.transform
    }

    /// Appends the statistics of a window, row-major [W, C], to `statistics`. The values are scaled.
    pub(crate) fn append<T: Float + From<f32>>(&self, window: &[T], statistics: &mut Vec<T>) {
        let Self { channels, .. } = *self;
        let mut row = Vec::with_capacity(self.window);
        let mut centred_rows = Vec::with_capacity(rows(channels) * self.window);
        let mut variances = Vec::with_capacity(rows(channels));
        for index in 0..rows(channels) {
            row.clear();
            if index < channels {
                row.extend(window.iter().skip(index).step_by(channels).copied());
            } else {
                row.extend(window.chunks_exact(channels).map(|step| mean(channels, |channel| step[channel])));
            }
            let variance = vectorised(
                #[inline(always)]
                || self.append_row(&mut row, &mut centred_rows, statistics),
            );
            variances.push(variance);
        }
        let centred = |row: usize| &centred_rows[row * self.window..][..self.window];
        let floor: T = VARIANCE_FLOOR.into();
        for (one, other) in pairs(channels) {
            let covariance = mean(self.window, |step| centred(one)[step] * centred(other)[step]);
            statistics
                .push(covariance / ((variances[one] + floor).sqrt() * (variances[other] + floor).sqrt()));
        }
    }

    /// Appends the statistics of one row, and the row less its mean to `centred`. Returns the variance. The row is
    /// sorted.
    #[inline(always)]
    fn append_row<T: Float + From<f32>>(
        &self,
        row: &mut [T],
        centred: &mut Vec<T>,
        statistics: &mut Vec<T>,
    ) -> T {
        let steps = row.len();
        let average = mean(steps, |step| row[step]);
        let first = centred.len();
        centred.extend(row.iter().map(|value| *value - average));
        let centred = &centred[first..];
        let variance = mean(steps, |step| centred[step] * centred[step]);
        statistics.push(average);
        statistics.push(variance.sqrt());
        let mut changes = Vec::with_capacity(LAGS.len());
        for lag in lags(steps) {
            let change = |step: usize| row[step + lag] - row[step];
            let absolute = mean(steps - lag, |step| change(step).abs());
            changes.push((absolute, mean(steps - lag, |step| change(step) * change(step))));
        }
        row.sort_unstable_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        statistics.extend(quantiles(steps).map(|index| row[index]));
        statistics.extend(changes.iter().map(|(absolute, _)| *absolute));
        let floor: T = VARIANCE_FLOOR.into();
        let twice = T::one() + T::one();
        statistics.extend(changes.iter().map(|(_, square)| (*square / (twice * (variance + floor))).sqrt()));
        // A loop instead of an iterator's method, so that it is compiled for the vector units.
        let mut power = Vec::with_capacity(self.transform.len() / (2 * steps.max(1)));
        for pair in self.transform.chunks_exact(2 * steps.max(1)) {
            let (cosines, sines) = pair.split_at(steps);
            let [real, imaginary] = [product(centred, cosines), product(centred, sines)];
            power.push(real * real + imaginary * imaginary);
        }
        let powers = bands(steps).into_iter().map(|band| mean(band.len(), |index| power[band.start + index]));
        statistics.extend(powers.map(|power| (power / (variance + floor)).sqrt()));
        variance
    }
}

/// How the summary statistics, `[F]`, go into the head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SummaryEncoding {
    /// Each is scaled to a mean of 0 and a standard deviation of 1.
    Scaled(Scaling),
    /// Each becomes one value for each of several bins.
    PiecewiseLinear(PiecewiseLinear),
}

impl SummaryEncoding {
    /// The scaling measured on rows of `width` statistics. A statistic that only differs by rounding errors is not
    /// enlarged.
    pub(super) fn scaled(rows: &[f32], width: usize) -> Self {
        let mut scaling = Scaling::measure(rows.chunks_exact(width), width, |index| index);
        for (mean, factor) in scaling.mean.iter().zip(&mut scaling.factor) {
            if !exceeds_rounding(1.0 / *factor, mean.abs()) {
                *factor = 1.0;
            }
        }
        Self::Scaled(scaling)
    }

    /// Appends the encoded statistics to `encoded`.
    pub(super) fn append<T: Float + From<f32>>(&self, statistics: &[T], encoded: &mut Vec<T>) {
        match self {
            Self::Scaled(scaling) => {
                let first = encoded.len();
                encoded.extend_from_slice(statistics);
                scaling.apply(&mut encoded[first..]);
            }
            Self::PiecewiseLinear(bins) => bins.append(statistics, encoded),
        }
    }
}

/// The rows of a window of `channels` channels: the channels and, of several, their mean.
pub(crate) fn rows(channels: usize) -> usize {
    channels + usize::from(channels > 1)
}

/// Those of [`LAGS`] that are shorter than a window of `window` steps.
pub(crate) fn lags(window: usize) -> impl Iterator<Item = usize> {
    LAGS.into_iter().filter(move |lag| *lag < window)
}

/// The positions of [`QUANTILES`] among `window` sorted values.
pub(crate) fn quantiles(window: usize) -> impl Iterator<Item = usize> {
    QUANTILES.into_iter().map(move |share| (share * window.saturating_sub(1) as f64).round() as usize)
}

/// M, the number of frequencies of the Fourier transform of `window` steps, from one period in a window up.
fn frequencies(window: usize) -> usize {
    (window / 2).min(MAX_TRANSFORM / (2 * window.max(1)))
}

/// The bands of frequencies, as ranges of the frequencies' indices from 0 to below M.
pub(crate) fn bands(window: usize) -> Vec<Range<usize>> {
    let (mut bands, end) = (Vec::new(), frequencies(window));
    let mut first = 0;
    while first < end {
        // The frequency with index 0 is one period in a window.
        let next = ((first + 1) as f64 * BAND_WIDTH).round() as usize - 1;
        let next = next.clamp(first + 1, end);
        bands.push(first..next);
        first = next;
    }
    bands
}

/// The pairs of channels whose correlation is taken.
pub(crate) fn pairs(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    let correlated = if channels > MAX_CORRELATED { 0 } else { channels };
    (0..correlated).flat_map(move |one| (one + 1..correlated).map(move |other| (one, other)))
}

/// The sum of `count` values, in parts that the processor adds at the same time.
#[inline(always)]
fn sum<T: Float>(count: usize, value: impl Fn(usize) -> T) -> T {
    const PARTS: usize = 32;
    let mut parts = [T::zero(); PARTS];
    let whole = count / PARTS * PARTS;
    for first in (0..whole).step_by(PARTS) {
        for (offset, part) in parts.iter_mut().enumerate() {
            *part = *part + value(first + offset);
        }
    }
    let rest = (whole..count).fold(T::zero(), |sum, index| sum + value(index));
    parts.into_iter().fold(rest, |sum, part| sum + part)
}

/// The scalar product of two vectors of the same length.
#[inline(always)]
fn product<T: Float + From<f32>>(values: &[T], weights: &[f32]) -> T {
    let weights = &weights[..values.len()];
    sum(values.len(), |index| values[index] * weights[index].into())
}

/// The mean of `count` values; 0 of none.
#[inline(always)]
fn mean<T: Float>(count: usize, value: impl Fn(usize) -> T) -> T {
    sum(count, value) / <T as num_traits::NumCast>::from(count.max(1)).unwrap_or_else(T::one)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statistics of a window.
    fn statistics(window: &[f64], channels: usize) -> Vec<f64> {
        let steps = window.len() / channels;
        let mut statistics = Vec::new();
        SummaryStatistics::new(steps, channels).append(window, &mut statistics);
        assert_eq!(statistics.len(), SummaryStatistics::count(steps, channels));
        statistics
    }

    #[test]
    fn a_summary_agrees_with_values_computed_by_hand() {
        let floor = f64::from(VARIANCE_FLOOR);
        let expected = [
            // The mean and the standard deviation of 1, 3, 2, 2, and the sorted values.
            &[2.0, 0.5f64.sqrt(), 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0][..],
            // The changes 2, -1, 0 and 1, -1.
            &[1.0, 1.0, (5.0 / 3.0 / (1.0 + 2.0 * floor)).sqrt(), (1.0 / (1.0 + 2.0 * floor)).sqrt()],
            // One period: (1 - 2)² + (3 - 2)², a quarter of it; two periods: 1 - 3 + 2 - 2 = -2, a quarter of its square.
            &[(0.5 / (0.5 + floor)).sqrt(), (1.0 / (0.5 + floor)).sqrt()],
        ];
        let expected = expected.concat();
        let actual = statistics(&[1.0, 3.0, 2.0, 2.0], 1);
        for (actual, expected) in actual.iter().zip(&expected) {
            assert!((actual - expected).abs() < 1e-6, "{actual} is not {expected}");
        }
        assert_eq!(actual.len(), expected.len());
    }

    #[test]
    fn several_channels_have_their_mean_and_their_correlations_as_well() {
        let steps = 40;
        let wave = |step: usize| (0.5 * step as f64).sin();
        let window: Vec<f64> =
            (0..steps).flat_map(|step| [wave(step), -2.0 * wave(step), wave(step + 1)]).collect();
        let all = statistics(&window, 3);
        let row = (all.len() - 3) / 4;
        let means: Vec<f64> = window.chunks_exact(3).map(|step| step.iter().sum::<f64>() / 3.0).collect();
        let alone = statistics(&means, 1);
        assert!(all[3 * row..4 * row].iter().zip(&alone).all(|(one, other)| (one - other).abs() < 1e-9));
        let correlations = &all[4 * row..];
        assert!((correlations[0] + 1.0).abs() < 1e-3, "{correlations:?}");
        assert!(
            (correlations[1] - 0.5f64.cos()).abs() < 0.05 && (correlations[2] + 0.5f64.cos()).abs() < 0.05
        );
    }

    #[test]
    fn a_sine_has_its_power_in_the_band_of_its_frequency() {
        let bands = bands(100);
        assert_eq!((bands[0].clone(), bands.last().unwrap().end), (0..1, 50));
        for periods in [1, 7, 30] {
            let window: Vec<f64> =
                (0..100).map(|step| (TAU * f64::from(periods) * f64::from(step) / 100.0).sin()).collect();
            let all = statistics(&window, 1);
            let power = &all[all.len() - bands.len()..];
            let own = bands.iter().position(|band| band.contains(&(periods as usize - 1))).unwrap();
            let power: Vec<f64> = power.iter().map(|root| root * root).collect();
            let all: f64 = power.iter().zip(&bands).map(|(power, band)| power * band.len() as f64).sum();
            assert!(power[own] * bands[own].len() as f64 > 0.999 * all, "{periods}: {power:?}");
        }
    }

    #[test]
    fn windows_of_any_size_have_finite_statistics() {
        for (steps, channels) in [(1, 1), (2, 2), (3, 1), (7, 5), (100, 9), (1000, 1)] {
            let constant = vec![1.0; steps * channels];
            assert!(
                statistics(&constant, channels).iter().all(|value| value.is_finite()),
                "{steps} {channels}"
            );
        }
        assert!(SummaryStatistics::new(5000, 1).transform().len() <= MAX_TRANSFORM);
        assert_eq!(pairs(9).count(), 0);
    }

    #[test]
    fn single_precision_is_as_exact_as_its_rounding() {
        let window: Vec<f64> =
            (0..400).map(|i| 3.0 + (f64::from(i) * 0.37).sin() + f64::from(i % 7)).collect();
        let mut single = Vec::new();
        let rounded: Vec<f32> = window.iter().map(|value| *value as f32).collect();
        SummaryStatistics::new(100, 4).append(&rounded, &mut single);
        for (one, other) in single.iter().zip(statistics(&window, 4)) {
            assert!((f64::from(*one) - other).abs() < 1e-5 * other.abs().max(1.0), "{one} {other}");
        }
    }

    #[test]
    fn a_statistic_that_only_differs_by_rounding_is_not_enlarged() {
        let rows: Vec<f32> = (0..100).flat_map(|i| [i as f32, 2.0 + 1e-6 * (i % 2) as f32]).collect();
        let SummaryEncoding::Scaled(scaling) = SummaryEncoding::scaled(&rows, 2) else { panic!() };
        assert!((scaling.factor[0] - 1.0 / 28.866).abs() < 1e-4 && scaling.factor[1] == 1.0, "{scaling:?}");
    }
}
