//! The training: networks that leave out some drives, to compare before and after, and then those of the model.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::comparison::{Comparison, HeldOutWindow};
use super::error::RefitError;
use super::material::Material;
use super::{plan, start};
use crate::train::data::split::Split;
use crate::train::fit::calibration::Calibration;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::ensemble::{self, Ensemble};
use crate::train::fit::epoch::FitError;
use crate::train::fit::member::{TrainedMember, train_to_the_end};
use crate::train::fit::out_of_fold::OutOfFold;
use crate::train::fit::trainer::Trainer;
use crate::train::network::Network;
use crate::train::network::loss::most_probable;

/// The maximum number of networks of the model that are trained for each part of the drives that is held out.
const NETWORKS: usize = 3;

/// A model that was trained on.
#[derive(Clone, Debug)]
pub(crate) struct Refit {
    /// The networks, trained on all new recordings.
    pub ensemble: Ensemble,
    /// What held-out drives say about it.
    pub comparison: Comparison,
    /// What a new temperature does to the confidence in held-out new drives; `None` if it was not measured.
    pub calibration: Option<Calibration>,
}

/// Trains a model further on the recordings of `material`. `labels` is the number of labels of the model.
///
/// # Errors
/// [`RefitError::Fit`] if the loss is not finite, the threads cannot be started, or `stop` was set.
pub(crate) fn refit(
    model: &Ensemble,
    material: &Material,
    seed: u64,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Refit, RefitError> {
    pool(threads)?.install(|| {
        let networks = start::networks(model, material.dataset.card.labels.len());
        let training = Training { material, seed, stop, networks: &networks };
        let (comparison, calibration) = training.held_out(model)?;
        let all = plan::everything(material);
        let members = (0..networks.len()).into_par_iter().map(|index| training.train(&all, index));
        let members = members.collect::<Result<Vec<TrainedMember>, FitError>>()?;
        let mut ensemble = Ensemble::of(members.into_iter().map(|trained| trained.network).collect());
        if let Some(Calibration { temperature, applied: true, .. }) = calibration {
            ensemble.scale_temperature(temperature);
        }
        Ok(Refit { ensemble, comparison, calibration })
    })
}

/// What all networks of a refit have in common.
struct Training<'a> {
    material: &'a Material,
    seed: u64,
    stop: &'a AtomicBool,
    /// The networks that the training starts from.
    networks: &'a [Network],
}

impl Training<'_> {
    /// Trains a network of the model on, with one split.
    fn train(&self, split: &Split, index: usize) -> Result<TrainedMember, FitError> {
        let options = plan::options(split.training.len(), self.seed);
        let progress = |_: usize, _: &_| {};
        let dataset = &self.material.dataset;
        let context = TrainingContext { options: &options, dataset, stop: self.stop, progress: &progress };
        let network = self.networks[index].clone();
        let trainer = Trainer::of_network(&context, split.clone(), index, network);
        let trained = train_to_the_end(&context, trainer, index)?;
        if self.stop.load(Ordering::Relaxed) { Err(FitError::Interrupted) } else { Ok(trained) }
    }

    /// Trains networks that leave out some drives, and compares their answers with those of the model before.
    fn held_out(&self, model: &Ensemble) -> Result<(Comparison, Option<Calibration>), FitError> {
        let dataset = &self.material.dataset;
        let splits = plan::folds(self.material, self.seed);
        let count = self.networks.len().min(NETWORKS);
        let jobs: Vec<(&Split, usize)> =
            splits.iter().flat_map(|split| (0..count).map(move |index| (split, index))).collect();
        let trained = jobs.par_iter().map(|(split, index)| self.train(split, *index));
        let trained = trained.collect::<Result<Vec<TrainedMember>, FitError>>()?;
        let labels = &dataset.card.labels;
        let answers = OutOfFold::new(&trained, &[], labels.len());
        let before: Vec<&Network> = model.members().iter().take(count).collect();
        let known = model.architecture().classes;
        let before = ensemble::probabilities(&before, &dataset.windows_at(&answers.windows), known);
        let rows = before.chunks_exact(known).zip(answers.probabilities.chunks_exact(labels.len()));
        let windows = answers.windows.iter().zip(rows).map(|(window, (before, after))| HeldOutWindow {
            recording: dataset.recording_of_window[*window],
            is_new: self.material.is_new(*window),
            label: dataset.labels[*window],
            before: most_probable(before),
            after: most_probable(after),
        });
        let comparison = Comparison { labels: labels.clone(), networks: count, windows: windows.collect() };
        Ok((comparison, self.calibration(&answers, count)))
    }

    /// What a temperature does to the confidence in held-out new drives; `None` if there are too few.
    fn calibration(&self, answers: &OutOfFold, networks: usize) -> Option<Calibration> {
        let dataset = &self.material.dataset;
        let classes = dataset.card.labels.len();
        let rows = answers.windows.iter().zip(&answers.members).zip(answers.logits.chunks_exact(classes));
        let new: Vec<_> = rows.filter(|((window, _), _)| self.material.is_new(**window)).collect();
        let logits: Vec<f32> = new.iter().flat_map(|(_, row)| *row).copied().collect();
        let labels: Vec<usize> = new.iter().map(|((window, _), _)| dataset.labels[**window]).collect();
        // The networks of a split follow one another.
        let parts: Vec<usize> = new.iter().map(|((_, member), _)| **member / networks.max(1)).collect();
        Calibration::measure(&logits, &labels, &parts, networks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::dataset::Dataset;
    use crate::train::fit::cross_validation::cross_validate;
    use crate::train::options::FitOptions;
    use crate::train::refit::comparison::RefitJudgement;
    use crate::train::refit::material::OldWindows;
    use crate::train::refit::material::tests::sine_material;
    use crate::train::tests::sine_waves;

    /// Networks that know the first `labels` labels of the recordings with these indices.
    fn model(dataset: &Dataset, recordings: impl Fn(usize) -> bool, labels: usize) -> Ensemble {
        let kept = (0..dataset.len()).filter(|window| recordings(dataset.recording_of_window[*window]));
        let mut dataset = dataset.with_windows(&kept.collect::<Vec<_>>());
        dataset.card.labels.truncate(labels);
        let options =
            FitOptions { hidden: Some(8), epochs: Some(15), folds: Some(2), ..FitOptions::default() };
        let options = FitOptions { calibrate: false, learning_rate: 1e-2, ..options }.resolved(&dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &_| {});
        let context =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &progress };
        cross_validate(&context).unwrap().ensemble
    }

    /// The share of the windows of a label that a model answers rightly.
    fn accuracy(model: &Ensemble, dataset: &Dataset, label: usize) -> f64 {
        let windows: Vec<usize> =
            (0..dataset.len()).filter(|window| dataset.labels[*window] == label).collect();
        let answers = model.probabilities(&dataset.windows_at(&windows));
        let right =
            answers.chunks_exact(model.architecture().classes).filter(|row| most_probable(row) == label);
        right.count() as f64 / windows.len() as f64
    }

    /// Sine waves of which the first five recordings of each label are louder and higher, and come first.
    fn drifted() -> Dataset {
        let mut dataset = sine_waves(3, 10, 8);
        let mut order: Vec<usize> = (0..30).collect();
        order.sort_by_key(|recording| recording % 10 >= 5);
        for (window, index) in dataset.windows.clone().iter().enumerate() {
            if dataset.recording_of_window[window] % 10 < 5 {
                dataset.steps[index.start..index.start + 20]
                    .iter_mut()
                    .for_each(|value| *value = 0.7 * *value + 1.6);
            }
        }
        let place =
            |recording: &mut usize| *recording = order.iter().position(|other| other == recording).unwrap();
        dataset.recording_of_window.iter_mut().for_each(place);
        dataset.recordings = order.iter().map(|index| dataset.recordings[*index].clone()).collect();
        dataset
    }

    #[test]
    fn a_refit_on_drives_that_have_drifted_gets_better_on_held_out_ones_and_does_not_forget() {
        let dataset = drifted();
        let before = model(&dataset, |recording| recording >= 15, 3);
        let material = sine_material(dataset, 15);
        let done = refit(&before, &material, 1, 2, &AtomicBool::new(false)).unwrap();
        let (new, old) = (done.comparison.drives().unwrap(), done.comparison.old().unwrap());
        assert!(new.after > new.before + 0.2, "{new:?}");
        assert!(old.after > 0.7, "{old:?}");
        assert_eq!((new.recordings, done.comparison.networks), (15, 2));
        assert_ne!(done.comparison.judgement(), RefitJudgement::Worse);
        let again = refit(&before, &material, 1, 1, &AtomicBool::new(false)).unwrap();
        assert_eq!(again.ensemble, done.ensemble, "the same at any number of threads");
    }

    #[test]
    fn a_new_surface_is_learned_and_the_others_are_still_known() {
        let mut dataset = sine_waves(3, 6, 8);
        // The last label is new, and its recordings come first.
        dataset.recording_of_window.iter_mut().for_each(|recording| *recording = (*recording + 6) % 18);
        dataset.recordings.rotate_right(6);
        let before = model(&dataset, |recording| recording >= 6, 2);
        let done = refit(&before, &sine_material(dataset.clone(), 6), 1, 0, &AtomicBool::new(false)).unwrap();
        for label in 0..3 {
            assert!(accuracy(&done.ensemble, &dataset, label) > 0.9, "{label}");
        }
        assert_eq!(done.comparison.of_label(true, 2).unwrap().before, 0.0);
    }

    #[test]
    fn a_refit_that_is_stopped_gives_nothing() {
        let dataset = sine_waves(2, 4, 8);
        let before = model(&dataset, |recording| recording % 2 == 0, 2);
        let mut material = sine_material(dataset, 8);
        material.old = OldWindows::None;
        let stopped = refit(&before, &material, 1, 1, &AtomicBool::new(true)).unwrap_err();
        assert!(matches!(stopped, RefitError::Fit(FitError::Interrupted)), "{stopped}");
    }
}
