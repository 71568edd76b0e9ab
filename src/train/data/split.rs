//! The split of the windows into those trained on and those held out.
//!
//! Whole groups of recordings are held out. Windows of one drive are near-copies of each other, so scores on
//! held-out windows of a drive that was also trained on would be too high.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::dataset::Dataset;
use crate::train::random_streams;

/// Which windows are trained on and which are held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// The indices of the windows trained on, ascending.
    pub training: Vec<usize>,
    /// The indices of the windows held out, ascending.
    pub validation: Vec<usize>,
    /// Reasons for caution with this split, one sentence each.
    pub warnings: Vec<String>,
}

/// The groups of recordings, each as the indices of its windows, by the group's most frequent label (the
/// first one if several are equally frequent).
fn groups_by_label(dataset: &Dataset) -> BTreeMap<usize, Vec<Vec<usize>>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, recording) in dataset.recording_of_window.iter().enumerate() {
        groups.entry(&dataset.recordings[*recording].group).or_default().push(index);
    }
    let mut by_label: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    for windows in groups.into_values() {
        by_label.entry(dataset.most_frequent_label(&windows)).or_default().push(windows);
    }
    by_label
}

/// Whether a group has every window of some label, so that it has to be trained on.
fn has_all_of_a_label(dataset: &Dataset, windows: &[usize]) -> bool {
    let (own, all) = (dataset.count(windows.iter().copied()), dataset.count(0..dataset.len()));
    own.iter().zip(&all).any(|(own, all)| *own > 0 && own == all)
}

/// The warning for a label that cannot be held out because it has a single group.
fn single_group_warning(dataset: &Dataset, label: usize) -> String {
    format!(
        "label {:?} has only one recording (or group), so it is trained on and never held out; record this \
         surface again",
        dataset.card.labels[label]
    )
}

/// A warning for each label that some network is never trained on, because all recordings with it are held
/// out of that network. These are labels of a minority of the windows in drives over several surfaces.
fn untrained_label_warnings(dataset: &Dataset, splits: &[Split]) -> Vec<String> {
    let counts: Vec<Vec<usize>> =
        splits.iter().map(|split| dataset.count(split.training.iter().copied())).collect();
    let warning = |(label, name): (usize, &String)| {
        let recordings: BTreeSet<usize> = (0..dataset.len())
            .filter(|window| dataset.labels[*window] == label)
            .map(|window| dataset.recording_of_window[window])
            .collect();
        let first = recordings.first()?;
        let without = counts.iter().filter(|counts| counts[label] == 0).count();
        let networks = match splits.len() {
            1 => "the network is".to_owned(),
            count => format!("{without} of the {count} networks {}", if without == 1 { "is" } else { "are" }),
        };
        (without > 0).then(|| {
            format!(
                "label {name:?} is only in {} and recordings that are held out together with it, so {networks} \
                 never trained on it; record this surface in more drives",
                dataset.recordings[*first].name
            )
        })
    };
    dataset.card.labels.iter().enumerate().filter_map(warning).collect()
}

impl Split {
    /// The splits of a training run: those of a cross-validation, or a single one if `folds` is 0.
    pub(crate) fn of_run(dataset: &Dataset, folds: usize, validation: f64, seed: u64) -> Vec<Self> {
        match folds {
            0 => vec![Self::new(dataset, validation, seed)],
            folds => Self::folds(dataset, folds, seed),
        }
    }

    /// Holds out a share of the groups of each label, chosen at random. A group's label is its most frequent
    /// one.
    ///
    /// Of a label with several groups, at least one is held out and at least one is trained on. The group of
    /// a label with only one is never held out, and a warning says so. A share of 0 holds out nothing.
    pub(crate) fn new(dataset: &Dataset, share: f64, seed: u64) -> Self {
        let mut split = Self::default();
        let mut rng = Pcg64::new(u128::from(seed), random_streams::SPLIT);
        for (label, mut groups) in groups_by_label(dataset) {
            groups.shuffle(&mut rng);
            let held_out = match groups.len() {
                _ if share <= 0.0 => 0,
                1 => {
                    if has_all_of_a_label(dataset, &groups[0]) {
                        split.warnings.push(single_group_warning(dataset, label));
                    }
                    0
                }
                count => ((count as f64 * share).round() as usize).clamp(1, count - 1),
            };
            let (validation, training) = groups.split_at(held_out);
            split.validation.extend(validation.iter().flatten());
            split.training.extend(training.iter().flatten());
        }
        split.training.sort_unstable();
        split.validation.sort_unstable();
        let untrained = untrained_label_warnings(dataset, std::slice::from_ref(&split));
        split.warnings.extend(untrained);
        split
    }

    /// The number of groups of the label with the fewest. A group's label is its most frequent one.
    pub(crate) fn fewest_groups(dataset: &Dataset) -> usize {
        let by_label = groups_by_label(dataset);
        (0..dataset.card.labels.len())
            .map(|label| by_label.get(&label).map_or(0, Vec::len))
            .min()
            .unwrap_or(0)
    }

    /// The number of groups of the label with the most. A group's label is its most frequent one.
    pub(crate) fn most_groups(dataset: &Dataset) -> usize {
        groups_by_label(dataset).values().map(Vec::len).max().unwrap_or(0)
    }

    /// A split as from [`Split::new`], or, if no label has a second group, one that holds out the end of each
    /// recording, with a warning. In that case, windows that overlap the held-out part of their recording are
    /// neither trained on nor held out.
    pub(crate) fn for_one(dataset: &Dataset, share: f64, seed: u64) -> Self {
        let split = Self::new(dataset, share, seed);
        if share <= 0.0 || !split.validation.is_empty() {
            return split;
        }
        let mut split = Self {
            warnings: vec![
                "no label has a second recording, so the end of each recording is held out, and scores on a \
                 new drive will be lower; record each surface at least twice"
                    .into(),
            ],
            ..Self::default()
        };
        for recording in 0..dataset.recordings.len() {
            let windows: Vec<usize> =
                (0..dataset.len()).filter(|i| dataset.recording_of_window[*i] == recording).collect();
            let held_out = (windows.len() as f64 * share).round() as usize;
            let (training, validation) = windows.split_at(windows.len() - held_out);
            let first = validation.first().map_or(usize::MAX, |window| dataset.windows[*window].start);
            let ends_before =
                |window: &&usize| dataset.windows[**window].start + dataset.card.window <= first;
            split.training.extend(training.iter().filter(ends_before));
            split.validation.extend(validation);
        }
        split
    }

    /// The given windows, except for those of randomly chosen groups: a share `without` of the groups of each
    /// label is dropped. At least one group of each label is kept.
    pub(crate) fn subset(dataset: &Dataset, windows: &[usize], without: f64, seed: u64) -> Vec<usize> {
        let given: BTreeSet<usize> = windows.iter().copied().collect();
        let mut rng = Pcg64::new(u128::from(seed), random_streams::SPLIT);
        let mut kept = Vec::new();
        for (_, mut groups) in groups_by_label(dataset) {
            groups.iter_mut().for_each(|group| group.retain(|window| given.contains(window)));
            groups.retain(|group| !group.is_empty());
            groups.shuffle(&mut rng);
            let dropped =
                ((groups.len() as f64 * without).round() as usize).min(groups.len().saturating_sub(1));
            kept.extend(groups.into_iter().skip(dropped).flatten());
        }
        kept.sort_unstable();
        kept
    }

    /// The splits of a cross-validation: the groups of each label are distributed over `folds` parts in
    /// random order, and each split holds out one part.
    ///
    /// The group of a label with only one is never held out if it has all windows of some label, and a warning
    /// says so. If that is the case for every label, there is one split, which holds out nothing.
    pub(crate) fn folds(dataset: &Dataset, folds: usize, seed: u64) -> Vec<Self> {
        let mut rng = Pcg64::new(u128::from(seed), random_streams::SPLIT);
        let mut parts: Vec<Option<usize>> = vec![None; dataset.len()];
        let (mut next, mut warnings) = (0, Vec::new());
        for (label, mut groups) in groups_by_label(dataset) {
            if groups.len() == 1 && has_all_of_a_label(dataset, &groups[0]) {
                warnings.push(single_group_warning(dataset, label));
                continue;
            }
            groups.shuffle(&mut rng);
            for windows in groups {
                windows.into_iter().for_each(|window| parts[window] = Some(next % folds));
                next += 1;
            }
        }
        let mut splits = Self::of_parts(&parts, folds, &warnings);
        let untrained = untrained_label_warnings(dataset, &splits);
        splits.iter_mut().for_each(|split| split.warnings.extend(untrained.iter().cloned()));
        splits
    }

    /// The splits of a cross-validation that distributes single windows instead of groups, so that
    /// overlapping windows are both trained on and held out. The scores are too high; they serve to show how
    /// much higher than those on new drives.
    pub(crate) fn leaky_folds(dataset: &Dataset, folds: usize, seed: u64) -> Vec<Self> {
        let mut order: Vec<usize> = (0..dataset.len()).collect();
        order.shuffle(&mut Pcg64::new(u128::from(seed), random_streams::SPLIT));
        let mut parts = vec![None; dataset.len()];
        order.into_iter().enumerate().for_each(|(position, window)| parts[window] = Some(position % folds));
        Self::of_parts(&parts, folds, &[])
    }

    /// One split per part that has windows; `parts` has the part of each window, `[N]`; windows with `None`
    /// are always trained on. If no part has windows, there is one split, which holds out nothing.
    fn of_parts(parts: &[Option<usize>], folds: usize, warnings: &[String]) -> Vec<Self> {
        let split = |fold: usize| {
            let (validation, training) =
                (0..parts.len()).partition::<Vec<usize>, _>(|window| parts[*window] == Some(fold));
            Self { training, validation, warnings: warnings.to_vec() }
        };
        let splits: Vec<Self> = (0..folds).map(split).filter(|split| !split.validation.is_empty()).collect();
        if splits.is_empty() { vec![split(folds)] } else { splits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    /// The groups that windows are of.
    fn groups<'a>(dataset: &'a Dataset, windows: &[usize]) -> BTreeSet<&'a str> {
        windows
            .iter()
            .map(|window| dataset.recordings[dataset.recording_of_window[*window]].group.as_str())
            .collect()
    }

    #[test]
    fn a_split_never_cuts_a_group_and_keeps_every_label_on_both_sides() {
        // Each group is two recordings of a label.
        let mut dataset = sine_waves(3, 10, 2);
        for (source, recording) in dataset.recordings.iter_mut().enumerate() {
            recording.group = format!("group {}", source / 2);
        }
        for seed in 0..20 {
            let split = Split::new(&dataset, 0.2, seed);
            let mut all = [&split.training[..], &split.validation].concat();
            all.sort_unstable();
            assert_eq!(all, (0..dataset.len()).collect::<Vec<_>>(), "each window is on one side");
            assert!(groups(&dataset, &split.training).is_disjoint(&groups(&dataset, &split.validation)));
            assert_eq!(dataset.count(split.validation.iter().copied()), [4, 4, 4]);
        }
        assert_eq!(Split::new(&dataset, 0.2, 3), Split::new(&dataset, 0.2, 3));
        assert_ne!(Split::new(&dataset, 0.2, 3), Split::new(&dataset, 0.2, 4));
    }

    #[test]
    fn folds_hold_out_every_recording_once_and_as_a_whole() {
        let dataset = sine_waves(3, 7, 4);
        let folds = Split::folds(&dataset, 5, 1);
        assert_eq!(folds.len(), 5);
        let mut held_out: Vec<usize> = folds.iter().flat_map(|split| split.validation.clone()).collect();
        held_out.sort_unstable();
        assert_eq!(held_out, (0..dataset.len()).collect::<Vec<_>>());
        for split in &folds {
            assert_eq!(split.training.len() + split.validation.len(), dataset.len());
            assert!(groups(&dataset, &split.training).is_disjoint(&groups(&dataset, &split.validation)));
            assert!(dataset.count(split.validation.iter().copied()).iter().all(|count| *count >= 4));
        }
        let single = sine_waves(2, 1, 4);
        let splits = Split::folds(&single, 5, 1);
        assert_eq!((splits.len(), splits[0].training.len(), splits[0].warnings.len()), (1, 8, 2));
        for leaky in Split::leaky_folds(&dataset, 5, 1) {
            assert!((16..=17).contains(&leaky.validation.len()), "a fifth of 84 windows");
            assert!(!groups(&dataset, &leaky.training).is_disjoint(&groups(&dataset, &leaky.validation)));
        }
    }

    #[test]
    fn a_label_with_one_group_is_trained_on_with_a_warning() {
        let mut dataset = sine_waves(2, 3, 2);
        for recording in dataset.recordings.iter_mut().filter(|recording| recording.name.starts_with("s1/")) {
            recording.group = "one".into();
        }
        let split = Split::new(&dataset, 0.2, 0);
        assert_eq!(dataset.count(split.training.iter().copied()), [4, 6]);
        assert_eq!(dataset.count(split.validation.iter().copied()), [2, 0]);
        assert_eq!(split.warnings.len(), 1);
        assert!(split.warnings[0].contains("label \"s1\" has only one recording"), "{:?}", split.warnings);
    }

    #[test]
    fn groups_of_every_surface_are_held_out_in_turn() {
        // Each group is a session over all surfaces, and each surface is the most frequent one of one session.
        let mut dataset = sine_waves(3, 3, 6);
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            recording.group = format!("day {}", index % 3);
        }
        let kept: Vec<usize> = (0..dataset.len())
            .filter(|window| {
                let recording = dataset.recording_of_window[*window];
                recording / 3 == recording % 3 || window % 2 == 0
            })
            .collect();
        let dataset = dataset.with_windows(&kept);
        let folds = Split::folds(&dataset, 5, 1);
        assert_eq!(folds.len(), 3);
        for split in &folds {
            assert_eq!((groups(&dataset, &split.validation).len(), split.warnings.len()), (1, 0));
            assert!(dataset.count(split.training.iter().copied()).iter().all(|count| *count > 0));
        }
    }

    #[test]
    fn a_label_of_a_few_windows_of_one_drive_is_named_where_it_is_untrained() {
        // Three windows of one drive over s0 are on s2, and there are no others.
        let mut dataset = sine_waves(2, 5, 6);
        dataset.card.labels.push("s2".into());
        (6..9).for_each(|window| dataset.labels[window] = 2);
        let folds = Split::folds(&dataset, 5, 1);
        for split in &folds {
            let expected = "label \"s2\" is only in s0/1 and recordings that are held out together with it, so 1 of the 5 networks is never trained";
            assert!(
                split.warnings.len() == 1 && split.warnings[0].starts_with(expected),
                "{:?}",
                split.warnings
            );
        }
        assert!(Split::folds(&sine_waves(3, 5, 6), 5, 1)[0].warnings.is_empty());
    }
}
