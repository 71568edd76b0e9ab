//! Screens the windows for stuck, clipped and coarse channels, and for drives that are in several recordings.

use std::collections::{BTreeSet, HashSet};

use super::wrong_values::steps_of_recordings;
use crate::train::data::dataset::Dataset;

/// A channel is stuck if it does not change at all in at least this share of the windows.
pub(crate) const STUCK: f64 = 0.15;

/// The state of a channel over all windows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct ChannelCheck {
    /// The name of the channel.
    pub name: String,
    /// The share of the windows in which the channel does not change at all.
    pub stuck: f64,
    /// The share of the steps that are at the smallest or the largest value of the channel.
    pub clipped: f64,
    /// How many different values the channel takes.
    pub values: usize,
}

/// How many steps are checked, or windows compared, between two checks whether the time is up.
const BLOCK: usize = 1 << 14;

/// Checks each channel. If `expired` becomes true, only those are returned that were checked until then.
pub(crate) fn check_channels(dataset: &Dataset, expired: impl Fn() -> bool) -> Vec<ChannelCheck> {
    let check = |channel: usize| check_channel(dataset, channel, &expired);
    (0..dataset.card.channels.len()).map_while(check).collect()
}

/// Checks one channel; `None` if `expired` became true before.
fn check_channel(dataset: &Dataset, channel: usize, expired: &impl Fn() -> bool) -> Option<ChannelCheck> {
    let width = dataset.card.channels.len();
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    let (mut at_low, mut at_high) = (0usize, 0usize);
    let mut values = HashSet::new();
    for block in dataset.steps.chunks(BLOCK * width) {
        if expired() {
            return None;
        }
        for value in block.iter().skip(channel).step_by(width) {
            if *value < low {
                (low, at_low) = (*value, 0);
            }
            if *value > high {
                (high, at_high) = (*value, 0);
            }
            at_low += usize::from(*value == low);
            at_high += usize::from(*value == high);
            values.insert(value.to_bits());
        }
    }
    let mut stuck = 0;
    for window in 0..dataset.len() {
        if window % BLOCK == 0 && expired() {
            return None;
        }
        stuck += usize::from(is_stuck(dataset, window, channel));
    }
    let steps = (dataset.steps.len() / width).max(1);
    // All values are the same if the two are.
    let extreme = if low == high { at_low } else { at_low + at_high };
    Some(ChannelCheck {
        name: dataset.card.channels[channel].name.clone(),
        stuck: stuck as f64 / dataset.len().max(1) as f64,
        clipped: extreme as f64 / steps as f64,
        values: values.len(),
    })
}

/// The windows in which a channel is stuck, by index.
pub(crate) fn stuck_windows(dataset: &Dataset, channel: usize) -> BTreeSet<usize> {
    (0..dataset.len()).filter(|window| is_stuck(dataset, *window, channel)).collect()
}

/// Whether a channel has the same value in every step of a window.
fn is_stuck(dataset: &Dataset, window: usize, channel: usize) -> bool {
    let mut values = dataset.window(window).iter().skip(channel).step_by(dataset.card.channels.len());
    let first = values.next();
    values.all(|value| Some(value) == first)
}

/// Two recordings of different groups that hold the same drive or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Duplicate {
    /// The index of one recording.
    pub one: usize,
    /// The index of the other recording.
    pub other: usize,
}

/// The number of windows of each recording that are searched for in the others.
const PROBES: usize = 3;
/// The tolerance of a channel, as a share of its standard deviation in the window.
const TOLERANCE: f32 = 0.1;

/// Finds pairs of recordings that hold the same drive: a window of one occurs, step by step, anywhere in the
/// other. If `expired` becomes true, the pairs that were found until then are returned.
pub(crate) fn find_duplicates(dataset: &Dataset, expired: impl Fn() -> bool) -> Vec<Duplicate> {
    let width = dataset.card.channels.len();
    let mut windows: Vec<Vec<usize>> = vec![Vec::new(); dataset.recordings.len()];
    (0..dataset.len()).for_each(|index| windows[dataset.recording_of_window[index]].push(index));
    let extents = steps_of_recordings(dataset);
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for (one, own) in windows.iter().enumerate() {
        let count = PROBES.min(own.len());
        let probes: Vec<&[f32]> =
            (0..count).map(|probe| dataset.window(own[(2 * probe + 1) * own.len() / (2 * count)])).collect();
        let tolerances: Vec<Vec<f32>> = probes.iter().map(|probe| tolerances(probe, width)).collect();
        for (other, extent) in extents.iter().enumerate() {
            if expired() {
                return found;
            }
            let same_group = dataset.recordings[one].group == dataset.recordings[other].group;
            if other == one || same_group || known.contains(&(other, one)) {
                continue;
            }
            let steps = &dataset.steps[extent.start * width..extent.end * width];
            let occurs = |probe: &[f32], tolerances: &[f32]| {
                let stretches = steps.windows(probe.len()).step_by(width).enumerate();
                let mut stretches = stretches.take_while(|(index, _)| index % BLOCK != 0 || !expired());
                stretches.any(|(_, stretch)| is_same(probe, stretch, tolerances))
            };
            // A window in which every channel is stuck would be found in any other such window.
            let changes = |tolerances: &[f32]| tolerances.iter().any(|tolerance| *tolerance > 0.0);
            let mut probes = probes.iter().zip(&tolerances);
            if probes.any(|(probe, tolerances)| changes(tolerances) && occurs(probe, tolerances)) {
                found.push(Duplicate { one, other });
                known.insert((one, other));
            }
        }
    }
    found
}

/// The tolerance of each channel of a window, `[C]`; see [`is_same`].
fn tolerances(window: &[f32], width: usize) -> Vec<f32> {
    let of = |channel: usize| {
        let values = || window.iter().skip(channel).step_by(width);
        let count = values().count().max(1) as f32;
        let mean = values().sum::<f32>() / count;
        TOLERANCE * (values().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
    };
    (0..width).map(of).collect()
}

/// Whether two windows are the same: all values differ by at most four times the tolerance of their channel,
/// and at least 80 % of them by at most the tolerance itself. So a few steps may differ more.
fn is_same(one: &[f32], other: &[f32], tolerances: &[f32]) -> bool {
    let within = |factor: f32| {
        one.iter()
            .zip(other)
            .zip(tolerances.iter().cycle())
            .all(|((a, b), tolerance)| (a - b).abs() <= factor * tolerance + 1e-12)
    };
    let close = |((a, b), tolerance): ((&f32, &f32), &f32)| (a - b).abs() <= *tolerance + 1e-12;
    within(4.0)
        && one.iter().zip(other).zip(tolerances.iter().cycle()).filter(|pair| close(*pair)).count() * 10
            >= one.len() * 8
}

/// The same windows with recordings of the same drive in one group.
pub(crate) fn group_duplicates(dataset: &Dataset, duplicates: &[Duplicate]) -> Dataset {
    let mut dataset = dataset.clone();
    for Duplicate { one, other } in duplicates {
        let (from, to) = (dataset.recordings[*other].group.clone(), dataset.recordings[*one].group.clone());
        if from == to {
            continue;
        }
        dataset.recordings.iter_mut().filter(|recording| recording.group == from).for_each(|recording| {
            recording.group.clone_from(&to);
        });
    }
    dataset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    #[test]
    fn a_stuck_channel_is_found_with_the_share_of_its_windows() {
        let mut dataset = sine_waves(2, 2, 4);
        let stuck = dataset.windows[3].start;
        dataset.steps[stuck..stuck + 20].fill(0.5);
        assert_eq!(check_channels(&dataset, || true), [], "there was no time");
        let check = &check_channels(&dataset, || false)[0];
        assert_eq!(check.stuck, 1.0 / 16.0);
        assert!(check.clipped < 0.02 && check.values > 100);
        assert_eq!(stuck_windows(&dataset, 0), [3].into());
    }

    #[test]
    fn a_duplicate_drive_is_found_even_if_its_windows_begin_elsewhere() {
        let mut dataset = sine_waves(2, 4, 6);
        // The waves have few frequencies and would look the same; noise makes each drive different.
        let mut state = 1u64;
        for value in &mut dataset.steps {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *value = (state >> 40) as f32 / 1e6;
        }
        assert!(find_duplicates(&dataset, || false).is_empty());
        let steps = dataset.steps.clone();
        let (from, to) = (dataset.windows[0].start, dataset.windows[18].start);
        dataset.steps[to..to + 113].copy_from_slice(&steps[from + 7..from + 120]);
        let found = find_duplicates(&dataset, || false);
        assert_eq!(found, [Duplicate { one: 0, other: 3 }]);
        assert!(find_duplicates(&dataset, || true).is_empty(), "there was no time");
        let grouped = group_duplicates(&dataset, &found);
        assert_eq!(grouped.recordings[3].group, grouped.recordings[0].group);
    }
}
