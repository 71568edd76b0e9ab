//! Cross-validation: several networks, each trained without one part of the recordings and validated on it.
//! Together they are the model.

use std::sync::atomic::Ordering;

use super::calibration::Calibration;
use super::companions;
use super::context::{TrainingContext, pool};
use super::ensemble::Ensemble;
use super::epoch::FitError;
use super::member::{TrainedMember, train_member};
use super::out_of_fold::OutOfFold;
use super::trained::{Companion, Interruption, Trained};
use crate::score::Confusion;
use crate::train::data::split::Split;

/// Trains one network for each fold, or a single one if the settings ask for no folds, in a thread pool of
/// its own. If the settings ask for calibration, companion networks are trained after them.
///
/// # Errors
/// [`FitError`] if a setting is outside its range, there are too few windows, the loss is not finite, or the
/// threads cannot be started.
pub(crate) fn cross_validate(context: &TrainingContext<'_>) -> Result<Trained, FitError> {
    let TrainingContext { options, dataset, .. } = *context;
    options.check()?;
    let splits = Split::of_run(dataset, options.folds(), options.validation(), options.seed);
    pool(options.threads)?.install(|| {
        let members = train_networks(context, &splits, 0)?;
        complete(context, &splits, members)
    })
}

/// Trains one network for each split, in a thread pool of its own, and returns the actual against the
/// predicted labels of the windows that each leaves out. `None` if it was interrupted.
///
/// # Errors
/// [`FitError`] if there are too few windows, the loss is not finite, or the threads cannot be started.
pub(crate) fn score_splits(
    context: &TrainingContext<'_>,
    splits: &[Split],
) -> Result<Option<Confusion>, FitError> {
    let members = pool(context.options.threads)?.install(|| train_networks(context, splits, 0))?;
    Ok(is_complete(&members, splits.len()).then(|| confusion_of(context, &members)))
}

/// Actual against predicted labels of the windows that the networks leave out.
pub(super) fn confusion_of(context: &TrainingContext<'_>, members: &[TrainedMember]) -> Confusion {
    let dataset = context.dataset;
    OutOfFold::new(members, &[], dataset.card.labels.len()).confusion(dataset, |_| true)
}

/// Trains one network for each split, in the caller's thread pool. The first of them is network `first` of
/// the run, from 0, which decides its random draws. Networks that had not been started when the stop flag was
/// set are missing from the result; the first network of a run is always included.
///
/// # Errors
/// [`FitError`] if there are too few windows or the loss is not finite.
pub(super) fn train_networks(
    context: &TrainingContext<'_>,
    splits: &[Split],
    first: usize,
) -> Result<Vec<TrainedMember>, FitError> {
    let mut networks: Vec<TrainedMember> = Vec::new();
    for (index, split) in (first..).zip(splits) {
        if index > 0 && context.stop.load(Ordering::Relaxed) {
            break;
        }
        let network = train_member(context, split.clone(), index)?;
        // An untrained network would only make the ensemble worse.
        if index > 0 && network.member.history.is_empty() {
            break;
        }
        networks.push(network);
    }
    Ok(networks)
}

/// Whether all `count` networks were trained to their last epoch.
pub(super) fn is_complete(networks: &[TrainedMember], count: usize) -> bool {
    networks.len() == count && !networks.iter().any(|network| network.member.interrupted)
}

/// Trains the companions of a model's networks if the settings ask for calibration, joins the networks into
/// one model, collects the answers to held-out windows, and calibrates the confidence.
///
/// An unfinished model is not calibrated, and keeps no companions.
///
/// # Errors
/// [`FitError`] if the loss is not finite.
pub(super) fn complete(
    context: &TrainingContext<'_>,
    splits: &[Split],
    members: Vec<TrainedMember>,
) -> Result<Trained, FitError> {
    let TrainingContext { options, dataset, .. } = *context;
    let planned = companions::planned(options, dataset, splits);
    let mut companions = Vec::new();
    if is_complete(&members, splits.len()) {
        companions = train_networks(context, &planned, splits.len())?;
    }
    let is_complete = is_complete(&members, splits.len()) && is_complete(&companions, planned.len());
    let last = companions.last().or(members.last()).map(|last| &last.member);
    let interrupted = (!is_complete).then(|| Interruption {
        epoch: last.map_or(0, |last| last.history.len()),
        epochs: options.epochs(),
        network: members.len() + companions.len(),
        networks: splits.len() + planned.len(),
    });
    if interrupted.is_some() {
        companions.clear();
    }
    Ok(Trained { interrupted, ..join(context, members, companions, is_complete && options.calibrate) })
}

/// Joins networks and companions into one model, and calibrates its confidence if `calibrate` is true.
fn join(
    context: &TrainingContext<'_>,
    members: Vec<TrainedMember>,
    companions: Vec<TrainedMember>,
    calibrate: bool,
) -> Trained {
    let TrainingContext { options, dataset, .. } = *context;
    let classes = dataset.card.labels.len();
    let mut out_of_fold = OutOfFold::new(&members, &companions, classes);
    let calibration = Some(&out_of_fold).filter(|_| calibrate).and_then(|out_of_fold| {
        let groups = out_of_fold.calibration_groups(dataset, members.len());
        Calibration::measure(
            &out_of_fold.logits,
            &out_of_fold.labels(dataset),
            &groups,
            out_of_fold.networks(),
        )
    });
    let warnings = members.first().map(|first| first.member.split.warnings.clone()).unwrap_or_default();
    let (networks, members) = members.into_iter().map(|trained| (trained.network, trained.member)).unzip();
    let mut ensemble = Ensemble::of(networks);
    let companion =
        |trained: TrainedMember| Companion { network: trained.network, split: trained.member.split };
    let mut companions: Vec<Companion> = companions.into_iter().map(companion).collect();
    if let Some(Calibration { temperature, applied: true, .. }) = calibration {
        ensemble.scale_temperature(temperature);
        companions.iter_mut().for_each(|companion| companion.network.scale_temperature(temperature));
        out_of_fold.scale_temperature(temperature, classes);
    }
    Trained {
        options: options.clone(),
        ensemble,
        members,
        companions,
        out_of_fold,
        calibration,
        searched: false,
        warnings,
        interrupted: None,
    }
}
