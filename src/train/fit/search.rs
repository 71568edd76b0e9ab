//! A search for better settings within a time budget: random search with successive halving (Jamieson and
//! Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization").
//!
//! Random settings are trained briefly on one fold. The best third of them is trained longer on two folds,
//! and the best third of those is trained fully on every fold. All are scored on the same folds by recording,
//! so the winner's score is a validation score.
//!
//! The number of epochs is not searched: it sets how long each round trains. Companions for calibration are
//! trained for the winner alone, in time that the search keeps free for them.

use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicBool};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use super::context::{TrainingContext, pool};
use super::cross_validation::{complete, confusion_of, is_complete, train_networks};
use super::epoch::{Epoch, FitError};
use super::member::TrainedMember;
use super::trained::Trained;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::architecture::Pooling;
use crate::train::options::FitOptions;
use crate::train::random_streams;

/// One in this many settings of a round goes on to the next round.
const REDUCTION: usize = 3;
/// Maximum number of random settings.
const MAX_CANDIDATES: usize = 81;

/// Settings that were tried, with their score.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct SearchTrial {
    /// The differences from the initial settings as command line flags; empty for the initial settings
    /// themselves.
    pub flags: String,
    /// The number of folds that they were scored on in their last round; 0 if they were never trained.
    pub folds: usize,
    /// The number of epochs in that round.
    pub epochs: usize,
    /// Balanced accuracy of the held-out windows of these folds, between 0 and 1.
    pub balanced_accuracy: f64,
}

/// The result of a search.
#[derive(Debug)]
pub(crate) struct SearchResult {
    /// The model that was trained with the best settings.
    pub trained: Trained,
    /// All settings that were tried: those scored on the most folds first, and among these the best first.
    pub tried: Vec<SearchTrial>,
}

/// Settings in the search, with their latest results.
struct Candidate {
    options: FitOptions,
    trial: SearchTrial,
    /// The networks of the last round; empty before the first round and after the settings were eliminated.
    members: Vec<TrainedMember>,
}

/// Searches for better settings until the budget is spent, starting from `options`. Folds, windows and seed
/// stay the same. `progress` is called with one line of text after each trial.
///
/// Which settings are drawn follows from the seed. How many are tried depends on the speed of the machine.
///
/// # Errors
/// [`FitError`] if the initial settings cannot be trained, or the search was interrupted before they were
/// trained.
pub(crate) fn search(
    options: &FitOptions,
    dataset: &Dataset,
    budget: Duration,
    stop: &AtomicBool,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<SearchResult, FitError> {
    let started = Instant::now();
    let pool = pool(options.threads)?;
    let (folds, epochs) = (options.folds().max(2), options.epochs());
    let splits = Split::folds(dataset, folds, options.seed);
    let quiet = |_: usize, _: &Epoch| {};
    let train = |candidate: &mut Candidate, folds: usize, epochs: usize| -> Result<(), FitError> {
        let options = FitOptions { epochs: Some(epochs), ..candidate.options.clone() };
        let context = TrainingContext { options: &options, dataset, stop, progress: &quiet };
        let splits_used = splits.get(..folds).unwrap_or(&splits);
        let members = pool.install(|| train_networks(&context, splits_used, 0))?;
        if !is_complete(&members, splits_used.len()) {
            return Err(FitError::Interrupted);
        }
        let balanced_accuracy = confusion_of(&context, &members).balanced_accuracy();
        candidate.trial = SearchTrial { folds, epochs, balanced_accuracy, ..candidate.trial.clone() };
        candidate.members = members;
        progress(&format!(
            "balanced accuracy {balanced_accuracy:.3} on {folds} of {} folds, {epochs} epochs: {}",
            splits.len(),
            candidate.trial.name(),
        ));
        Ok(())
    };
    let mut initial = Candidate::new(options, options);
    train(&mut initial, splits.len(), epochs)?;
    let full_training = started.elapsed().as_secs_f64();
    // There are as many companions as folds, and they take about as long.
    let has_companions = options.calibrate && splits.len() > 1;
    let companions = if has_companions { full_training } else { 0.0 };
    // The first round trains one fold for a third of the epochs, the second round two folds for two thirds,
    // and the last round all folds for all epochs.
    let trial_seconds = |folds: usize, share: f64| full_training * folds as f64 / splits.len() as f64 * share;
    let seconds_per_candidate = trial_seconds(1, 1.0 / 3.0)
        + trial_seconds(2, 2.0 / 3.0) / REDUCTION as f64
        + full_training / (REDUCTION * REDUCTION) as f64;
    let seconds_left = budget.as_secs_f64() - full_training - companions;
    let count = ((seconds_left / seconds_per_candidate) as usize).min(MAX_CANDIDATES);
    let mut rng = Pcg64::new(u128::from(options.seed), random_streams::SEARCH);
    let mut remaining: Vec<Candidate> =
        (0..count).map(|_| Candidate::new(&random_settings(options, &mut rng), options)).collect();
    let mut finished = vec![initial];
    let out_of_time = |seconds_needed: f64| {
        let spent = started.elapsed().as_secs_f64();
        stop.load(atomic::Ordering::Relaxed) || spent + seconds_needed + companions > budget.as_secs_f64()
    };
    for (folds, share) in [(1, 1.0 / 3.0), (2, 2.0 / 3.0), (splits.len(), 1.0)] {
        let epochs = ((epochs as f64 * share).round() as usize).max(1);
        let mut done = Vec::new();
        for mut candidate in std::mem::take(&mut remaining) {
            if out_of_time(trial_seconds(folds, share)) {
                break;
            }
            // Settings with which training diverges are eliminated; they do not end the search.
            if train(&mut candidate, folds.min(splits.len()), epochs).is_ok() {
                done.push(candidate);
            }
        }
        done.sort_by(|one, other| other.trial.balanced_accuracy.total_cmp(&one.trial.balanced_accuracy));
        if folds == splits.len() {
            finished.append(&mut done);
        } else {
            let kept = done.len().div_ceil(REDUCTION);
            let dropped = done.split_off(kept.min(done.len()));
            finished
                .extend(dropped.into_iter().map(|candidate| Candidate { members: Vec::new(), ..candidate }));
            remaining = done;
        }
    }
    finished.extend(remaining);
    finished.sort_by(|one, other| one.trial.rank(&other.trial));
    let tried = finished.iter().map(|candidate| candidate.trial.clone()).collect();
    // The initial settings were trained on every fold, unless that was interrupted.
    let best = finished.into_iter().find(|candidate| candidate.members.len() == splits.len());
    let Some(Candidate { options, members, .. }) = best else { return Err(FitError::Interrupted) };
    if has_companions && !stop.load(atomic::Ordering::Relaxed) {
        progress(&format!("training {} networks with the best settings, for calibration only", splits.len()));
    }
    let options = FitOptions { epochs: Some(epochs), ..options };
    let context = TrainingContext { options: &options, dataset, stop, progress: &quiet };
    let mut trained = pool.install(|| complete(&context, &splits, members))?;
    trained.searched = true;
    Ok(SearchResult { trained, tried })
}

impl SearchTrial {
    /// The settings in words, for people.
    pub(crate) fn name(&self) -> &str {
        if self.flags.is_empty() { "the initial settings" } else { &self.flags }
    }

    /// Orders trials from the best to the worst. Scores on more folds come first, because they are the more
    /// reliable.
    fn rank(&self, other: &Self) -> Ordering {
        let by_folds = other.folds.cmp(&self.folds);
        by_folds.then(other.balanced_accuracy.total_cmp(&self.balanced_accuracy))
    }
}

impl Candidate {
    /// Settings that have not been trained yet; `initial` are those that the search started from.
    fn new(options: &FitOptions, initial: &FitOptions) -> Self {
        let flags = options.flags(initial);
        let trial = SearchTrial { flags, folds: 0, epochs: 0, balanced_accuracy: 0.0 };
        Self { options: options.clone(), trial, members: Vec::new() }
    }
}

/// Draws settings at random near the given ones. Epochs, folds, windows and seed stay as they are.
fn random_settings(options: &FitOptions, rng: &mut Pcg64) -> FitOptions {
    let mut pick = |values: &[f64]| values.choose(rng).copied().unwrap_or_default();
    let learning_rate = pick(&[1e-3, 2e-3, 3e-3, 5e-3]);
    let dropout = pick(&[0.0, 0.1, 0.2, 0.35, 0.5]);
    let weight_decay = pick(&[0.0, 0.01, 0.05, 0.2]);
    let (hidden, dense) = (pick(&[16.0, 24.0, 32.0, 48.0, 64.0]), pick(&[0.0, 32.0, 64.0, 64.0]));
    let (scale, jitter) = (pick(&[0.0, 0.0, 0.03, 0.1]), pick(&[0.0, 0.0, 0.03, 0.1]));
    let weight_average = pick(&[0.0, 0.98, 0.995]);
    let batch_size = pick(&[32.0, 64.0, 128.0]);
    let pooling = [
        vec![Pooling::Last, Pooling::Mean, Pooling::Max],
        vec![Pooling::Mean, Pooling::Max],
        vec![Pooling::Last],
    ];
    FitOptions {
        learning_rate,
        dropout,
        weight_decay,
        weight_average,
        hidden: Some(hidden as usize),
        dense: Some(dense as usize),
        scale,
        jitter,
        batch_size: batch_size as usize,
        pooling: pooling.choose(rng).cloned().unwrap_or_default(),
        differences: rng.random(),
        summary: options.summary && rng.random::<f64>() < 0.8,
        ..options.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::validation_choice::ValidationChoice;
    use crate::train::tests::sine_waves;

    #[test]
    fn a_search_scores_on_the_given_folds_and_lists_what_it_tried() {
        let dataset = sine_waves(2, 4, 4);
        let options =
            FitOptions { folds: Some(2), epochs: Some(2), hidden: Some(4), ..FitOptions::default() };
        let options = options.resolved(&dataset);
        let (stop, lines) = (AtomicBool::new(false), std::sync::Mutex::new(0));
        let progress = |_: &str| *lines.lock().unwrap() += 1;
        // How much is tried depends on the machine. With a budget of 0, only the initial settings are tried.
        let result = search(&options, &dataset, Duration::ZERO, &stop, &progress).unwrap();
        assert_eq!((result.tried.len(), result.trained.options.clone()), (1, options.clone()));
        let result = search(&options, &dataset, Duration::from_millis(300), &stop, &progress).unwrap();
        assert!(result.tried[0].folds == 2 && result.trained.members.len() == 2);
        assert_eq!(result.trained.validation_chose(), [ValidationChoice::Settings]);
        assert!(result.trained.companions.len() == 2 && result.trained.calibration.is_some());
        assert!(result.tried.iter().all(|trial| !trial.flags.contains("epochs")), "{:?}", result.tried);
        assert!(*lines.lock().unwrap() >= result.tried.len());
    }

    #[test]
    fn all_random_settings_are_valid_options() {
        let options = FitOptions { epochs: Some(10), ..FitOptions::default() };
        let mut rng = Pcg64::new(0, 0);
        for _ in 0..200 {
            let settings = random_settings(&options, &mut rng);
            settings.check().unwrap();
            assert_eq!(settings.epochs, options.epochs, "the search itself sets how long each round trains");
            assert!(!settings.flags(&options).contains('"'));
        }
        assert_eq!(options.flags(&options), "");
    }
}
