//! Times in another unit than the layout says, and recordings with another sample rate than the others.

use std::ops::RangeInclusive;

use super::names::files;
use crate::model::card::Card;
use crate::train::data::cut::{LoadedRecording, sample_rate};
use crate::train::data::error::DatasetError;

/// The sample rates in Hz of current sensors. Slower ones cannot show a surface, and faster ones do not exist
/// on robots.
const PLAUSIBLE: RangeInclusive<f64> = 0.5..=50e3;
/// The usual ones of these, which decide where several units are plausible.
const USUAL: RangeInclusive<f64> = 2.0..=5e3;
/// Windows that are longer than this many seconds are named.
const LONG: f64 = 60.0;
/// Windows that are longer than this many seconds are an error.
const TOO_LONG: f64 = 3600.0;
/// Recordings whose rate differs by more than this factor are named.
const MAX_RATIO: f64 = 2.0;
/// The other units that times may be in, by how many times the rate is higher than if they were seconds.
const UNITS: [(&str, &str, f64); 3] =
    [("milliseconds", "ms", 1e3), ("microseconds", "us", 1e6), ("nanoseconds", "ns", 1e9)];

/// Refuses windows that are longer than an hour, and rates that only another unit of the times makes
/// plausible, unless the layout gives the unit.
///
/// `sample_rate` is the rate of the recordings and `rate` that of the steps, in Hz.
///
/// # Errors
/// [`DatasetError::Rate`] with the rate, the length of a window in words, and the likely unit.
pub(in crate::train::data) fn check_rate(
    recordings: &[LoadedRecording],
    sample_rate: f64,
    rate: f64,
    window: usize,
) -> Result<(), DatasetError> {
    let seconds = window as f64 / rate;
    let unit = likely_unit(sample_rate);
    let plausible = PLAUSIBLE.contains(&sample_rate);
    let given = recordings.iter().any(|recording| recording.time_is_given);
    if seconds <= TOO_LONG && (given || plausible || unit.is_none()) {
        return Ok(());
    }
    let fix = unit.map_or_else(
        || "check [time] column and unit in dataset.toml, or lower --window or raise --rate".to_owned(),
        question,
    );
    Err(DatasetError::Rate(format!(
        "the recordings have {sample_rate} samples a second, and a window of {window} steps at {rate} Hz is {} long: \
         {fix}",
        duration(seconds)
    )))
}

/// A warning for windows of minutes, one for a rate that no sensor has, and one for recordings whose rate is
/// not that of the others.
pub(super) fn warnings(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    let mut warnings = Vec::new();
    let seconds = card.window as f64 / card.rate;
    let Some(rate) = sample_rate(recordings) else { return warnings };
    if seconds > LONG {
        let fix = likely_unit(rate).map_or_else(
            || "shorter windows follow a change of the surface sooner; lower --window".to_owned(),
            question,
        );
        warnings.push(format!(
            "a window is {} long ({} steps at {} Hz): {fix}",
            duration(seconds),
            card.window,
            card.rate
        ));
    } else if !PLAUSIBLE.contains(&rate) {
        warnings
            .push(format!("the recordings have {rate} samples a second: check [time] unit in dataset.toml"));
    }
    let differs = |recording: &&LoadedRecording| {
        let own = recording.interval().map_or(rate, |interval| 1e9 / interval);
        own > MAX_RATIO * rate || own * MAX_RATIO < rate
    };
    let odd: Vec<&LoadedRecording> = recordings.iter().filter(differs).collect();
    if let Some(own) = odd.first().and_then(|first| first.interval()).map(|interval| 1e9 / interval) {
        warnings.push(format!(
            "{} have {own:.3} samples a second, and the other recordings {rate}; check [time] in dataset.toml, or \
             record all drives at the same rate",
            files(odd.iter().copied()),
        ));
    }
    warnings
}

/// A warning if the recordings have another rate than the card.
pub(super) fn difference_to_card(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    let rate = sample_rate(recordings).filter(|rate| *rate * MAX_RATIO < card.rate);
    let of = |rate: f64| {
        let unit = UNITS
            .into_iter()
            .find(|(.., factor)| (card.rate / MAX_RATIO..=card.rate * MAX_RATIO).contains(&(rate * factor)));
        let fix = unit.map_or_else(
            || "a model is often wrong where its input is slower than in training".to_owned(),
            |(name, unit, _)| question((name, unit)),
        );
        format!(
            "the recordings have {rate} samples a second, and the model was trained at {} Hz: {fix}",
            card.rate
        )
    };
    rate.map(of).into_iter().collect()
}

/// The only other unit of the times with which the rate is plausible; if there are several, the only one with
/// which it is usual. `None` if the rate is usual already.
fn likely_unit(rate: f64) -> Option<(&'static str, &'static str)> {
    if USUAL.contains(&rate) {
        return None;
    }
    let only = |range: RangeInclusive<f64>| {
        let mut units = UNITS.into_iter().filter(|(.., factor)| range.contains(&(rate * factor)));
        units.next().filter(|_| units.next().is_none())
    };
    only(PLAUSIBLE).or_else(|| only(USUAL)).map(|(name, unit, _)| (name, unit))
}

fn question((name, unit): (&str, &str)) -> String {
    format!("are the times in {name}? Set [time] unit = \"{unit}\" in dataset.toml")
}

/// A duration in words, with two digits and the largest unit that fits.
fn duration(seconds: f64) -> String {
    let in_words = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")]
        .into_iter()
        .find(|(unit, _)| seconds >= 2.0 * unit)
        .map(|(unit, name)| format!(" ({:.0} {name})", seconds / unit));
    format!("{seconds:.0} s{}", in_words.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at_rate, card, current};
    use super::*;

    fn drive(name: &str, rate: f64) -> LoadedRecording {
        at_rate(rate, name, 400, |i| [current(1)(i)])
    }

    #[test]
    fn windows_of_weeks_and_of_minutes_are_refused_with_the_likely_unit() {
        for (rate, expected) in [
            (
                1e-4,
                "a window of 100 steps at 0.0001 Hz is 1000000 s (12 days) long: are the times in microseconds? Set [time] unit = \"us\"",
            ),
            (0.1, "is 1000 s (17 minutes) long: are the times in milliseconds? Set [time] unit = \"ms\""),
            (1e-7, "are the times in nanoseconds? Set [time] unit = \"ns\""),
        ] {
            let error = check_rate(&[drive("a", rate)], rate, rate, 100).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(likely_unit(0.05).unwrap().1, "ms", "20 ms, and not 20 us");
        check_rate(&[drive("a", 1.0)], 1.0, 1.0, 100).unwrap();
        check_rate(&[drive("a", 6.5)], 6.5, 6.5, 100).unwrap();
        check_rate(&[drive("a", 100.0)], 100.0, 100.0, 100).unwrap();
    }

    #[test]
    fn a_unit_that_the_layout_gives_is_believed_up_to_an_hour() {
        let given = [LoadedRecording { time_is_given: true, ..drive("a", 0.1) }];
        check_rate(&given, 0.1, 0.1, 100).unwrap();
        let found = warnings(&given, &Card { rate: 0.1, ..card(&["current"]) });
        assert!(
            found[0].starts_with(
                "a window is 1000 s (17 minutes) long (100 steps at 0.1 Hz): are the times in milliseconds?"
            ),
            "{found:?}"
        );
        assert!(check_rate(&given, 1e-3, 1e-3, 100).is_err());
    }

    #[test]
    fn a_recording_with_another_rate_than_the_others_is_named() {
        let all = [drive("tile/a", 100.0), drive("tile/b", 100.0), drive("wood/a", 10.0)];
        let found = warnings(&all, &card(&["current"]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("wood/a.csv have 10.000 samples a second, and the other recordings 100"),
            "{found:?}"
        );
        let slow = difference_to_card(&[drive("a", 0.1)], &card(&["current"]));
        assert!(slow[0].contains("are the times in milliseconds?"), "{slow:?}");
        let slow = difference_to_card(&[drive("a", 10.0)], &card(&["current"]));
        assert!(
            slow[0].contains("have 10 samples a second, and the model was trained at 100 Hz"),
            "{slow:?}"
        );
        assert!(difference_to_card(&[drive("a", 90.0)], &card(&["current"])).is_empty());
    }
}
