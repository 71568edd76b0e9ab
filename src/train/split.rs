//! Training and validation: by group, so that no drive is on both sides.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::dataset::Dataset;

/// Which windows are trained on and which are held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Indices of the windows trained on, in order.
    pub training: Vec<usize>,
    /// Indices of the windows held out, in order.
    pub validation: Vec<usize>,
    /// What should be known about it, a sentence each.
    pub warnings: Vec<String>,
}

impl Split {
    /// Holds out a share of each label's groups, drawn by the seed; a group's label is its commonest.
    ///
    /// Of a label with several groups at least one is held out and at least one is not; of a label with a single group
    /// none is held out, with a warning. A share of 0 holds out nothing.
    pub fn new(dataset: &Dataset, share: f64, seed: u64) -> Self {
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, source) in dataset.sources.iter().enumerate() {
            groups.entry(&dataset.recordings[*source].group).or_default().push(index);
        }
        let mut by_label: BTreeMap<usize, Vec<&Vec<usize>>> = BTreeMap::new();
        for windows in groups.values() {
            let counts = dataset.count(windows.iter().copied());
            let most = counts.iter().max().copied().unwrap_or(0);
            let commonest = counts.iter().position(|count| *count == most).unwrap_or(0);
            by_label.entry(commonest).or_default().push(windows);
        }
        let mut split = Self::default();
        let mut rng = Pcg64::new(u128::from(seed), super::streams::SPLIT);
        for (label, mut groups) in by_label {
            groups.shuffle(&mut rng);
            let held = match groups.len() {
                _ if share <= 0.0 => 0,
                1 => {
                    split.warnings.push(format!(
                        "label {:?} has one recording (or group) only, so it is trained on and not validated; record another",
                        dataset.card.labels[label]
                    ));
                    0
                }
                count => ((count as f64 * share).round() as usize).clamp(1, count - 1),
            };
            let (validation, training) = groups.split_at(held);
            split.validation.extend(validation.iter().copied().flatten());
            split.training.extend(training.iter().copied().flatten());
        }
        split.training.sort_unstable();
        split.validation.sort_unstable();
        split
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
