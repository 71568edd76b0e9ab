//! What the windows themselves show, before anything is trained: stuck, clipped and coarse channels, and drives that are there twice.

use std::collections::BTreeSet;

use crate::train::data::dataset::Dataset;

/// What a channel is like over all windows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct ChannelCheck {
    /// Its name.
    pub name: String,
    /// The share of the windows in which it does not change at all.
    pub stuck: f64,
    /// The share of its steps that are at its very smallest or largest value.
    pub clipped: f64,
    /// How many different values it takes.
    pub values: usize,
}

/// Looks at each channel.
pub(crate) fn channels(dataset: &Dataset) -> Vec<ChannelCheck> {
    let width = dataset.card.channels.len();
    let check = |channel: usize| {
        let column = || dataset.steps.iter().skip(channel).step_by(width).copied();
        let (low, high) = column().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let still = |window: usize| {
            let values = || dataset.window(window).iter().skip(channel).step_by(width);
            values().all(|value| Some(value) == values().next())
        };
        let stuck = (0..dataset.len()).filter(|window| still(*window)).count();
        let extreme = column().filter(|value| *value == low || *value == high).count();
        let steps = (dataset.steps.len() / width).max(1);
        let mut values: Vec<u32> = column().map(f32::to_bits).collect();
        values.sort_unstable();
        values.dedup();
        ChannelCheck {
            name: dataset.card.channels[channel].name.clone(),
            stuck: stuck as f64 / dataset.len().max(1) as f64,
            clipped: extreme as f64 / steps as f64,
            values: values.len(),
        }
    };
    (0..width).map(check).collect()
}

/// Two recordings of different groups that hold the same drive, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Duplicate {
    /// A recording, as an index.
    pub one: usize,
    /// Another.
    pub other: usize,
}

/// Windows of a recording that are looked for in the others.
const PROBES: usize = 3;
/// Two windows are the same if they differ by less than this share of their deviation.
const NEAR: f32 = 0.1;

/// Recordings that hold the same drive: a window of one is found again, step by step, anywhere in the other.
pub(crate) fn duplicates(dataset: &Dataset) -> Vec<Duplicate> {
    let (width, window) = (dataset.card.channels.len(), dataset.card.window);
    let mut windows: Vec<Vec<usize>> = vec![Vec::new(); dataset.recordings.len()];
    (0..dataset.len()).for_each(|index| windows[dataset.sources[index]].push(index));
    // The stretches of steps that the windows of a recording cover; the steps of recordings stand one after the other.
    let extent = |source: usize| -> Option<(usize, usize)> {
        let starts = windows[source].iter().map(|index| dataset.windows[*index].start);
        Some((starts.clone().min()?, starts.max()? + window))
    };
    let extents: Vec<Option<(usize, usize)>> = (0..windows.len()).map(extent).collect();
    let mut found = Vec::new();
    for (one, own) in windows.iter().enumerate() {
        let count = PROBES.min(own.len());
        let probes: Vec<&[f32]> =
            (0..count).map(|probe| dataset.window(own[(2 * probe + 1) * own.len() / (2 * count)])).collect();
        let tolerances: Vec<Vec<f32>> = probes.iter().map(|probe| tolerances(probe, width)).collect();
        for (other, extent) in extents.iter().enumerate() {
            let same_group = dataset.recordings[one].group == dataset.recordings[other].group;
            let Some((first, end)) = extent.filter(|_| other != one && !same_group) else { continue };
            let seen = found.contains(&Duplicate { one: other, other: one });
            let steps = &dataset.steps[first * width..end * width];
            let at = |probe: &[f32], near: &[f32]| {
                steps.windows(probe.len()).step_by(width).any(|place| alike(probe, place, near))
            };
            let live = |near: &[f32]| near.iter().any(|near| *near > 0.0);
            if !seen && probes.iter().zip(&tolerances).any(|(probe, near)| live(near) && at(probe, near)) {
                found.push(Duplicate { one, other });
            }
        }
    }
    found
}

/// How much each channel may differ.
fn tolerances(window: &[f32], width: usize) -> Vec<f32> {
    let of = |channel: usize| {
        let values = || window.iter().skip(channel).step_by(width);
        let count = values().count().max(1) as f32;
        let mean = values().sum::<f32>() / count;
        NEAR * (values().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
    };
    (0..width).map(of).collect()
}

fn alike(one: &[f32], other: &[f32], near: &[f32]) -> bool {
    // A few single steps may differ more: four times the mean difference that is allowed.
    let within = |far: f32| {
        one.iter()
            .zip(other)
            .zip(near.iter().cycle())
            .all(|((a, b), near)| (a - b).abs() <= far * near + 1e-12)
    };
    let close = |((a, b), near): ((&f32, &f32), &f32)| (a - b).abs() <= *near + 1e-12;
    within(4.0)
        && one.iter().zip(other).zip(near.iter().cycle()).filter(|pair| close(*pair)).count() * 10
            >= one.len() * 8
}

/// The same windows with recordings that hold the same drive in one group.
pub(crate) fn grouped(dataset: &Dataset, duplicates: &[Duplicate]) -> Dataset {
    let mut dataset = dataset.clone();
    for Duplicate { one, other } in duplicates {
        let (from, to) = (dataset.recordings[*other].group.clone(), dataset.recordings[*one].group.clone());
        dataset.recordings.iter_mut().filter(|source| source.group == from).for_each(|source| {
            source.group.clone_from(&to);
        });
    }
    dataset
}

/// The windows in which a channel is stuck.
pub(crate) fn stuck_windows(dataset: &Dataset, channel: usize) -> BTreeSet<usize> {
    let width = dataset.card.channels.len();
    let still = |window: &usize| {
        let mut values = dataset.window(*window).iter().skip(channel).step_by(width);
        let first = values.next();
        values.all(|value| Some(value) == first)
    };
    (0..dataset.len()).filter(still).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::waves;

    #[test]
    fn a_stuck_channel_is_seen_with_its_share() {
        let mut dataset = waves(2, 2, 4);
        let stuck = dataset.windows[3].start;
        dataset.steps[stuck..stuck + 20].fill(0.5);
        let check = &channels(&dataset)[0];
        assert_eq!(check.stuck, 1.0 / 16.0);
        assert!(check.clipped < 0.02 && check.values > 100);
        assert_eq!(stuck_windows(&dataset, 0), [3].into());
    }

    #[test]
    fn a_drive_that_is_there_twice_is_found_though_its_windows_begin_elsewhere() {
        let mut dataset = waves(2, 4, 6);
        // The waves have few frequencies and would be alike; noise makes each drive its own.
        let mut state = 1u64;
        for value in &mut dataset.steps {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *value = (state >> 40) as f32 / 1e6;
        }
        assert!(duplicates(&dataset).is_empty());
        let steps = dataset.steps.clone();
        let (from, to) = (dataset.windows[0].start, dataset.windows[18].start);
        dataset.steps[to..to + 113].copy_from_slice(&steps[from + 7..from + 120]);
        let found = duplicates(&dataset);
        assert_eq!(found, [Duplicate { one: 0, other: 3 }]);
        let grouped = grouped(&dataset, &found);
        assert_eq!(grouped.recordings[3].group, grouped.recordings[0].group);
    }
}
