//! The preprocessing of a window before the first layer: clipping, scaling, the channels' canonical order, first
//! differences, and the summary statistics.
//!
//! Preprocessing is not trained. It is measured on the windows, and it is a part of the exported graph, so that the
//! daemon passes raw windows to the model. The range and the scale of the channels, a change of their units, are
//! measured on all windows of a run, without their labels, so that all networks of a model share them and the graph
//! computes them once. How the summary statistics are encoded is measured on the windows that a network is trained on.
//!
//! A single wrong value, such as a sentinel of a sensor, must not ruin the scaling of all windows in training,
//! nor overflow in the graph. So the scaling is measured on windows without such values, and values far
//! outside of the other windows are clipped, unless [`InputScaling`] asks for another scaling.

use std::borrow::Cow;

use num_traits::Float;

use super::architecture::{Architecture, InputScaling};
use super::clip_range::ClipRange;
use super::piecewise_linear::PiecewiseLinear;
use super::scaling::{Scaling, inverse};
use super::summary::{SummaryEncoding, SummaryStatistics};

/// The preprocessing of windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    channels: usize,
    /// The steps that an LSTM layer takes at once.
    patch: usize,
    /// The range that the values of each recorded channel are clipped to; `None` without clipping.
    clip: Option<ClipRange>,
    orders: Vec<Vec<usize>>,
    ordered_steps: bool,
    /// The scaling of the recorded channels, `[C]`; the same for channels that are interchangeable.
    scaling: Scaling,
    /// 1 / root mean square of the first differences of each scaled channel, `[C]`; `None` without
    /// differences.
    differences: Option<Vec<f32>>,
    /// The summary statistics and how they are encoded; `None` without a summary.
    summary: Option<(SummaryStatistics, SummaryEncoding)>,
}

impl Preprocessing {
    /// Measures the preprocessing on windows that are each row-major [W, C]: the range and the scale of the channels
    /// on `all` windows of a run, and the encoding of their summary statistics on those that are trained on.
    pub fn measure(architecture: &Architecture, all: &[&[f32]], training: &[&[f32]]) -> Self {
        let channels = architecture.channels;
        let mut measured = Self {
            patch: architecture.patch.max(1),
            orders: architecture.orders.clone(),
            ordered_steps: architecture.ordered_steps,
            ..Self::plain(channels)
        };
        let (clip, all, training) = match architecture.input_scaling {
            InputScaling::Robust => {
                let (clip, limits) = ClipRange::measure(all, channels, measured.orders.len() > 1);
                (clip, limits.clean(all), limits.clean(training))
            }
            InputScaling::Standard | InputScaling::None => {
                (Some(ClipRange::largest(channels)), all.to_vec(), training.to_vec())
            }
        };
        measured.clip = clip;
        let is_scaled = architecture.input_scaling != InputScaling::None;
        if is_scaled {
            let clipped: Vec<Cow<'_, [f32]>> = all.iter().map(|window| measured.clipped(window)).collect();
            let steps = clipped.iter().flat_map(|window| window.chunks_exact(channels));
            measured.scaling = Scaling::measure(steps, channels, |channel| measured.interchangeable(channel));
        }
        if architecture.differences {
            let factors = if is_scaled { measured.difference_factors(&all) } else { vec![1.0; channels] };
            measured.differences = Some(factors);
        }
        if architecture.summary {
            let statistics = SummaryStatistics::new(architecture.window, channels);
            let (mut rows, width) = (Vec::new(), architecture.statistics());
            for window in &training {
                statistics.append(&measured.ordered(&measured.scaled_window(window)), &mut rows);
            }
            let encoding = match architecture.encoding_bins() {
                0 if !is_scaled => SummaryEncoding::Scaled(Scaling::none(width)),
                0 => SummaryEncoding::scaled(&rows, width),
                bins => SummaryEncoding::PiecewiseLinear(PiecewiseLinear::measure(&rows, width, bins)),
            };
            measured.summary = Some((statistics, encoding));
        }
        measured
    }

    /// The preprocessing that leaves windows unchanged.
    pub fn plain(channels: usize) -> Self {
        Self {
            channels,
            patch: 1,
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

    /// 1 / root mean square of the first differences of each scaled channel; the same for channels that are
    /// interchangeable.
    fn difference_factors(&self, windows: &[&[f32]]) -> Vec<f32> {
        let mut sums = vec![(0.0f64, 0.0f64); self.channels];
        for window in windows {
            let window = self.scaled_window::<f32>(window);
            let steps = window.chunks_exact(self.channels);
            for (before, after) in steps.clone().zip(steps.skip(1)) {
                for channel in 0..self.channels {
                    let (count, square) = &mut sums[self.interchangeable(channel)];
                    *count += 1.0;
                    *square += f64::from(after[channel] - before[channel]).powi(2);
                }
            }
        }
        let factor = |channel: usize| {
            let (count, square) = sums[self.interchangeable(channel)];
            inverse((square / count.max(1.0)).sqrt())
        };
        (0..self.channels).map(factor).collect()
    }

    /// The first of the channels that some allowed order puts in the same place as this one, directly or through
    /// others. Such channels have one scale, so that a window means the same in each order.
    fn interchangeable(&self, channel: usize) -> usize {
        let mut group = vec![false; self.channels];
        group[channel] = true;
        // Each pass adds the channels that are exchanged with one of the group.
        for _ in 0..self.channels {
            for order in &self.orders {
                for (position, from) in order.iter().enumerate() {
                    let joined = group[position] || group[*from];
                    (group[position], group[*from]) = (joined, joined);
                }
            }
        }
        group.iter().position(|is_in| *is_in).unwrap_or(channel)
    }

    /// The range that the values of each recorded channel are clipped to; `None` without clipping.
    pub(crate) fn clip(&self) -> Option<&ClipRange> {
        self.clip.as_ref()
    }

    /// A window [W, C] with its values clipped.
    fn clipped<'a>(&self, window: &'a [f32]) -> Cow<'a, [f32]> {
        self.clip.as_ref().map_or(Cow::Borrowed(window), |clip| clip.apply(window))
    }

    /// A window [W, C] with its values clipped and scaled.
    fn scaled_window<T: Float + From<f32>>(&self, window: &[f32]) -> Vec<T> {
        let clipped = self.clipped(window);
        let mut scaled: Vec<T> = clipped.iter().map(|value| (*value).into()).collect();
        scaled.chunks_exact_mut(self.channels.max(1)).for_each(|step| self.scaling.apply(step));
        scaled
    }

    /// C, the channels of a window.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Values per step after preprocessing: the channels and, if they are used, their differences.
    fn width(&self) -> usize {
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

    /// The summary statistics and how they are encoded; `None` if they are not used.
    pub(crate) fn summary(&self) -> Option<&(SummaryStatistics, SummaryEncoding)> {
        self.summary.as_ref()
    }

    /// A copy of a window [W, C] with its channels in canonical order.
    ///
    /// The score of an order is the sum of (C - position) · mean over its channels, with positions counted
    /// from 0. The canonical order is the allowed order with the highest score, the first one if several are
    /// equal. If all orders are allowed, this sorts the channels by their means, the largest first.
    pub fn ordered<T: Float + From<f32>>(&self, window: &[T]) -> Vec<T> {
        let Some(order) = self.order(window) else { return window.to_vec() };
        window.chunks_exact(self.channels).flat_map(|step| order.iter().map(|from| step[*from])).collect()
    }

    /// The canonical order of a window; `None` if no orders are allowed.
    fn order<T: Float + From<f32>>(&self, window: &[T]) -> Option<&[usize]> {
        let mut means = vec![0.0f64; self.channels];
        if self.orders.len() < 2 {
            return self.orders.first().map(Vec::as_slice);
        }
        for step in window.chunks_exact(self.channels) {
            means.iter_mut().zip(step).for_each(|(sum, value)| *sum += value.to_f64().unwrap_or(f64::NAN));
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

    /// Preprocesses a window, row-major [W, C]: writes its steps into row `row` of `updates`, the time-major
    /// input [U, `rows`, inputs] of the first layer, and appends its encoded summary, if that is used, to
    /// `summary`. Each of the U updates takes as many steps as a patch has; the first steps of a window that does not
    /// divide into patches are left out. `statistics` are the window's summary statistics, if they are known.
    pub fn write<T: Float + From<f32>>(
        &self,
        window: &[f32],
        statistics: Option<&[T]>,
        row: usize,
        rows: usize,
        updates: &mut [T],
        summary: &mut Vec<T>,
    ) {
        let scaled = self.scaled_window(window);
        let needs_order = self.ordered_steps || (self.summary.is_some() && statistics.is_none());
        let ordered = if needs_order { self.ordered(&scaled) } else { Vec::new() };
        let chosen = if self.ordered_steps { &ordered } else { &scaled };
        let (channels, width) = (self.channels, self.width());
        let left_out = chosen.len() / channels.max(1) % self.patch;
        for (step, values) in chosen.chunks_exact(channels).enumerate().skip(left_out) {
            let (update, place) = ((step - left_out) / self.patch, (step - left_out) % self.patch);
            let target = &mut updates[((update * rows + row) * self.patch + place) * width..][..width];
            target[..channels].copy_from_slice(values);
            let Some(differences) = &self.differences else { continue };
            let before = if step == 0 { values } else { &chosen[(step - 1) * channels..][..channels] };
            for (channel, factor) in differences.iter().enumerate() {
                target[channels + channel] = (values[channel] - before[channel]) * (*factor).into();
            }
        }
        match (&self.summary, statistics) {
            (Some((_, encoding)), Some(known)) => encoding.append(known, summary),
            (Some((statistics, encoding)), None) => {
                let mut values = Vec::new();
                statistics.append(&ordered, &mut values);
                encoding.append(&values, summary);
            }
            (None, _) => {}
        }
    }

    /// Appends the summary statistics of a window, row-major [W, C], to `values`, if the summary is used.
    pub(crate) fn append_statistics(&self, window: &[f32], values: &mut Vec<f32>) {
        if let Some((statistics, _)) = &self.summary {
            statistics.append(&self.ordered(&self.scaled_window(window)), values);
        }
    }

    /// The summary statistics of a window, row-major [W, C], in double precision; none if the summary is not used.
    pub(crate) fn exact_statistics(&self, window: &[f32]) -> Vec<f64> {
        let mut values = Vec::new();
        if let Some((statistics, _)) = &self.summary {
            statistics.append(&self.ordered(&self.scaled_window(window)), &mut values);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The preprocessing measured on windows of a size, which are all trained on.
    fn measured(architecture: &Architecture, values: &[f32], size: usize) -> Preprocessing {
        let windows: Vec<&[f32]> = values.chunks_exact(size).collect();
        Preprocessing::measure(architecture, &windows, &windows)
    }

    /// The scaling of the summary statistics.
    fn summary_scaling(preprocessing: &Preprocessing) -> &Scaling {
        match preprocessing.summary() {
            Some((_, SummaryEncoding::Scaled(scaling))) => scaling,
            other => panic!("{other:?}"),
        }
    }

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
        let preprocessing = measured(&architecture(), &windows, 8);
        let (mut steps, mut summary) = (vec![0.0; 4 * 40 * 4], Vec::new());
        for (row, window) in windows.chunks_exact(8).enumerate() {
            preprocessing.write(window, None, row, 40, &mut steps, &mut summary);
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
        let preprocessing = measured(&standard, &values, 8);
        let column = || values.iter().skip(1).step_by(2).map(|value| f64::from(*value));
        let mean = column().sum::<f64>() / 160.0;
        let deviation = (column().map(|value| (value - mean).powi(2)).sum::<f64>() / 160.0).sqrt();
        let Scaling { mean: measured, factor } = preprocessing.scaling();
        assert!((f64::from(measured[1]) - mean).abs() < 1e-3, "{measured:?} {mean}");
        assert!((f64::from(factor[1]) * deviation - 1.0).abs() < 1e-6, "{factor:?} {deviation}");
        let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
        preprocessing.write(&values[8..16], None, 0, 1, &mut steps, &mut summary);
        let largest = (65_535.0 - measured[1]) * factor[1];
        assert!(largest > 12.0 && steps[2 * 4 + 1] == largest, "{largest} {steps:?}");
    }

    #[test]
    fn without_scaling_the_network_takes_the_values_their_differences_and_their_summary_as_they_are() {
        let none = Architecture { input_scaling: InputScaling::None, ..architecture() };
        let window = [1000.0, 2.0, 3000.0, 4.0, 3000.0, 65_535.0, 3000.0, 8.0];
        let preprocessing = measured(&none, &window, 8);
        let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
        preprocessing.write(&window, None, 0, 1, &mut steps, &mut summary);
        // The second channel has the higher mean, so it comes first. Its differences are in the third column.
        let expected = [
            [2.0, 1000.0, 0.0, 0.0],
            [4.0, 3000.0, 2.0, 2000.0],
            [65_535.0, 3000.0, 65_531.0, 0.0],
            [8.0, 3000.0, -65_527.0, 0.0],
        ];
        assert_eq!(steps, expected.concat());
        let mut unscaled = Vec::new();
        preprocessing.append_statistics(&window, &mut unscaled);
        assert_eq!(summary, unscaled);
        assert_eq!(summary[0], 16_387.25, "the mean of the channel that comes first");
        let overflowing = [3e38, 2.0, -3e38, 4.0, 5.0, 6.0, 7.0, 8.0];
        summary.clear();
        preprocessing.write(&overflowing, None, 0, 1, &mut steps, &mut summary);
        assert!(steps.iter().chain(&summary).all(|value| value.is_finite()), "{steps:?} {summary:?}");
    }

    #[test]
    fn a_single_wrong_value_changes_neither_the_scaling_nor_overflows() {
        let clean: Vec<f32> =
            (0..40 * 8).map(|i| 3.0 + (i as f32 * 0.7).sin() * (1 + i % 2) as f32).collect();
        let measure = |values: &[f32]| measured(&architecture(), values, 8);
        let scaling = measure(&clean);
        for wrong in [4_294_967_295.0, 3e38, -3e38, -999.0] {
            let mut values = clean.clone();
            values[13] = wrong;
            let robust = measure(&values);
            let near = |one: &[f32], other: &[f32]| {
                one.iter().zip(other).all(|(a, b)| (a - b).abs() < 0.1 * b.abs().max(0.1))
            };
            assert!(near(&robust.scaling.factor, &scaling.scaling.factor), "{robust:?}");
            let [one, other] = [&robust, &scaling].map(summary_scaling);
            assert!(near(&one.factor, &other.factor), "{one:?} {other:?}");
            let (mut steps, mut summary) = (vec![0.0; 4 * 4], Vec::new());
            scaling.write(&values[8..16], None, 0, 1, &mut steps, &mut summary);
            let largest = steps.iter().chain(&summary).fold(0f32, |largest, value| largest.max(value.abs()));
            assert!(largest < 100.0, "{steps:?} {summary:?}");
        }
    }

    #[test]
    fn several_steps_are_taken_at_once_and_the_first_ones_that_do_not_fill_a_patch_are_left_out() {
        let patched = Architecture { patch: 3, differences: true, ..Architecture::plain(7, 2, 3, 2) };
        assert_eq!((patched.updates(), patched.inputs()), (2, 12));
        let preprocessing =
            Preprocessing { patch: 3, differences: Some(vec![1.0, 10.0]), ..Preprocessing::plain(2) };
        let window: Vec<f32> = (0..7).flat_map(|step| [step as f32, 0.5 * (step * step) as f32]).collect();
        let mut updates = vec![0.0; 2 * 12];
        preprocessing.write(&window, None, 0, 1, &mut updates, &mut Vec::new());
        assert_eq!(updates[..8], [1.0, 0.5, 1.0, 5.0, 2.0, 2.0, 1.0, 15.0]);
        assert_eq!(updates[20..], [6.0, 18.0, 1.0, 55.0]);
    }

    #[test]
    fn channels_that_are_exchanged_have_one_scale_and_others_their_own() {
        // The first and the last of three channels are exchanged.
        let orders = vec![vec![0, 1, 2], vec![2, 1, 0]];
        let architecture = Architecture { summary: true, orders, ..Architecture::plain(4, 3, 3, 2) };
        let values: Vec<f32> =
            (0..40 * 12).map(|i| ((i * 7 % 11) as f32) * [1.0, 100.0, 3.0][i % 3]).collect();
        let preprocessing = measured(&architecture, &values, 12);
        let Scaling { mean, factor } = preprocessing.scaling();
        assert!(
            mean[0] == mean[2] && factor[0] == factor[2] && factor[1] < 0.1 * factor[0],
            "{mean:?} {factor:?}"
        );
        // So the statistics of a window do not depend on the order.
        let exchanged: Vec<f32> =
            values[..12].chunks_exact(3).flat_map(|step| [step[2], step[1], step[0]]).collect();
        let mut statistics = [Vec::new(), Vec::new()];
        preprocessing.append_statistics(&values[..12], &mut statistics[0]);
        preprocessing.append_statistics(&exchanged, &mut statistics[1]);
        assert_eq!(statistics[0], statistics[1]);
    }
}
