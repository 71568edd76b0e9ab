//! The preprocessing of a window before the first layer: clipping, the channels' canonical order, scaling,
//! first differences, and the summary statistics.
//!
//! Preprocessing is not trained. Its limits, means and factors are measured on the training windows, and it
//! is a part of the exported graph, so that the daemon passes raw windows to the model.
//!
//! A single wrong value, such as a sentinel of a sensor, must not ruin the scaling of all windows in training,
//! nor overflow in the graph. So the scaling is measured on windows without such values, and values far
//! outside of the training windows are clipped, unless [`InputScaling`] asks for another scaling.

use std::borrow::Cow;

use super::architecture::{Architecture, InputScaling};
use super::clip_range::ClipRange;
use super::summary::summarise;

/// A shift and a factor for each of several values; the scaled value is (value - mean) · factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// The mean that is subtracted from each value.
    pub mean: Vec<f32>,
    /// The factor that the difference is multiplied by: 1 / standard deviation, or 1 for a value that never
    /// changes.
    pub factor: Vec<f32>,
}

/// The preprocessing of windows, with the means and factors measured on the training windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    channels: usize,
    /// The range that the values of each recorded channel are clipped to; `None` without clipping.
    clip: Option<ClipRange>,
    orders: Vec<Vec<usize>>,
    ordered_steps: bool,
    /// The scaling of the channels, `[C]`; in canonical order if the steps are.
    scaling: Scaling,
    /// 1 / root mean square of the first differences of each scaled channel, `[C]`; `None` without
    /// differences.
    differences: Option<Vec<f32>>,
    /// The scaling of the summary statistics, [summary size]; `None` without a summary.
    summary: Option<Scaling>,
}

impl Scaling {
    /// The scaling that leaves `values` values unchanged.
    pub fn none(values: usize) -> Self {
        Self { mean: vec![0.0; values], factor: vec![1.0; values] }
    }

    /// The scaling to a mean of 0 and a standard deviation of 1, measured over rows of `width` values.
    fn measure<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, width: usize) -> Self {
        let count = rows.clone().count().max(1) as f64;
        let mut mean = vec![0.0; width];
        rows.clone()
            .for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value)));
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut square = vec![0.0; width];
        rows.for_each(|row| {
            let row = row.iter().zip(&mean);
            square
                .iter_mut()
                .zip(row)
                .for_each(|(sum, (value, mean))| *sum += (f64::from(*value) - mean).powi(2));
        });
        let factor = |square: f64| inverse((square / count).sqrt());
        Self {
            mean: mean.iter().map(|mean| *mean as f32).collect(),
            factor: square.into_iter().map(factor).collect(),
        }
    }

    /// Scales one row of values in place.
    fn apply(&self, values: &mut [f32]) {
        for ((value, mean), factor) in values.iter_mut().zip(&self.mean).zip(&self.factor) {
            *value = (*value - mean) * factor;
        }
    }
}

/// 1 / standard deviation, or 1 for a value that never changes.
fn inverse(deviation: f64) -> f32 {
    if deviation > 1e-9 { (1.0 / deviation) as f32 } else { 1.0 }
}

impl Preprocessing {
    /// Measures the preprocessing on training windows that are each row-major [W, C].
    pub fn measure<'a>(architecture: &Architecture, windows: impl Iterator<Item = &'a [f32]>) -> Self {
        let channels = architecture.channels;
        let mut measured = Self::plain(channels);
        measured.orders.clone_from(&architecture.orders);
        measured.ordered_steps = architecture.ordered_steps;
        let all: Vec<&[f32]> = windows.collect();
        let raw = match architecture.input_scaling {
            InputScaling::Robust => {
                let interchangeable = measured.orders.len() > 1;
                let (clip, clean) = ClipRange::measure(&all, channels, interchangeable);
                measured.clip = clip;
                // If most windows have wrong values, they are all used, with these values clipped.
                let enough = 2 * clean.len() >= all.len();
                if enough { clean } else { all }
            }
            InputScaling::Standard => {
                measured.clip = Some(ClipRange::largest(channels));
                all
            }
            InputScaling::None => {
                measured.clip = Some(ClipRange::largest(channels));
                measured.differences = architecture.differences.then(|| vec![1.0; channels]);
                measured.summary = architecture.summary.then(|| Scaling::none(architecture.summary_size()));
                return measured;
            }
        };
        let clipped: Vec<Cow<'_, [f32]>> = raw.iter().map(|window| measured.clipped(window)).collect();
        let raw: Vec<&[f32]> = clipped.iter().map(Cow::as_ref).collect();
        let in_order =
            |window: &&[f32]| if measured.ordered_steps { measured.ordered(window) } else { window.to_vec() };
        let windows: Vec<Vec<f32>> = raw.iter().map(in_order).collect();
        let steps = windows.iter().flat_map(|window| window.chunks_exact(channels));
        measured.scaling = Scaling::measure(steps, channels);
        if architecture.differences {
            let pairs = windows
                .iter()
                .flat_map(|window| window.chunks_exact(channels).zip(window.chunks_exact(channels).skip(1)));
            let mut square = vec![0.0; channels];
            let mut count = 0.0f64;
            for (before, after) in pairs {
                count += 1.0;
                for channel in 0..channels {
                    let difference = (after[channel] - before[channel]) * measured.scaling.factor[channel];
                    square[channel] += f64::from(difference).powi(2);
                }
            }
            let factors = square.into_iter().map(|square| inverse((square / count.max(1.0)).sqrt()));
            measured.differences = Some(factors.collect());
        }
        if architecture.summary {
            let mut rows = Vec::new();
            raw.iter().for_each(|window| summarise(&measured.ordered(window), channels, &mut rows));
            let width = architecture.summary_size();
            measured.summary = Some(Scaling::measure(rows.chunks_exact(width), width));
        }
        measured
    }

    /// The preprocessing that leaves windows unchanged.
    pub fn plain(channels: usize) -> Self {
        Self {
            channels,
            clip: None,
            orders: Vec::new(),
            ordered_steps: true,
            scaling: Scaling::none(channels),
            differences: None,
            summary: None,
        }
    }

    /// The preprocessing that only puts the channels into their canonical order, chosen from `orders`.
    pub fn in_order(orders: &[Vec<usize>], channels: usize) -> Self {
        Self { orders: orders.to_vec(), ..Self::plain(channels) }
    }

    /// The preprocessing that only scales the channels.
    pub fn scaled(scaling: Scaling) -> Self {
        let channels = scaling.mean.len();
        Self { scaling, ..Self::plain(channels) }
    }

    /// The range that the values of each recorded channel are clipped to; `None` without clipping.
    pub(crate) fn clip(&self) -> Option<&ClipRange> {
        self.clip.as_ref()
    }

    /// A window [W, C] with its values clipped.
    fn clipped<'a>(&self, window: &'a [f32]) -> Cow<'a, [f32]> {
        self.clip.as_ref().map_or(Cow::Borrowed(window), |clip| clip.apply(window))
    }

    /// C, the channels of a window.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Values per step after preprocessing: the channels and, if they are used, their differences.
    pub fn width(&self) -> usize {
        self.channels * if self.differences.is_some() { 2 } else { 1 }
    }

    /// The allowed orders of the channels, from which the canonical order of each window is chosen.
    pub fn orders(&self) -> &[Vec<usize>] {
        &self.orders
    }

    /// Whether the steps are put into canonical order, too; otherwise only the summary is.
    pub fn ordered_steps(&self) -> bool {
        self.ordered_steps
    }

    /// The scaling of the channels.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The factors of the first differences, `[C]`; `None` if differences are not used.
    pub fn differences(&self) -> Option<&[f32]> {
        self.differences.as_deref()
    }

    /// The scaling of the summary; `None` if it is not used.
    pub fn summary(&self) -> Option<&Scaling> {
        self.summary.as_ref()
    }

    /// A copy of a window [W, C] with its channels in canonical order.
    ///
    /// The score of an order is the sum of (C - position) · mean over its channels, with positions counted
    /// from 0. The canonical order is the allowed order with the highest score, the first one if several are
    /// equal. If all orders are allowed, this sorts the channels by their means, the largest first.
    pub fn ordered(&self, window: &[f32]) -> Vec<f32> {
        let Some(order) = self.order(window) else { return window.to_vec() };
        window.chunks_exact(self.channels).flat_map(|step| order.iter().map(|from| step[*from])).collect()
    }

    /// The canonical order of a window; `None` if no orders are allowed.
    fn order(&self, window: &[f32]) -> Option<&[usize]> {
        let mut means = vec![0.0f64; self.channels];
        if self.orders.len() < 2 {
            return self.orders.first().map(Vec::as_slice);
        }
        for step in window.chunks_exact(self.channels) {
            means.iter_mut().zip(step).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let score = |order: &[usize]| -> f64 {
            let terms = order
                .iter()
                .enumerate()
                .map(|(position, from)| (self.channels - position) as f64 * means[*from]);
            terms.sum()
        };
        let mut best = (f64::NEG_INFINITY, self.orders.first()?);
        for order in &self.orders {
            let score = score(order);
            if score > best.0 {
                best = (score, order);
            }
        }
        Some(best.1)
    }

    /// Preprocesses a window, row-major [W, C]: writes its steps into row `row` of `steps`, the time-major
    /// input [W, `rows`, width] of the first layer, and appends its scaled summary, if that is used, to
    /// `summary`.
    pub fn write(&self, window: &[f32], row: usize, rows: usize, steps: &mut [f32], summary: &mut Vec<f32>) {
        let window = &*self.clipped(window);
        let ordered = self.ordered(window);
        let chosen = if self.ordered_steps { &ordered } else { window };
        let (channels, width) = (self.channels, self.width());
        let Scaling { mean, factor } = &self.scaling;
        for (step, values) in chosen.chunks_exact(channels).enumerate() {
            let target = &mut steps[(step * rows + row) * width..][..width];
            for channel in 0..channels {
                target[channel] = (values[channel] - mean[channel]) * factor[channel];
            }
            let Some(differences) = &self.differences else { continue };
            for channel in 0..channels {
                let before =
                    if step == 0 { values[channel] } else { chosen[(step - 1) * channels + channel] };
                target[channels + channel] =
                    (values[channel] - before) * factor[channel] * differences[channel];
            }
        }
        if let Some(scaling) = &self.summary {
            let first = summary.len();
            summarise(&ordered, channels, summary);
            scaling.apply(&mut summary[first..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture() -> Architecture {
        Architecture {
            differences: true,
            summary: true,
            orders: vec![vec![0, 1], vec![1, 0]],
            ..Architecture::plain(4, 2, 3, 2)
        }
    }

    #[test]
    fn channels_are_sorted_by_their_means_if_every_order_is_allowed() {
        let preprocessing = Preprocessing { orders: architecture().orders, ..Preprocessing::plain(2) };
        assert_eq!(preprocessing.ordered(&[1.0, 5.0, 2.0, 6.0]), [5.0, 1.0, 6.0, 2.0]);
        assert_eq!(preprocessing.ordered(&[5.0, 1.0, 6.0, 2.0]), [5.0, 1.0, 6.0, 2.0]);
        let turns = vec![vec![0, 1, 2], vec![1, 2, 0], vec![2, 0, 1]];
        let preprocessing = Preprocessing { orders: turns, ..Preprocessing::plain(3) };
        assert_eq!(
            preprocessing.ordered(&[1.0, 2.0, 9.0]),
            [9.0, 1.0, 2.0],
            "rotated; the order sorted by means is not allowed"
        );
    }

    #[test]
    fn preprocessed_training_windows_have_a_mean_of_0_and_a_standard_deviation_of_1() {
        let windows: Vec<f32> =
            (0..40 * 8).map(|i| 3.0 + (i as f32 * 0.7).sin() * (1 + i % 2) as f32).collect();
        let preprocessing = Preprocessing::measure(&architecture(), windows.chunks_exact(8));
        let (mut steps, mut summary) = (vec![0.0; 4 * 40 * 4], Vec::new());
        for (row, window) in windows.chunks_exact(8).enumerate() {
            preprocessing.write(window, row, 40, &mut steps, &mut summary);
        }
        for (values, width) in [(&steps, 4), (&summary, architecture().summary_size())] {
            for column in 0..width {
                let column: Vec<_> = values.iter().skip(column).step_by(width).collect();
                let mean = column.iter().copied().sum::<f32>() / column.len() as f32;
                let square = column.iter().map(|v| *v * *v).sum::<f32>() / column.len() as f32;
                assert!(mean.abs() < 0.2 && (0.7..1.1).contains(&square), "{mean} {square}");
            }
        }
    }

    #[test]
    fn standard_scaling_measures_wrong_values_too_and_clips_nothing() {
        let mut values: Vec<f32> = (0..40 * 8).map(|i| 3.0 + (i as f32 * 0.7).sin()).collect();
        values[13] = 65_535.0;
        let input_scaling = InputScaling::Standard;
        let standard = Architecture { input_scaling, orders: Vec::new(), ..architecture() };
        let preprocessing = Preprocessing::measure(&standard, values.chunks_exact(8));
        let column = || values.iter().skip(1).step_by(2).map(|value| f64::from(*value));
        let mean = column().sum::<f64>() / 160.0;
        let deviation = (column().map(|value| (value - mean).powi(2)).sum::<f64>() / 160.0).sqrt();
        let Scaling { mean: measured, factor } = preprocessing.scaling();
        assert!((f64::from(measured[1]) - mean).abs() < 1e-3, "{measured:?} {mean}");
        assert!((f64::from(factor[1]) * deviation - 1.0).abs() < 1e-6, "{factor:?} {deviation}");
        let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
        preprocessing.write(&values[8..16], 0, 1, &mut steps, &mut summary);
        let largest = (65_535.0 - measured[1]) * factor[1];
        assert!(largest > 12.0 && steps[2 * 4 + 1] == largest, "{largest} {steps:?}");
    }

    #[test]
    fn without_scaling_the_network_takes_the_values_their_differences_and_their_summary_as_they_are() {
        let none = Architecture { input_scaling: InputScaling::None, ..architecture() };
        let window = [1000.0, 2.0, 3000.0, 4.0, 3000.0, 65_535.0, 3000.0, 8.0];
        let preprocessing = Preprocessing::measure(&none, std::iter::once(&window[..]));
        let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
        preprocessing.write(&window, 0, 1, &mut steps, &mut summary);
        // The second channel has the higher mean, so it comes first. Its differences are in the third column.
        let expected = [
            [2.0, 1000.0, 0.0, 0.0],
            [4.0, 3000.0, 2.0, 2000.0],
            [65_535.0, 3000.0, 65_531.0, 0.0],
            [8.0, 3000.0, -65_527.0, 0.0],
        ];
        assert_eq!(steps, expected.concat());
        let mut unscaled = Vec::new();
        summarise(&preprocessing.ordered(&window), 2, &mut unscaled);
        assert_eq!(summary, unscaled);
        assert_eq!(summary[..2], [16_387.25, 2500.0], "the means");
        let overflowing = [3e38, 2.0, -3e38, 4.0, 5.0, 6.0, 7.0, 8.0];
        summary.clear();
        preprocessing.write(&overflowing, 0, 1, &mut steps, &mut summary);
        assert!(steps.iter().chain(&summary).all(|value| value.is_finite()), "{steps:?} {summary:?}");
    }

    #[test]
    fn a_single_wrong_value_changes_neither_the_scaling_nor_overflows() {
        let clean: Vec<f32> =
            (0..40 * 8).map(|i| 3.0 + (i as f32 * 0.7).sin() * (1 + i % 2) as f32).collect();
        let measure = |values: &[f32]| Preprocessing::measure(&architecture(), values.chunks_exact(8));
        let scaling = measure(&clean);
        for wrong in [4_294_967_295.0, 3e38, -3e38, -999.0] {
            let mut values = clean.clone();
            values[13] = wrong;
            let robust = measure(&values);
            let near = |one: &[f32], other: &[f32]| {
                one.iter().zip(other).all(|(a, b)| (a - b).abs() < 0.1 * b.abs().max(0.1))
            };
            assert!(near(&robust.scaling.factor, &scaling.scaling.factor), "{robust:?}");
            let (Some(one), Some(other)) = (&robust.summary, &scaling.summary) else { panic!() };
            assert!(near(&one.factor, &other.factor), "{one:?} {other:?}");
            let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
            scaling.write(&values[8..16], 0, 1, &mut steps, &mut summary);
            let largest = steps.iter().chain(&summary).fold(0f32, |largest, value| largest.max(value.abs()));
            assert!(largest < 100.0, "{steps:?} {summary:?}");
        }
    }
}
