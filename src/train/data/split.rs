//! Training and validation: by group, so that no drive is on both sides.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::dataset::Dataset;

/// Which windows are trained on and which are held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// Indices of the windows trained on, in order.
    pub training: Vec<usize>,
    /// Indices of the windows held out, in order.
    pub validation: Vec<usize>,
    /// What should be known about it, a sentence each.
    pub warnings: Vec<String>,
}

/// What belongs together, by the label that it has most windows of: the windows of each group.
fn groups_by_label(dataset: &Dataset) -> BTreeMap<usize, Vec<Vec<usize>>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, source) in dataset.sources.iter().enumerate() {
        groups.entry(&dataset.recordings[*source].group).or_default().push(index);
    }
    let mut by_label: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    for windows in groups.into_values() {
        let counts = dataset.count(windows.iter().copied());
        let most = counts.iter().max().copied().unwrap_or(0);
        let commonest = counts.iter().position(|count| *count == most).unwrap_or(0);
        by_label.entry(commonest).or_default().push(windows);
    }
    by_label
}

fn alone(dataset: &Dataset, label: usize) -> String {
    format!(
        "label {:?} has one recording (or group) only, so it is trained on and not validated; record another",
        dataset.card.labels[label]
    )
}

impl Split {
    /// Holds out a share of each label's groups, drawn by the seed; a group's label is its commonest.
    ///
    /// Of a label with several groups at least one is held out and at least one is not; of a label with a single group
    /// none is held out, with a warning. A share of 0 holds out nothing.
    pub(crate) fn new(dataset: &Dataset, share: f64, seed: u64) -> Self {
        let mut split = Self::default();
        let mut rng = Pcg64::new(u128::from(seed), crate::train::random_streams::SPLIT);
        for (label, mut groups) in groups_by_label(dataset) {
            groups.shuffle(&mut rng);
            let held = match groups.len() {
                _ if share <= 0.0 => 0,
                1 => {
                    split.warnings.push(alone(dataset, label));
                    0
                }
                count => ((count as f64 * share).round() as usize).clamp(1, count - 1),
            };
            let (validation, training) = groups.split_at(held);
            split.validation.extend(validation.iter().flatten());
            split.training.extend(training.iter().flatten());
        }
        split.training.sort_unstable();
        split.validation.sort_unstable();
        split
    }

    /// As [`Split::new`]; where no label has a second recording, the last part of each recording is held out instead, without the
    /// windows that overlap what is trained on, and with a warning.
    pub(crate) fn for_one(dataset: &Dataset, share: f64, seed: u64) -> Self {
        let split = Self::new(dataset, share, seed);
        if share <= 0.0 || !split.validation.is_empty() {
            return split;
        }
        let mut split = Self {
            warnings: vec![
                "no label has a second recording, so the end of each recording is held out: scores on a new drive will be lower; record \
                 each surface at least twice"
                    .into(),
            ],
            ..Self::default()
        };
        for source in 0..dataset.recordings.len() {
            let windows: Vec<usize> = (0..dataset.len()).filter(|i| dataset.sources[*i] == source).collect();
            let held = (windows.len() as f64 * share).round() as usize;
            let (training, validation) = windows.split_at(windows.len() - held);
            let first = validation.first().map_or(usize::MAX, |window| dataset.places[*window].start);
            let apart = |window: &&usize| dataset.places[**window].start + dataset.card.window <= first;
            split.training.extend(training.iter().filter(apart));
            split.validation.extend(validation);
        }
        split
    }

    /// Some windows without a share of each label's groups, drawn by the seed; of each label at least one group stays.
    pub(crate) fn part(dataset: &Dataset, windows: &[usize], without: f64, seed: u64) -> Vec<usize> {
        let among: std::collections::BTreeSet<usize> = windows.iter().copied().collect();
        let mut rng = Pcg64::new(u128::from(seed), crate::train::random_streams::SPLIT);
        let mut kept = Vec::new();
        for (_, mut groups) in groups_by_label(dataset) {
            groups.iter_mut().for_each(|group| group.retain(|window| among.contains(window)));
            groups.retain(|group| !group.is_empty());
            groups.shuffle(&mut rng);
            let gone = ((groups.len() as f64 * without).round() as usize).min(groups.len().saturating_sub(1));
            kept.extend(groups.into_iter().skip(gone).flatten());
        }
        kept.sort_unstable();
        kept
    }

    /// Deals each label's groups, shuffled by the seed, to `folds` parts, and holds out each part once. A label with a single
    /// group is never held out, with a warning; where that is so of every label, there is one split that holds out nothing.
    pub(crate) fn folds(dataset: &Dataset, folds: usize, seed: u64) -> Vec<Self> {
        let mut rng = Pcg64::new(u128::from(seed), crate::train::random_streams::SPLIT);
        let mut parts: Vec<Option<usize>> = vec![None; dataset.len()];
        let (mut next, mut warnings) = (0, Vec::new());
        for (label, mut groups) in groups_by_label(dataset) {
            if groups.len() == 1 {
                warnings.push(alone(dataset, label));
                continue;
            }
            groups.shuffle(&mut rng);
            for windows in groups {
                windows.into_iter().for_each(|window| parts[window] = Some(next % folds));
                next += 1;
            }
        }
        Self::of_parts(&parts, folds, &warnings)
    }

    /// Deals windows to parts without regard to recordings, so that neighbours that overlap stand on both sides: the scores are
    /// better than those on a new drive, and are only good for showing by how much.
    pub(crate) fn leaky_folds(dataset: &Dataset, folds: usize, seed: u64) -> Vec<Self> {
        let mut order: Vec<usize> = (0..dataset.len()).collect();
        order.shuffle(&mut Pcg64::new(u128::from(seed), crate::train::random_streams::SPLIT));
        let mut parts = vec![None; dataset.len()];
        order.into_iter().enumerate().for_each(|(place, window)| parts[window] = Some(place % folds));
        Self::of_parts(&parts, folds, &[])
    }

    /// One split a part; a part of which nothing would be held out is left out.
    fn of_parts(parts: &[Option<usize>], folds: usize, warnings: &[String]) -> Vec<Self> {
        let of = |fold: usize| {
            let (validation, training) =
                (0..parts.len()).partition::<Vec<usize>, _>(|window| parts[*window] == Some(fold));
            Self { training, validation, warnings: warnings.to_vec() }
        };
        let splits: Vec<Self> = (0..folds).map(of).filter(|split| !split.validation.is_empty()).collect();
        if splits.is_empty() { vec![of(folds)] } else { splits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::waves;

    #[test]
    fn a_split_never_cuts_a_group_and_keeps_every_label_on_both_sides() {
        let dataset = waves(3, 5, 4);
        for seed in 0..20 {
            let split = Split::new(&dataset, 0.2, seed);
            assert_eq!(split.training.len() + split.validation.len(), dataset.len());
            let sources = |indices: &[usize]| {
                indices.iter().map(|i| dataset.sources[*i]).collect::<std::collections::BTreeSet<_>>()
            };
            assert!(sources(&split.training).is_disjoint(&sources(&split.validation)));
            assert_eq!(dataset.count(split.validation.iter().copied()), [4, 4, 4]);
        }
        assert_eq!(Split::new(&dataset, 0.2, 3), Split::new(&dataset, 0.2, 3));
        assert_ne!(Split::new(&dataset, 0.2, 3), Split::new(&dataset, 0.2, 4));
    }

    #[test]
    fn folds_hold_out_every_recording_once_and_none_by_halves() {
        let dataset = waves(3, 7, 4);
        let folds = Split::folds(&dataset, 5, 1);
        assert_eq!(folds.len(), 5);
        let mut held: Vec<usize> = folds.iter().flat_map(|split| split.validation.clone()).collect();
        held.sort_unstable();
        assert_eq!(held, (0..dataset.len()).collect::<Vec<_>>());
        for split in &folds {
            let sources = |indices: &[usize]| {
                indices.iter().map(|i| dataset.sources[*i]).collect::<std::collections::BTreeSet<_>>()
            };
            assert!(sources(&split.training).is_disjoint(&sources(&split.validation)));
            assert!(dataset.count(split.validation.iter().copied()).iter().all(|count| *count >= 4));
        }
        let alone = waves(2, 1, 4);
        let splits = Split::folds(&alone, 5, 1);
        assert_eq!((splits.len(), splits[0].training.len(), splits[0].warnings.len()), (1, 8, 2));
        let leaky = &Split::leaky_folds(&dataset, 5, 1)[0];
        assert_eq!(leaky.training.len() + leaky.validation.len(), dataset.len());
    }

    #[test]
    fn a_label_with_one_group_is_trained_on_with_a_warning() {
        let mut dataset = waves(2, 3, 2);
        let label = dataset.labels.clone();
        for (source, label) in dataset.sources.iter().zip(label).filter(|(_, label)| *label == 1) {
            assert_eq!(label, 1);
            dataset.recordings[*source].group = "one".into();
        }
        let split = Split::new(&dataset, 0.2, 0);
        assert_eq!(dataset.count(split.validation.iter().copied()), [2, 0]);
        assert!(split.warnings[0].contains("label \"s1\" has one recording"), "{:?}", split.warnings);
    }
}
