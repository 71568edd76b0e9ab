//! What is probably wrong with recordings, found before any time is spent on training.
//!
//! - `outliers`: single values far outside of all others
//! - the form of a file, as its reader judges it
//! - `units`: recordings in another unit than the others
//! - `columns`: channels that are no measurements: counters, copies, constants
//! - `names`: how recordings are named in the warnings
//! - `rate`: times in another unit than the layout says, and recordings with another sample rate
//!
//! Everything here is computed from the samples in memory; nothing is read or changed. [`Plausibility`] has the
//! sentences for people, and the mixed units and the outliers as data, too.

mod columns;
mod names;
mod outliers;
mod rate;
mod units;

use super::cut::LoadedRecording;
use crate::model::card::Card;

pub(crate) use self::outliers::ChannelOutliers;
pub(super) use self::rate::check_rate;
pub(crate) use self::units::MixedUnit;

/// The maximum number of warnings of one kind.
const MAX_WARNINGS: usize = 3;

/// What is probably wrong with recordings that are read as a card says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plausibility {
    /// One sentence for each fault. Each names the file or the channel, the value and the fix.
    pub(super) warnings: Vec<String>,
    /// The channels that some recordings have in another unit than most.
    pub(super) mixed_units: Vec<MixedUnit>,
    /// The channels with single values far outside of all others.
    pub(super) outliers: Vec<ChannelOutliers>,
}

/// Finds what is probably wrong with recordings that are read as the card says.
pub(super) fn check(recordings: &[LoadedRecording], card: &Card) -> Plausibility {
    let form = |recording: &LoadedRecording| {
        recording.warning.as_ref().map(|warning| format!("{}: {warning}", recording.drops.file))
    };
    let mixed_units = units::mixed_units(recordings, card);
    let outliers = outliers::outliers(recordings, card, &mixed_units);
    let of_kinds = [
        unit_note(recordings).into_iter().collect(),
        recordings.iter().filter_map(form).collect(),
        rate::warnings(recordings, card),
        mixed_units.iter().map(|mixed| mixed.text.clone()).collect(),
        columns::warnings(recordings, card),
        outliers.iter().map(|outliers| outliers.text.clone()).collect(),
    ];
    Plausibility { warnings: of_kinds.into_iter().flat_map(limited).collect(), mixed_units, outliers }
}

/// Warnings about recordings that differ from those that the model of the card was trained on.
pub(super) fn differences_to_training(recordings: &[LoadedRecording], card: &Card) -> Vec<String> {
    [rate::difference_to_card(recordings, card), limited(units::differences_to_training(recordings, card))]
        .concat()
}

/// That the times of recordings are not in seconds, if that was worked out.
fn unit_note(recordings: &[LoadedRecording]) -> Option<String> {
    let conclusions: Vec<_> =
        recordings.iter().filter_map(|recording| recording.unit_conclusion.as_ref()).collect();
    let first = conclusions.first()?;
    Some(format!(
        "{first} in {} of {} recordings, as the intervals between the samples suggest; set [time] unit in a \
         dataset.toml if that is wrong",
        conclusions.len(),
        recordings.len()
    ))
}

/// The first [`MAX_WARNINGS`] warnings; the last of them says how many more there are.
fn limited(mut warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(MAX_WARNINGS);
    warnings.truncate(MAX_WARNINGS);
    if let Some(last) = warnings.last_mut().filter(|_| more > 0) {
        last.push_str(&format!(" ({more} more warnings like this)"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::labels::Labels;
    use crate::signal::{Channel, Samples, Time};
    use crate::train::data::drops::RecordingDrops;
    use crate::train::data::window_index::RecordingInfo;

    /// A recording at 100 Hz, and the value of each channel at each sample.
    pub(super) fn recording<const C: usize>(
        name: &str,
        count: usize,
        value: impl Fn(usize) -> [f32; C],
    ) -> LoadedRecording {
        at_rate(100.0, name, count, value)
    }

    /// A recording with this rate in Hz.
    pub(super) fn at_rate<const C: usize>(
        rate: f64,
        name: &str,
        count: usize,
        value: impl Fn(usize) -> [f32; C],
    ) -> LoadedRecording {
        let mut samples = Samples::new(C);
        for index in 0..count {
            samples.push(Time::from_seconds(index as f64 / rate).unwrap(), value(index));
        }
        let label = name.split('/').next().unwrap_or_default();
        LoadedRecording {
            samples,
            labels: Labels::constant(label),
            info: RecordingInfo { name: name.into(), group: name.into(), ..RecordingInfo::default() },
            drops: RecordingDrops { file: format!("{name}.csv"), rows: count as u64, ..Default::default() },
            time_is_given: false,
            unit_conclusion: None,
            warning: None,
        }
    }

    /// A card with these channels at 100 Hz and windows of 100 steps.
    pub(super) fn card(channels: &[&str]) -> Card {
        let channels = channels.iter().map(|name| Channel::in_ampere(name)).collect();
        Card { channels, ..Card::of_test(100, 10, &["tile", "wood"]) }
    }

    /// The current of a drive, which differs between the seeds.
    pub(super) fn current(seed: usize) -> impl Fn(usize) -> f32 {
        move |index| {
            1.0 + 0.3 * (index as f32 * 0.37 + seed as f32).sin() + 0.1 * ((index * 7919 + seed) % 13) as f32
        }
    }

    #[test]
    fn sound_recordings_give_no_warning() {
        let drive = |name: &str, seed: usize| {
            let (left, right) = (current(seed), current(seed + 5));
            recording(name, 3000, move |i| [left(i), right(i)])
        };
        let recordings = [drive("tile/a", 1), drive("tile/b", 2), drive("wood/a", 3), drive("wood/b", 4)];
        assert_eq!(check(&recordings, &card(&["left", "right"])), Plausibility::default());
    }

    #[test]
    fn many_warnings_of_one_kind_are_counted() {
        let all = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        assert_eq!(limited(all), ["a", "b", "c (2 more warnings like this)"]);
    }
}
