//! Values that are wrong in windows that are sound otherwise: those in another unit, and outliers.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::train::data::dataset::Dataset;

/// The share of the range of the other values by which an outlier is outside of it at least. Resampling rounds.
const MARGIN: f32 = 1e-3;

/// The windows with each channel in one unit: the values of recordings that have it in another unit than most
/// are multiplied by the factor between the units. `None` if no units are mixed.
pub(crate) fn in_one_unit(dataset: &Dataset) -> Option<Dataset> {
    if dataset.mixed_units.is_empty() {
        return None;
    }
    let width = dataset.card.channels.len();
    let extents = steps_of_recordings(dataset);
    let mut one_unit = Dataset { mixed_units: Vec::new(), ..dataset.clone() };
    for mixed in &dataset.mixed_units {
        for steps in mixed.recordings.iter().filter_map(|recording| extents.get(*recording)) {
            let values = one_unit.steps.get_mut(steps.start * width..steps.end * width).unwrap_or_default();
            for value in values.iter_mut().skip(mixed.channel).step_by(width) {
                *value = (f64::from(*value) * mixed.factor) as f32;
            }
        }
    }
    Some(one_unit)
}

/// The range of the steps of each recording, from its first to its last window, including the steps that windows
/// may be shifted to. It is empty for a recording without windows. A recording's steps are stored in one piece.
pub(crate) fn steps_of_recordings(dataset: &Dataset) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = vec![0..0; dataset.recordings.len()];
    for (window, recording) in dataset.windows.iter().zip(&dataset.recording_of_window) {
        let first = window.start.saturating_sub(window.earlier);
        let end = window.start + window.later + dataset.card.window;
        let range = &mut ranges[*recording];
        let start = if range.end == 0 { first } else { range.start.min(first) };
        *range = start..range.end.max(end);
    }
    ranges
}

/// The windows with an outlier in any channel, by index. All units have to be the same.
pub(crate) fn outlier_windows(dataset: &Dataset) -> BTreeSet<usize> {
    if dataset.outliers.is_empty() {
        return BTreeSet::new();
    }
    let width = dataset.card.channels.len();
    let is_outlier = |row: &[f32]| {
        dataset.outliers.iter().any(|outliers| {
            let margin = MARGIN * (outliers.high - outliers.low);
            let value = row.get(outliers.channel).copied().unwrap_or(outliers.low);
            value < outliers.low - margin || value > outliers.high + margin
        })
    };
    // The number of steps with an outlier before each step, so that overlapping windows do not read theirs again.
    let mut before = Vec::with_capacity(dataset.steps.len() / width + 1);
    let mut count = 0u32;
    before.push(count);
    before.extend(dataset.steps.chunks_exact(width).map(|row| {
        count += u32::from(is_outlier(row));
        count
    }));
    let has_outlier = |window: &usize| {
        let start = dataset.windows[*window].start;
        before.get(start) != before.get(start + dataset.card.window)
    };
    (0..dataset.len()).filter(has_outlier).collect()
}

/// The windows with their outliers clipped to the range of all other values.
pub(crate) fn without_outliers(dataset: Cow<'_, Dataset>) -> Cow<'_, Dataset> {
    if dataset.outliers.is_empty() {
        return dataset;
    }
    let mut dataset = dataset.into_owned();
    let width = dataset.card.channels.len();
    for outliers in &dataset.outliers {
        for value in dataset.steps.iter_mut().skip(outliers.channel).step_by(width) {
            // The range of a channel is never empty; `clamp` would panic if it were.
            *value = value.max(outliers.low).min(outliers.high);
        }
    }
    Cow::Owned(dataset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Time;
    use crate::train::data::plausibility::{ChannelOutliers, MixedUnit};
    use crate::train::tests::sine_waves;

    fn outliers(low: f32, high: f32) -> ChannelOutliers {
        let (time, text) = (Time::from_seconds(0.0).unwrap(), String::new());
        ChannelOutliers { channel: 0, count: 1, low, high, recording: 0, time, value: 9.0, text }
    }

    #[test]
    fn recordings_in_another_unit_are_multiplied_by_the_factor_and_all_others_stay() {
        let plain = sine_waves(2, 3, 4);
        assert!(in_one_unit(&plain).is_none());
        let mut mixed = plain.clone();
        // The fifth recording has the windows 16 to 19 of 20 steps.
        mixed.steps[320..400].iter_mut().for_each(|value| *value *= 1000.0);
        mixed.mixed_units =
            vec![MixedUnit { channel: 0, recordings: vec![4], factor: 1e-3, text: String::new() }];
        let one_unit = in_one_unit(&mixed).unwrap();
        assert!(one_unit.mixed_units.is_empty());
        assert!(one_unit.steps.iter().zip(&plain.steps).all(|(one, plain)| (one - plain).abs() < 1e-6));
        assert_eq!(one_unit.steps[..320], plain.steps[..320]);
    }

    #[test]
    fn windows_with_an_outlier_are_found_and_clipped() {
        let plain = sine_waves(2, 3, 4);
        assert_eq!(outlier_windows(&plain), BTreeSet::new());
        let mut glitch = plain.clone();
        (glitch.steps[41], glitch.steps[479]) = (65_535.0, -999.0);
        glitch.outliers = vec![outliers(-1.0, 1.0)];
        assert_eq!(outlier_windows(&glitch), [2, 23].into());
        let clipped = without_outliers(Cow::Borrowed(&glitch));
        assert_eq!((clipped.steps[41], clipped.steps[479]), (1.0, -1.0));
        assert_eq!(
            (&clipped.steps[..41], &clipped.steps[42..479]),
            (&plain.steps[..41], &plain.steps[42..479])
        );
        assert!(matches!(without_outliers(Cow::Borrowed(&plain)), Cow::Borrowed(_)));
    }
}
