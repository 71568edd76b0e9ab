//! How a model is trained on: the settings, the mix of new and old windows, and the drives that are held out.

use std::collections::{BTreeMap, BTreeSet};

use super::material::Material;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::options::FitOptions;

/// The steps of each training. They are few, so that the weights stay near those of the model. A pull towards these (Li
/// et al. 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks") takes as much from the new
/// drives as it gives to the old ones.
const STEPS: f64 = 100.0;
/// The initial learning rate.
const LEARNING_RATE: f64 = 3e-3;
/// The fewest and the most parts of the new drives that are held out, one after the other.
const FOLDS: (usize, usize) = (2, 4);

/// The settings of a training on this many windows.
pub(super) fn options(windows: usize, seed: u64) -> FitOptions {
    let defaults = FitOptions::default();
    let steps_per_epoch = windows.div_ceil(defaults.batch_size).max(1) as f64;
    FitOptions {
        seed,
        learning_rate: LEARNING_RATE,
        // The weights are those of a trained network, which need not become smaller.
        weight_decay: 0.0,
        // The windows that the file kept are learned already, and would end it before the new ones are.
        end_when_learned: false,
        epochs: Some(((STEPS / steps_per_epoch).round() as usize).max(1)),
        ..defaults
    }
}

/// The split that trains on all recordings and holds out none.
pub(super) fn everything(material: &Material) -> Split {
    let training = mixed(&material.dataset, &material.windows(true), &material.windows(false));
    Split { training, ..Split::default() }
}

/// The splits of the comparison: each holds out a part of the new drives, and a part of the old recordings, by groups of
/// recordings as `fit` does. New drives that the model was trained on before are never held out. Empty if no new drive
/// can be held out.
pub(super) fn folds(material: &Material, seed: u64) -> Vec<Split> {
    let dataset = &material.dataset;
    let (new, old) = (material.windows(true), material.windows(false));
    let is_known = |window: &usize| material.known.contains(&dataset.recording_of_window[*window]);
    let unknown: Vec<usize> = new.iter().filter(|window| !is_known(window)).copied().collect();
    let most = Split::most_groups(&dataset.with_windows(&unknown));
    let held_out_new = parts(dataset, &unknown, most.clamp(FOLDS.0, FOLDS.1), seed);
    let held_out_old = parts(dataset, &old, held_out_new.len().max(FOLDS.0), seed);
    let split = |(index, held_out): (usize, &BTreeSet<usize>)| {
        let none = BTreeSet::new();
        let old_held_out = held_out_old.get(index).unwrap_or(&none);
        let without = |all: &[usize], held_out: &BTreeSet<usize>| -> Vec<usize> {
            all.iter().filter(|window| !held_out.contains(window)).copied().collect()
        };
        Split {
            training: mixed(dataset, &without(&new, held_out), &without(&old, old_held_out)),
            validation: held_out.union(old_held_out).copied().collect(),
            warnings: Vec::new(),
        }
    };
    held_out_new.iter().enumerate().map(split).collect()
}

/// Parts of the given windows that are each held out once.
fn parts(dataset: &Dataset, windows: &[usize], folds: usize, seed: u64) -> Vec<BTreeSet<usize>> {
    if windows.is_empty() {
        return Vec::new();
    }
    let splits = Split::folds(&dataset.with_windows(windows), folds, seed);
    let held_out = |split: Split| split.validation.into_iter().map(|index| windows[index]).collect();
    splits.into_iter().map(held_out).filter(|part: &BTreeSet<usize>| !part.is_empty()).collect()
}

/// The windows that are trained on: the new ones, and about as many old ones, the same number of each label. Old windows
/// are repeated or thinned out, evenly over the recordings, as far as it takes.
fn mixed(dataset: &Dataset, new: &[usize], old: &[usize]) -> Vec<usize> {
    let mut by_label: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    old.iter().for_each(|window| by_label.entry(dataset.labels[*window]).or_default().push(*window));
    let each = new.len().div_ceil(by_label.len().max(1)).max(1);
    let thinned = |windows: &Vec<usize>| -> Vec<usize> {
        (0..each).map(|place| windows[place * windows.len() / each]).collect()
    };
    let mut training = [new.to_vec(), by_label.values().flat_map(thinned).collect()].concat();
    training.sort_unstable();
    training
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::refit::material::tests::sine_material;
    use crate::train::tests::sine_waves;

    #[test]
    fn new_and_old_windows_are_trained_on_in_equal_parts_and_every_old_surface_alike() {
        // The recordings of the first label are new; of the others there are 12 and 6 windows.
        let mut dataset = sine_waves(3, 3, 4);
        let kept: Vec<usize> = (0..dataset.len()).filter(|window| *window < 30).collect();
        dataset = dataset.with_windows(&kept);
        let training = everything(&sine_material(dataset.clone(), 3)).training;
        assert_eq!(dataset.count(training.iter().copied()), [12, 6, 6]);
        let few = mixed(&dataset, &(0..12).collect::<Vec<_>>(), &[12, 24]);
        assert_eq!(dataset.count(few), [12, 6, 6], "old windows are repeated");
        assert_eq!(mixed(&dataset, &[0, 1], &[]), [0, 1]);
    }

    #[test]
    fn each_new_drive_is_held_out_once_with_old_recordings_unless_it_was_known() {
        let dataset = sine_waves(2, 6, 4);
        // Eight recordings are new: six of the first label and two of the second.
        let mut material = sine_material(dataset, 8);
        material.known = [1].into();
        let splits = folds(&material, 1);
        assert_eq!(splits.len(), 4);
        let mut held_out = Vec::new();
        for split in &splits {
            let recording = |window: &usize| material.dataset.recording_of_window[*window];
            let [training, validation] = [&split.training, &split.validation]
                .map(|windows| windows.iter().map(recording).collect::<BTreeSet<_>>());
            assert!(training.is_disjoint(&validation) && training.contains(&1));
            assert!(validation.iter().any(|recording| *recording >= 8), "{validation:?}");
            held_out.extend(validation.into_iter().filter(|recording| *recording < 8));
        }
        held_out.sort_unstable();
        assert_eq!(held_out, [0, 2, 3, 4, 5, 6, 7]);
        material.known = (0..8).collect();
        assert!(folds(&material, 1).is_empty());
    }
}
