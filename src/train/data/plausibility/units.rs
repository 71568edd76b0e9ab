//! Recordings whose values are a thousand or a million times those of the others, as milliamperes beside
//! amperes are.

use std::collections::BTreeSet;

use super::names::files;
use crate::model::card::Card;
use crate::signal::Channel;
use crate::train::data::cut::LoadedRecording;

/// The share of the magnitudes of a recording that are below its level.
const LEVEL: f64 = 0.95;
/// The maximum number of values of a recording that its level is taken of.
const MAX_SAMPLE: usize = 1 << 14;

/// A ratio between two levels that a change of the unit explains.
#[derive(Clone, Copy, Debug, PartialEq)]
struct UnitRatio {
    /// The ratio of the two units.
    factor: f64,
    /// The ratio in words.
    words: &'static str,
    /// What the larger numbers are in where the smaller are in amperes.
    prefix: &'static str,
}

const RATIOS: [UnitRatio; 2] = [
    UnitRatio { factor: 1e3, words: "1,000", prefix: "m" },
    UnitRatio { factor: 1e6, words: "1,000,000", prefix: "µ" },
];

/// Recordings that have a channel in another unit than most.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedUnit {
    /// The index of the channel.
    pub channel: usize,
    /// The indices of the recordings, ascending.
    pub recordings: Vec<usize>,
    /// What the values of these recordings have to be multiplied by to be in the unit of the others.
    pub factor: f64,
    /// The warning: a sentence with the channel, the recordings, both units and the fix.
    pub text: String,
}

/// Every channel that some recordings have in another unit than most, once for each other unit.
pub(super) fn mixed_units(recordings: &[LoadedRecording], card: &Card) -> Vec<MixedUnit> {
    let of_channel = |(index, channel): (usize, &Channel)| {
        let levels: Vec<Option<f64>> = recordings.iter().map(|recording| level(recording, index)).collect();
        let mut sorted: Vec<f64> = levels.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let Some(typical) = sorted.get(sorted.len().saturating_sub(1) / 2).copied() else {
            return Vec::new();
        };
        let differs = |level: &Option<f64>| level.and_then(|level| unit_ratio(level, typical));
        let mut found: Vec<(UnitRatio, bool, Vec<usize>)> = Vec::new();
        for (recording, level) in levels.iter().enumerate() {
            let Some((ratio, larger)) = differs(level) else { continue };
            match found.iter_mut().find(|(other, above, _)| *other == ratio && *above == larger) {
                Some((.., odd)) => odd.push(recording),
                None => found.push((ratio, larger, vec![recording])),
            }
        }
        let mixed = |(ratio, larger, odd): (UnitRatio, bool, Vec<usize>)| {
            let level = odd.first().and_then(|index| levels[*index]).unwrap_or_default();
            let text = warning(channel, ratio, larger, &names(recordings, &odd), [level, typical]);
            let factor = if larger { 1.0 / ratio.factor } else { ratio.factor };
            MixedUnit { channel: index, recordings: odd, factor, text }
        };
        found.into_iter().map(mixed).collect()
    };
    card.channels.iter().enumerate().flat_map(of_channel).collect()
}

/// The warning about recordings, given by their names, with the level of the first of them and that of most.
fn warning(channel: &Channel, ratio: UnitRatio, larger: bool, names: &str, levels: [f64; 2]) -> String {
    let unit = &channel.unit;
    let (others_unit, odd_unit) = if larger {
        (unit.clone(), format!("{}{unit}", ratio.prefix))
    } else {
        (format!("{}{unit}", ratio.prefix), unit.clone())
    };
    let [level, typical] = levels.map(short);
    format!(
        "channel {:?} is about {} times as {} in {names} ({level} there, {typical} elsewhere), as if they were in \
         {odd_unit} and the others in {others_unit}; give each folder a dataset.toml with the scale of its unit \
         under [[channel]], such as scale = {}",
        channel.name,
        ratio.words,
        if larger { "large" } else { "small" },
        1.0 / ratio.factor,
    )
}

/// A warning for each channel that the recordings have in another unit than those that the model was trained
/// on.
pub(super) fn differences_to_training(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    let statistics = card.training.iter().flat_map(|training| &training.statistics);
    let of_channel = |(index, (channel, known)): (usize, (&Channel, &crate::model::card::Statistics))| {
        let mut levels: Vec<f64> =
            recordings.iter().filter_map(|recording| level(recording, index)).collect();
        levels.sort_by(f64::total_cmp);
        let own = *levels.get(levels.len() / 2)?;
        let trained = known.mean.abs() + 2.0 * known.deviation;
        let (ratio, larger) = unit_ratio(own, trained)?;
        Some(format!(
            "channel {:?} is about {} times as {} as in the recordings that the model was trained on ({} and {} {}); \
             check its unit, and set scale under [[channel]] in dataset.toml",
            channel.name,
            ratio.words,
            if larger { "large" } else { "small" },
            short(own),
            short(trained),
            channel.unit,
        ))
    };
    card.channels.iter().zip(statistics).enumerate().filter_map(of_channel).collect()
}

/// The ratio of units that explains how `level` differs from `other`, and whether it is larger.
fn unit_ratio(level: f64, other: f64) -> Option<(UnitRatio, bool)> {
    let ratio = level / other;
    let explains = |factor: f64| ratio > factor / 4.0 && ratio < factor * 4.0;
    RATIOS.into_iter().find_map(|unit| {
        let larger = explains(unit.factor);
        (larger || explains(1.0 / unit.factor)).then_some((unit, larger))
    })
}

/// The 95 % quantile of the magnitudes of a channel; `None` if it is 0 or there is no value.
fn level(recording: &LoadedRecording, channel: usize) -> Option<f64> {
    let every = (recording.samples.len() / MAX_SAMPLE).max(1);
    let values = recording.column(channel).step_by(every).filter(|value| value.is_finite());
    let mut values: Vec<f32> = values.map(f32::abs).collect();
    let index = (LEVEL * values.len().checked_sub(1)? as f64).round() as usize;
    let level = f64::from(*values.select_nth_unstable_by(index, f32::total_cmp).1);
    (level > 0.0).then_some(level)
}

/// The recordings with these indices by name: by their labels, if they are all recordings of these.
fn names(recordings: &[LoadedRecording], odd: &[usize]) -> String {
    let label = |recording: &LoadedRecording| {
        let time = recording.samples.times().first()?;
        recording.labels.at(*time).map(str::to_owned)
    };
    let labels: BTreeSet<Option<String>> = odd.iter().map(|index| label(&recordings[*index])).collect();
    let of_labels = recordings.iter().filter(|recording| labels.contains(&label(recording))).count();
    let labels: Option<Vec<String>> = labels.into_iter().collect();
    match labels {
        Some(labels) if of_labels == odd.len() && odd.len() > labels.len() => {
            format!("all {} recordings of {}", odd.len(), labels.join(", "))
        }
        _ => files(odd.iter().map(|index| &recordings[*index])),
    }
}

/// A number with three digits.
fn short(value: f64) -> String {
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{card, current, recording};
    use super::*;
    use crate::model::card::{Statistics, TrainingSummary};

    fn scaled(name: &str, seed: usize, factor: f32) -> LoadedRecording {
        recording(name, 1000, move |i| [factor * current(seed)(i)])
    }

    #[test]
    fn a_surface_in_milliamperes_beside_others_in_amperes_is_named_with_both_units() {
        let all = [
            scaled("gravel/a", 1, 1000.0),
            scaled("gravel/b", 2, 1000.0),
            scaled("tile/a", 3, 1.0),
            scaled("tile/b", 4, 1.0),
            scaled("wood/a", 5, 1.0),
        ];
        let found = mixed_units(&all, &card(&["current"]));
        assert_eq!(found.len(), 1, "{found:?}");
        let MixedUnit { channel, recordings, factor, text } = &found[0];
        assert!(text.contains("about 1,000 times as large in all 2 recordings of gravel"), "{text}");
        assert!(text.contains("they were in mA and the others in A;"), "{text}");
        assert!(text.ends_with("such as scale = 0.001"), "{text}");
        assert_eq!((*channel, recordings.as_slice(), *factor), (0, &[0, 1][..], 1e-3));
    }

    #[test]
    fn a_single_recording_in_another_unit_is_named() {
        let all = [
            scaled("tile/a", 1, 1e3),
            scaled("tile/b", 2, 1e3),
            scaled("wood/a", 3, 1e-3),
            scaled("wood/b", 4, 1e3),
        ];
        let found = mixed_units(&all, &card(&["current"]));
        assert!(found[0].text.contains("about 1,000,000 times as small in wood/a.csv"), "{found:?}");
        assert_eq!((found[0].recordings.as_slice(), found[0].factor), (&[2][..], 1e6));
        let twice = [scaled("tile/a", 1, 1.0), scaled("wood/a", 2, 20.0)];
        assert_eq!(mixed_units(&twice, &card(&["current"])), []);
    }

    #[test]
    fn each_of_several_other_units_is_named_with_its_own_factor() {
        let of = |index: usize, factor: f32| scaled(&format!("tile/{index}"), index, factor);
        let all = [of(0, 1.0), of(1, 1e3), of(2, 1.0), of(3, 1e6), of(4, 1.0), of(5, 1.0), of(6, 1e3)];
        let found = mixed_units(&all, &card(&["current"]));
        let facts: Vec<_> = found.iter().map(|mixed| (mixed.recordings.clone(), mixed.factor)).collect();
        assert_eq!(facts, [(vec![1, 6], 1e-3), (vec![3], 1e-6)]);
    }

    #[test]
    fn recordings_in_another_unit_than_those_of_the_training_are_named() {
        let known = Statistics { mean: 1.5, deviation: 0.4, min: 0.0, max: 3.0, still: 0.0 };
        let card = Card { training: Some(TrainingSummary::of_test(vec![known])), ..card(&["current"]) };
        let found = differences_to_training(&[scaled("tile/a", 1, 1000.0)], &card);
        assert!(
            found[0].contains("about 1,000 times as large as in the recordings that the model"),
            "{found:?}"
        );
        assert_eq!(differences_to_training(&[scaled("tile/a", 1, 2.0)], &card), Vec::<String>::new());
    }
}
