//! Cross-validation: several networks, each trained without one part of the recordings and validated on it.
//! Together they are the model.

use std::sync::atomic::Ordering;

use super::calibration::Calibration;
use super::context::{TrainingContext, pool};
use super::ensemble::Ensemble;
use super::epoch::FitError;
use super::member::{TrainedMember, train_member};
use super::trained::{Interruption, OutOfFold, Trained};
use crate::train::data::split::Split;
use crate::train::kernel::activation::softmax_rows;

/// Trains one network for each fold, or a single one if the settings ask for no folds, in a thread pool of
/// its own.
///
/// # Errors
/// [`FitError`] if a setting is outside its range, there are too few windows, the loss is not finite, or the
/// threads cannot be started.
pub(crate) fn cross_validate(context: &TrainingContext<'_>) -> Result<Trained, FitError> {
    let TrainingContext { options, dataset, .. } = *context;
    options.check()?;
    let splits = Split::of_run(dataset, options.folds(), options.validation(), options.seed);
    pool(options.threads)?.install(|| train_splits(context, splits))
}

/// Trains one network for each split, in the caller's thread pool. Networks that had not been started when
/// the stop flag was set are missing from the result; the first one is always included.
///
/// # Errors
/// [`FitError`] if there are too few windows or the loss is not finite.
pub(crate) fn train_splits(context: &TrainingContext<'_>, splits: Vec<Split>) -> Result<Trained, FitError> {
    let mut members: Vec<TrainedMember> = Vec::new();
    let networks = splits.len();
    for (index, split) in splits.into_iter().enumerate() {
        if index > 0 && context.stop.load(Ordering::Relaxed) {
            break;
        }
        let member = train_member(context, split, index)?;
        // An untrained network would only make the ensemble worse.
        if index > 0 && member.member.history.is_empty() {
            break;
        }
        members.push(member);
    }
    let last = members.last().map(|last| &last.member);
    let interrupted = members.len() < networks || last.is_some_and(|last| last.interrupted);
    let interrupted = interrupted.then(|| Interruption {
        epoch: last.map_or(0, |last| last.history.len()),
        epochs: context.options.epochs(),
        network: members.len(),
        networks,
    });
    Ok(Trained { interrupted, ..join(context, members) })
}

/// Joins the networks into one model, collects their predictions of held-out windows and calibrates the
/// confidence.
fn join(context: &TrainingContext<'_>, trained: Vec<TrainedMember>) -> Trained {
    let TrainingContext { options, dataset, .. } = *context;
    let classes = dataset.card.labels.len();
    let mut rows: Vec<(usize, usize, &[f32])> = Vec::new();
    for (index, trained) in trained.iter().enumerate() {
        let logits = trained.member.split.validation.iter().zip(trained.logits.chunks_exact(classes));
        rows.extend(logits.map(|(window, logits)| (*window, index, logits)));
    }
    rows.sort_by_key(|(window, ..)| *window);
    let windows: Vec<usize> = rows.iter().map(|(window, ..)| *window).collect();
    let members = rows.iter().map(|(_, member, _)| *member).collect();
    let mut logits: Vec<f32> = rows.iter().flat_map(|(.., logits)| *logits).copied().collect();
    let labels: Vec<usize> = windows.iter().map(|window| dataset.labels[*window]).collect();
    let calibration =
        (options.calibrate && !labels.is_empty()).then(|| Calibration::apply(&mut logits, &labels, classes));
    softmax_rows(&mut logits, classes);
    let out_of_fold = OutOfFold { windows, members, probabilities: logits };
    let warnings = trained.first().map(|first| first.member.split.warnings.clone()).unwrap_or_default();
    let (networks, members) = trained.into_iter().map(|trained| (trained.network, trained.member)).unzip();
    let mut ensemble = Ensemble::of(networks);
    if let Some(calibration) = &calibration {
        ensemble.scale_temperature(calibration.temperature);
    }
    Trained {
        options: options.clone(),
        ensemble,
        members,
        out_of_fold,
        calibration,
        searched: false,
        warnings,
        interrupted: None,
    }
}
