//! Single values far outside of all others.

use crate::model::card::Card;
use crate::train::data::cut::LoadedRecording;
use crate::train::data::drops::grouped;
use crate::train::robust::{OutlierLimits, is_sentinel, sentinel};

/// Outliers are single values up to this share of a recording; more of them are a matter of its unit.
const SINGLE: f64 = 0.5;

/// A warning for each channel with outliers.
pub(super) fn warnings(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    (0..card.channels.len()).filter_map(|channel| warning(recordings, card, channel)).collect()
}

fn warning(recordings: &[LoadedRecording], card: &Card, channel: usize) -> Option<String> {
    let all = recordings.iter().flat_map(|recording| recording.column(channel));
    let count = recordings.iter().map(|recording| recording.samples.len()).sum();
    let limits = OutlierLimits::of(all.clone(), count);
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    let inside = all.clone().filter(|value| limits.contains(*value) && !is_sentinel(*value));
    inside.for_each(|value| (low, high) = (low.min(value), high.max(value)));
    // A code for a missing value need not be that far away.
    let width = high - low;
    let is_code = |value: f32| is_sentinel(value) && (value > high + width || value < low - width);
    let is_outlier = |value: f32| value.is_finite() && (!limits.contains(value) || is_code(value));
    let (mut first, mut found, mut files) = (None, 0u64, 0usize);
    for recording in recordings {
        let outliers = recording.column(channel).filter(|value| is_outlier(*value)).count();
        if outliers == 0 || outliers as f64 > SINGLE * recording.samples.len() as f64 {
            continue;
        }
        found += outliers as u64;
        files += 1;
        if first.is_none() {
            let mut samples = recording.samples.times().iter().zip(recording.column(channel));
            first =
                samples.find(|(_, value)| is_outlier(*value)).map(|(time, value)| (recording, *time, value));
        }
    }
    let (recording, time, value) = first?;
    let name = &card.channels[channel];
    let others = match found - 1 {
        0 => String::new(),
        more => format!(", and {} more values in {files} recordings are as far off", grouped(more)),
    };
    let code = if is_sentinel(value) { ", as drivers write it where they have no value" } else { "" };
    Some(format!(
        "channel {:?} is {} at {} s in {}{code}{others}; all other values are from {low} to {high} {}. Such \
         values are left out of the statistics and clipped; leave their fields empty, or remove the rows",
        name.name,
        shown(value),
        time.seconds(),
        recording.drops.file,
        name.unit,
    ))
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
            let found = warnings(&[good_copy(&good), bad], &card(&["current"]));
            assert_eq!(found.len(), 1, "{found:?}");
            let expected = format!("channel \"current\" is {shown} at 12.34 s in wood/b.csv");
            assert!(found[0].starts_with(&expected), "{found:?}");
            assert!(found[0].contains("all other values are from 0."), "{found:?}");
        }
    }

    fn good_copy(recording: &LoadedRecording) -> LoadedRecording {
        super::super::tests::recording(&recording.info.name, recording.samples.len(), |i| [current(1)(i)])
    }

    #[test]
    fn a_code_within_the_range_of_a_converter_is_named_too() {
        let adc = |i: usize| 2000.0 + 1500.0 * (i as f32 * 0.1).sin();
        let bad = recording("wood/b", 16_000, |i| [if i % 200 == 7 { 65_535.0 } else { adc(i) }]);
        let found = warnings(&[bad], &card(&["current"]));
        assert!(found[0].contains("is 65535 at 0.07 s in wood/b.csv, as drivers write it"), "{found:?}");
        assert!(found[0].contains("and 79 more values in 1 recordings"), "{found:?}");
    }
}
