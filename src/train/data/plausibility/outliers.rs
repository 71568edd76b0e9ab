//! Single values far outside of all others.

use super::units::MixedUnit;
use crate::model::card::Card;
use crate::signal::Time;
use crate::train::data::cut::LoadedRecording;
use crate::train::data::drops::grouped;
use crate::train::robust::{OutlierLimits, is_sentinel, sentinel};

/// Outliers are single values up to this share of a recording; more of them are a matter of its unit.
const SINGLE: f64 = 0.5;

/// The outliers of a channel.
///
/// Where some recordings have the channel in another unit, their values count in the unit of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelOutliers {
    /// The index of the channel.
    pub channel: usize,
    /// The number of outliers in all recordings.
    pub count: u64,
    /// The lowest of all other values.
    pub low: f32,
    /// The highest of all other values.
    pub high: f32,
    /// The first recording with an outlier, by its index.
    pub recording: usize,
    /// The time of its first outlier.
    pub time: Time,
    /// The value of its first outlier, as the recording has it.
    pub value: f32,
    /// The warning: a sentence with the channel, the value, its place and the fix.
    pub text: String,
}

/// The outliers of each channel that has any.
pub(super) fn outliers(
    recordings: &[LoadedRecording],
    card: &Card,
    mixed_units: &[MixedUnit],
) -> Vec<ChannelOutliers> {
    let of_channel = |channel: usize| {
        let mut factors = vec![1.0; recordings.len()];
        for mixed in mixed_units.iter().filter(|mixed| mixed.channel == channel) {
            mixed.recordings.iter().for_each(|index| factors[*index] = mixed.factor as f32);
        }
        of_channel(recordings, card, channel, &factors)
    };
    (0..card.channels.len()).filter_map(of_channel).collect()
}

/// The outliers of a channel; `None` if there are none. The values of each recording are multiplied by its
/// factor.
fn of_channel(
    recordings: &[LoadedRecording],
    card: &Card,
    channel: usize,
    factors: &[f32],
) -> Option<ChannelOutliers> {
    let with_factors = || recordings.iter().zip(factors.iter().copied());
    let all = with_factors().flat_map(|(recording, factor)| scaled_column(recording, channel, factor));
    let count = recordings.iter().map(|recording| recording.samples.len()).sum();
    let limits = OutlierLimits::of(all.clone(), count);
    let (low, high) = range(all.clone().filter(|value| limits.contains(*value) && !is_sentinel(*value)));
    // A code for a missing value need not be that far away.
    let width = high - low;
    let is_code = |value: f32| is_sentinel(value) && (value > high + width || value < low - width);
    let is_outlier = |value: f32| value.is_finite() && (!limits.contains(value) || is_code(value));
    let (mut first, mut found, mut files) = (None, 0u64, 0usize);
    for (index, (recording, factor)) in with_factors().enumerate() {
        let outliers = scaled_column(recording, channel, factor).filter(|value| is_outlier(*value)).count();
        if outliers == 0 || outliers as f64 > SINGLE * recording.samples.len() as f64 {
            continue;
        }
        found += outliers as u64;
        files += 1;
        if first.is_none() {
            let at = scaled_column(recording, channel, factor).position(is_outlier);
            first = at.and_then(|at| {
                let value = recording.column(channel).nth(at)?;
                Some((index, *recording.samples.times().get(at)?, value))
            });
        }
    }
    let (recording, time, value) = first?;
    // A number may be a measurement although drivers write it where they have no value.
    let (low, high) = range(all.filter(|value| value.is_finite() && !is_outlier(*value)));
    if low > high {
        return None;
    }
    let name = &card.channels[channel];
    let others = match found - 1 {
        0 => String::new(),
        more => format!(", and {} more values in {files} recordings are as far off", grouped(more)),
    };
    let code = if is_sentinel(value) { ", as drivers write it where they have no value" } else { "" };
    let text = format!(
        "channel {:?} is {} at {} s in {}{code}{others}; all other values are from {low} to {high} {}. Such \
         values are left out of the statistics and clipped; leave their fields empty, or remove the rows",
        name.name,
        shown(value),
        time.seconds(),
        recordings[recording].drops.file,
        name.unit,
    );
    Some(ChannelOutliers { channel, count: found, low, high, recording, time, value, text })
}

/// The lowest and the highest value; infinite without values.
fn range(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// The values of a channel, multiplied by a factor.
fn scaled_column(
    recording: &LoadedRecording,
    channel: usize,
    factor: f32,
) -> impl Iterator<Item = f32> + Clone {
    // A code for a missing value has no unit.
    let scaled = move |value: f32| if is_sentinel(value) { value } else { value * factor };
    recording.column(channel).map(scaled)
}

/// A value as the file has it, as far as float32 tells.
fn shown(value: f32) -> String {
    match sentinel(value) {
        Some(code) if code.abs() < 1e10 => code.to_string(),
        _ if value.abs() >= 1e9 => format!("{value:e}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{card, current, recording};
    use super::*;

    #[test]
    fn a_single_wrong_value_is_named_with_its_file_time_and_value() {
        let good = recording("tile/a", 20_000, |i| [current(1)(i)]);
        for (wrong, shown) in
            [(4_294_967_295.0, "4294967295"), (3e38, "3e38"), (-999.0, "-999"), (65_535.0, "65535")]
        {
            let bad = recording("wood/b", 16_000, |i| [if i == 1234 { wrong } else { current(2)(i) }]);
            let found = outliers(&[good_copy(&good), bad], &card(&["current"]), &[]);
            assert_eq!(found.len(), 1, "{found:?}");
            let expected = format!("channel \"current\" is {shown} at 12.34 s in wood/b.csv");
            assert!(found[0].text.starts_with(&expected), "{found:?}");
            assert!(found[0].text.contains("all other values are from 0."), "{found:?}");
            let ChannelOutliers { channel, count, low, high, recording, time, value, .. } = found[0];
            assert_eq!((channel, count, recording, value), (0, 1, 1, wrong));
            assert_eq!(time, Time::from_seconds(12.34).unwrap());
            assert!((0.6..0.8).contains(&low) && (2.4..2.6).contains(&high), "{low} {high}");
        }
    }

    fn good_copy(recording: &LoadedRecording) -> LoadedRecording {
        super::super::tests::recording(&recording.info.name, recording.samples.len(), |i| [current(1)(i)])
    }

    #[test]
    fn a_code_within_the_range_of_a_converter_is_named_too() {
        let adc = |i: usize| 2000.0 + 1500.0 * (i as f32 * 0.1).sin();
        let bad = recording("wood/b", 16_000, |i| [if i % 200 == 7 { 65_535.0 } else { adc(i) }]);
        let found = outliers(&[bad], &card(&["current"]), &[]);
        assert!(found[0].text.contains("is 65535 at 0.07 s in wood/b.csv, as drivers write it"), "{found:?}");
        assert!(found[0].text.contains("and 79 more values in 1 recordings"), "{found:?}");
        assert_eq!(found[0].count, 80);
        // Here 9999 is a measurement like others, and 65535 is none.
        let some = |i: usize| if i % 900 == 3 { 9999.0 } else { 1.0 + (i % 7000) as f32 };
        let both = recording("wood/b", 16_000, |i| [if i == 70 { 65_535.0 } else { some(i) }]);
        let found = outliers(&[both], &card(&["current"]), &[]);
        assert_eq!((found[0].count, found[0].value, found[0].high), (1, 65_535.0, 9999.0));
    }

    #[test]
    fn an_outlier_beside_recordings_in_another_unit_is_found_in_the_unit_of_the_others() {
        let milli = |i: usize| [1000.0 * if i == 50 { 110.0 } else { current(3)(i) }];
        let ampere = |seed: usize| recording(&format!("tile/{seed}"), 16_000, move |i| [current(seed)(i)]);
        let all = [ampere(1), ampere(2), recording("wood/a", 16_000, milli)];
        let mixed = MixedUnit { channel: 0, recordings: vec![2], factor: 1e-3, text: String::new() };
        assert_eq!(outliers(&all, &card(&["current"]), &[]), [], "within what is in milliamperes");
        let found = outliers(&all, &card(&["current"]), &[mixed]);
        assert_eq!((found.len(), found[0].count, found[0].recording, found[0].value), (1, 1, 2, 110_000.0));
        assert!(found[0].high < 3.0, "{found:?}");
    }
}
