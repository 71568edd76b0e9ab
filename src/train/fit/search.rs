//! A search for better settings within a given time: random settings, of which ever fewer are trained ever longer (random search
//! with successive halving, Jamieson and Talwalkar 2016), all scored on the same folds by recording.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use super::context::{TrainingContext, pool};
use super::cross_validation::Trained;
use super::epoch::{Epoch, FitError};
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::architecture::Pooling;
use crate::train::options::FitOptions;
use crate::train::random_streams;

/// Of the settings of a round, one in so many goes on to the next.
const KEPT: usize = 3;
/// The most settings that are tried.
const MOST: usize = 81;

/// Settings that were tried.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct SearchTrial {
    /// What differs from the settings that the search began with, as flags; empty for these themselves.
    pub flags: String,
    /// How many folds it was scored on in its last round.
    pub folds: usize,
    /// Its epochs in that round.
    pub epochs: usize,
    /// Balanced accuracy of windows by networks that were not trained on their recording.
    pub balanced_accuracy: f64,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The model of the best settings.
    pub trained: Trained,
    /// Everything tried, the best first of those that got furthest.
    pub tried: Vec<SearchTrial>,
}

/// Settings on their way through the rounds.
struct Candidate {
    options: FitOptions,
    tried: SearchTrial,
    trained: Option<Trained>,
}

/// Searches for so long, beginning with these settings, of which the folds, the windows and the seed stay. `tell` is given a line
/// now and then. What is found depends on how much the machine gets done in that time; its settings do not.
///
/// # Errors
/// [`FitError`], where the settings to begin with cannot be trained.
pub(crate) fn search(
    options: &FitOptions,
    dataset: &Dataset,
    budget: Duration,
    stop: &AtomicBool,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Found, FitError> {
    let begun = Instant::now();
    let pool = pool(options.threads)?;
    let (folds, epochs) = (options.folds().max(2), options.epochs());
    let splits = Split::folds(dataset, folds, options.seed);
    let run = |candidate: &mut Candidate, folds: usize, epochs: usize| -> Result<(), FitError> {
        let options = FitOptions { epochs: Some(epochs), ..candidate.options.clone() };
        let quiet = |_: usize, _: &Epoch| {};
        let training = TrainingContext { options: &options, dataset, stop, progress: &quiet };
        let trained = pool.install(|| training.run_on(splits.iter().take(folds).cloned().collect()))?;
        let balanced_accuracy = trained.windows(dataset).balanced_accuracy();
        candidate.tried = SearchTrial { folds, epochs, balanced_accuracy, ..candidate.tried.clone() };
        candidate.trained = Some(trained);
        tell(&format!(
            "{:.3} on {folds} of {} folds, {epochs} epochs: {}",
            balanced_accuracy,
            splits.len(),
            if candidate.tried.flags.is_empty() {
                "the settings to begin with"
            } else {
                &candidate.tried.flags
            },
        ));
        Ok(())
    };
    let mut first = Candidate::new(options, options);
    run(&mut first, splits.len(), epochs)?;
    let whole = begun.elapsed().as_secs_f64();
    // The first round takes a fold and a third of the epochs, the second two folds and two thirds, the last everything.
    let round = |folds: usize, share: f64| whole * folds as f64 / splits.len() as f64 * share;
    let each = round(1, 1.0 / 3.0) + round(2, 2.0 / 3.0) / KEPT as f64 + whole / (KEPT * KEPT) as f64;
    let left = budget.as_secs_f64() - whole;
    let count = ((left / each) as usize).min(MOST);
    let mut rng = Pcg64::new(u128::from(options.seed), random_streams::SEARCH);
    let mut going: Vec<Candidate> =
        (0..count).map(|_| Candidate::new(&drawn(options, &mut rng), options)).collect();
    let mut ended = vec![first];
    let over = |ahead: f64| {
        stop.load(Ordering::Relaxed) || begun.elapsed().as_secs_f64() + ahead > budget.as_secs_f64()
    };
    for (folds, share) in [(1, 1.0 / 3.0), (2, 2.0 / 3.0), (splits.len(), 1.0)] {
        let epochs = ((epochs as f64 * share).round() as usize).max(1);
        let mut done = Vec::new();
        for mut candidate in std::mem::take(&mut going) {
            if over(round(folds, share)) {
                break;
            }
            // Settings under which training falls apart are out, not the search.
            if run(&mut candidate, folds.min(splits.len()), epochs).is_ok() {
                done.push(candidate);
            }
        }
        done.sort_by(|one, other| other.tried.balanced_accuracy.total_cmp(&one.tried.balanced_accuracy));
        if folds == splits.len() {
            ended.append(&mut done);
        } else {
            let kept = done.len().div_ceil(KEPT);
            let out = done.split_off(kept.min(done.len()));
            ended.extend(out.into_iter().map(|candidate| Candidate { trained: None, ..candidate }));
            going = done;
        }
    }
    ended.extend(going);
    ended.sort_by(|one, other| {
        let key = |candidate: &Candidate| (candidate.tried.folds, candidate.tried.balanced_accuracy);
        let (one, other) = (key(one), key(other));
        other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
    });
    let tried = ended.iter().map(|candidate| candidate.tried.clone()).collect();
    let best =
        ended.into_iter().find_map(|candidate| candidate.trained.filter(|t| t.members.len() == splits.len()));
    // The settings to begin with were trained on every fold, unless that was interrupted.
    let Some(mut trained) = best else { return Err(FitError::Interrupted) };
    trained.searched = true;
    Ok(Found { trained, tried })
}

impl Candidate {
    fn new(options: &FitOptions, begun_with: &FitOptions) -> Self {
        let flags = options.flags(begun_with);
        let tried = SearchTrial { flags, folds: 0, epochs: 0, balanced_accuracy: 0.0 };
        Self { options: options.clone(), tried, trained: None }
    }
}

/// Settings near those to begin with, drawn at random.
fn drawn(options: &FitOptions, rng: &mut Pcg64) -> FitOptions {
    let mut pick = |values: &[f64]| values.choose(rng).copied().unwrap_or_default();
    let learning_rate = pick(&[1e-3, 2e-3, 3e-3, 5e-3]);
    let dropout = pick(&[0.0, 0.1, 0.2, 0.35, 0.5]);
    let weight_decay = pick(&[0.0, 0.01, 0.05, 0.2]);
    let (hidden, dense) = (pick(&[16.0, 24.0, 32.0, 48.0, 64.0]), pick(&[0.0, 32.0, 64.0, 64.0]));
    let (scale, jitter) = (pick(&[0.0, 0.0, 0.03, 0.1]), pick(&[0.0, 0.0, 0.03, 0.1]));
    let weight_average = pick(&[0.0, 0.98, 0.995]);
    let (batch_size, epochs) = (pick(&[32.0, 64.0, 128.0]), pick(&[0.5, 1.0, 2.0]));
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
        epochs: options.epochs.map(|count| ((count as f64 * epochs) as usize).max(1)),
        pooling: pooling.choose(rng).cloned().unwrap_or_default(),
        differences: rng.random(),
        summary: options.summary && rng.random::<f64>() < 0.8,
        ..options.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::waves;

    #[test]
    fn a_search_keeps_to_the_folds_and_says_what_it_tried() {
        let dataset = waves(2, 4, 4);
        let options =
            FitOptions { folds: Some(2), epochs: Some(2), hidden: Some(4), ..FitOptions::default() };
        let options = options.resolved(&dataset);
        let (stop, lines) = (AtomicBool::new(false), std::sync::Mutex::new(0));
        let tell = |_: &str| *lines.lock().unwrap() += 1;
        // What can be tried depends on the machine; ended at once, the settings to begin with are what there is.
        let found = search(&options, &dataset, Duration::ZERO, &stop, &tell).unwrap();
        assert_eq!((found.tried.len(), found.trained.options.clone()), (1, options.clone()));
        let found = search(&options, &dataset, Duration::from_millis(300), &stop, &tell).unwrap();
        assert!(found.tried[0].folds == 2 && found.trained.members.len() == 2);
        assert!(found.trained.chosen_on_validation());
        assert!(*lines.lock().unwrap() >= found.tried.len());
    }

    #[test]
    fn every_drawn_setting_is_one_that_fit_takes() {
        let options = FitOptions { epochs: Some(10), ..FitOptions::default() };
        let mut rng = Pcg64::new(0, 0);
        for _ in 0..200 {
            let drawn = drawn(&options, &mut rng);
            drawn.check().unwrap();
            assert!(!drawn.flags(&options).contains('"'));
        }
        assert_eq!(options.flags(&options), "");
    }
}
