//! Channels that are no measurements: counters and times, copies of another channel, constants.

use super::names::files;
use crate::model::card::Card;
use crate::signal::Channel;
use crate::train::data::cut::LoadedRecording;

/// A recording is judged only if it has at least this many samples.
const MIN_SAMPLES: usize = 50;
/// A channel rises if at most this share of its steps falls, because a counter may wrap.
const MAX_FALLS: f64 = 0.002;
/// A channel rises if at least this share of its steps rises.
const MIN_RISES: f64 = 0.5;

/// Warnings about channels that are no measurements.
pub(super) fn warnings(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    let judged: Vec<&LoadedRecording> =
        recordings.iter().filter(|recording| recording.samples.len() >= MIN_SAMPLES).collect();
    let mut warnings = Vec::new();
    for (index, channel) in card.channels.iter().enumerate() {
        let others = others(card, index);
        if let Some(first) = judged.first().filter(|_| judged.iter().all(|one| rises(one, index))) {
            let (low, high) = (first.column(index).next(), first.column(index).last());
            let kind = if judged.iter().all(|one| counts(one, index)) {
                "an index of the rows".to_owned()
            } else {
                "a counter or a time".to_owned()
            };
            warnings.push(format!(
                "channel {:?} only ever rises, from {} to {} in {}, like {kind} and unlike a current; {others}, or \
                 name it under [time] column in dataset.toml if it is the time",
                channel.name,
                low.unwrap_or_default(),
                high.unwrap_or_default(),
                first.drops.file,
            ));
        }
        let constant: Vec<&LoadedRecording> =
            judged.iter().copied().filter(|one| value_if_constant(one, index).is_some()).collect();
        if let Some(first) = constant.first() {
            warnings.push(format!(
                "channel {:?} is {} all the time in {}, as if its sensor were not connected; record again, or {others}",
                channel.name,
                value_if_constant(first, index).unwrap_or_default(),
                files(constant.iter().copied()),
            ));
        } else if let Some(other) = (0..index).find(|other| judged_equal(&judged, index, *other)) {
            warnings.push(format!(
                "the channels {:?} and {:?} are equal in every row, as if both read the same sensor; {others}",
                card.channels[other].name, channel.name,
            ));
        }
    }
    warnings
}

/// What to do without a channel.
fn others(card: &Card, without: usize) -> String {
    let others = card.channels.iter().enumerate().filter(|(index, _)| *index != without);
    let others: Vec<&str> = others.map(|(_, channel): (usize, &Channel)| channel.name.as_str()).collect();
    if others.is_empty() {
        "choose another channel with --channels".into()
    } else {
        format!("train without it, with --channels {}", others.join(","))
    }
}

/// Whether a channel rises from the first sample to the last.
fn rises(recording: &LoadedRecording, channel: usize) -> bool {
    let (mut rises, mut falls, mut steps) = (0usize, 0usize, 0usize);
    for (before, after) in recording.column(channel).zip(recording.column(channel).skip(1)) {
        steps += 1;
        rises += usize::from(after > before);
        falls += usize::from(after < before);
    }
    rises as f64 >= MIN_RISES * steps as f64 && falls as f64 <= MAX_FALLS * steps as f64
}

/// Whether a channel grows by 1 from each sample to the next.
fn counts(recording: &LoadedRecording, channel: usize) -> bool {
    recording
        .column(channel)
        .zip(recording.column(channel).skip(1))
        .all(|(before, after)| after - before == 1.0)
}

/// The value of a channel that never changes, and has a value.
fn value_if_constant(recording: &LoadedRecording, channel: usize) -> Option<f32> {
    let mut values = recording.column(channel).filter(|value| value.is_finite());
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Whether two channels have the same values in every recording.
fn judged_equal(judged: &[&LoadedRecording], one: usize, other: usize) -> bool {
    let equal = |recording: &&LoadedRecording| {
        let mut pairs = recording.column(one).zip(recording.column(other));
        pairs.all(|(one, other)| one == other || one.is_nan() && other.is_nan())
    };
    !judged.is_empty() && judged.iter().all(equal)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{card, current, recording};
    use super::*;

    #[test]
    fn a_time_taken_for_a_channel_and_an_index_are_named() {
        let drive =
            |name: &str| recording(name, 400, |i| [12_340.0 + 10.5 * i as f32, i as f32, current(3)(i)]);
        let found = warnings(&[drive("tile/a"), drive("wood/a")], &card(&["left", "index", "right"]));
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(
            found[0].starts_with(
                "channel \"left\" only ever rises, from 12340 to 16529.5 in tile/a.csv, like a \
                                  counter or a time"
            ),
            "{found:#?}"
        );
        assert!(found[0].contains("--channels index,right"), "{found:#?}");
        assert!(
            found[1].contains("\"index\" only ever rises, from 0 to 399")
                && found[1].contains("an index of the rows")
        );
    }

    #[test]
    fn constant_and_equal_channels_are_named() {
        let drive = |name: &str, dead: bool| {
            recording(name, 400, move |i| {
                let (one, other) = (current(1)(i), current(2)(i));
                [one, one, if dead { 0.5 } else { other }]
            })
        };
        let found = warnings(&[drive("tile/a", false), drive("wood/a", true)], &card(&["a", "b", "c"]));
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("the channels \"a\" and \"b\" are equal in every row"), "{found:#?}");
        assert!(found[1].starts_with("channel \"c\" is 0.5 all the time in wood/a.csv"), "{found:#?}");
    }
}
