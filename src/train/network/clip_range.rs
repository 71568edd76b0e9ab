//! The range to which the values of a window are clipped before anything is computed from them.

use std::borrow::Cow;

use crate::train::robust::OutlierLimits;

/// The largest magnitude that is left after clipping. Its square, summed over a window, is still a float32.
const LARGEST: f64 = 1e17;

/// The range of each channel: that of the training windows without outliers, extended on both sides by its
/// own width. Real input from a robot that draws more current than in training is not changed by it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipRange {
    /// The lowest value of each channel, `[C]`.
    pub(crate) low: Vec<f32>,
    /// The highest value of each channel, `[C]`.
    pub(crate) high: Vec<f32>,
}

/// The limits between which the values of each channel are plausible, `[C]`.
#[derive(Clone, Debug)]
pub(crate) struct ChannelLimits(Vec<OutlierLimits>);

impl ChannelLimits {
    /// The windows, each row-major [W, C], that have no outlier; all of them if most have one.
    pub(crate) fn clean<'a>(&self, windows: &[&'a [f32]]) -> Vec<&'a [f32]> {
        let is_clean = |window: &&&[f32]| {
            let mut rows = window.chunks(self.0.len().max(1));
            rows.all(|row| row.iter().zip(&self.0).all(|(value, limits)| limits.contains(*value)))
        };
        let clean: Vec<&[f32]> = windows.iter().filter(is_clean).copied().collect();
        if 2 * clean.len() >= windows.len() { clean } else { windows.to_vec() }
    }
}

impl ClipRange {
    /// The range that changes no value of a sensor, but keeps the squares of values near the largest float32
    /// from overflowing.
    pub(crate) fn largest(channels: usize) -> Self {
        Self { low: vec![-LARGEST as f32; channels], high: vec![LARGEST as f32; channels] }
    }

    /// Measures the range on windows that are each row-major [W, C]; `None` without windows. Also returns the
    /// limits of the values that it is measured on.
    ///
    /// If the channels are `interchangeable`, all have the range of all channels together.
    pub(crate) fn measure(
        windows: &[&[f32]],
        channels: usize,
        interchangeable: bool,
    ) -> (Option<Self>, ChannelLimits) {
        let rows = windows.iter().flat_map(|window| window.chunks_exact(channels));
        let count = windows.iter().map(|window| window.len() / channels).sum();
        let limits = OutlierLimits::of_channels(rows.clone(), count, channels);
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); channels];
        for row in rows {
            for ((value, limits), (low, high)) in row.iter().zip(&limits).zip(&mut ranges) {
                if limits.contains(*value) {
                    (*low, *high) = (low.min(f64::from(*value)), high.max(f64::from(*value)));
                }
            }
        }
        let together = ranges
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |all, one| (all.0.min(one.0), all.1.max(one.1)));
        let extended = ranges.into_iter().map(|own| {
            let (low, high) = if interchangeable { together } else { own };
            // A channel that never changes has no width.
            let width = if high > low { high - low } else { high.abs().max(1.0) };
            let clamped = |value: f64| value.clamp(-LARGEST, LARGEST) as f32;
            (clamped(low - width), clamped(high + width))
        });
        let (low, high) = extended.unzip();
        ((count > 0).then_some(Self { low, high }), ChannelLimits(limits))
    }

    /// A window, row-major [W, C], with its values clipped.
    pub(crate) fn apply<'a>(&self, window: &'a [f32]) -> Cow<'a, [f32]> {
        let channels = self.low.len().max(1);
        let ranges = || self.low.iter().zip(&self.high);
        let is_inside =
            |row: &[f32]| row.iter().zip(ranges()).all(|(value, (low, high))| value >= low && value <= high);
        if window.chunks(channels).all(is_inside) {
            return Cow::Borrowed(window);
        }
        // A value that is not a number stays one, as in ONNX.
        let clipped = |(value, (low, high)): (&f32, (&f32, &f32))| match value {
            value if value < low => *low,
            value if value > high => *high,
            value => *value,
        };
        window.iter().zip(ranges().cycle()).map(clipped).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clipped_to_three_times_the_range_of_the_other_windows() {
        let mut values: Vec<f32> =
            (0..4000).map(|i| if i % 2 == 0 { (i % 10) as f32 } else { -1.0 }).collect();
        values[40] = 1e30;
        let windows: Vec<&[f32]> = values.chunks_exact(20).collect();
        let (clip, limits) = ClipRange::measure(&windows, 2, false);
        let clip = clip.unwrap();
        assert_eq!((clip.low.as_slice(), clip.high.as_slice()), (&[-8.0, -2.0][..], &[16.0, 0.0][..]));
        assert_eq!(limits.clean(&windows).len(), windows.len() - 1);
        assert_eq!(limits.clean(&windows[2..3]).len(), 1, "most windows have an outlier");
        assert_eq!(*clip.apply(&[1e30, -5.0, -1e30, -1.0]), [16.0, -2.0, -8.0, -1.0]);
        assert!(matches!(clip.apply(&[15.0, -1.5]), Cow::Borrowed(_)));
        let (together, _) = ClipRange::measure(&windows, 2, true);
        assert_eq!(together.unwrap().low, [-10.0, -10.0]);
        assert_eq!(ClipRange::measure(&[], 2, false).0, None);
    }
}
