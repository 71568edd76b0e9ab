//! Repeats the misbehaving training run unchanged, and measures its noise.

use std::time::Instant;

use super::artificial_task::cos_against_arccos;
use super::sampling_noise::{GradientNoise, LossSpread, gradient_noise, loss_spread, resampled_losses};
use crate::train::data::split::Split;
use crate::train::diagnose::experiments::experiment::Experiment;
use crate::train::diagnose::experiments::outcome::ExperimentOutcome;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::diagnose::statistics::loss_curve::median;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::options::FitOptions;

/// How many times an epoch is repeated to measure how its loss depends on the order of the windows.
const RESAMPLED: u64 = 8;
/// The number of epochs over which the fluctuation of the loss is measured.
const SPREAD_EPOCHS: usize = 30;
/// The fewest epochs whose median duration is that of an epoch.
const MIN_TIMES: usize = 3;

/// The unchanged run, with its measurements.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceTraining {
    /// The settings, with as many epochs as there was time for.
    pub options: FitOptions,
    /// The figures of every epoch.
    pub history: Vec<Epoch>,
    /// The gradient noise after a tenth and after 70 % of the epochs.
    pub noise: Vec<GradientNoise>,
    /// The fluctuation of the loss after 70 % of the epochs; `None` if the run did not get that far.
    pub spread: Option<LossSpread>,
    /// How long an epoch took, in seconds, while another thread was busy as well; `None` if there was no time for a few.
    pub epoch_time: Option<f64>,
    /// The outcome of the same settings on the artificial task; `None` if there was no time.
    pub artificial: Option<ExperimentOutcome>,
}

/// The part of [`ReferenceTraining`] that is measured during the run itself.
#[derive(Default)]
struct TrainingCurve {
    history: Vec<Epoch>,
    noise: Vec<GradientNoise>,
    spread: Option<LossSpread>,
    epoch_times: Vec<f64>,
}

/// Repeats the run unchanged, for all of its epochs or for as many as there is time for until the deadline of `pool`.
/// At the same time it trains with the same settings on the artificial task. `epoch_time` is in seconds.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn train_unchanged(
    request: &DiagnosisRequest<'_>,
    split: &Split,
    epoch_time: f64,
    pool: &WorkerPool<'_>,
) -> Result<ReferenceTraining, FitError> {
    let DiagnosisRequest { options, dataset, .. } = *request;
    // The noise is measured within the same time.
    let affordable = (0.7 * pool.time_left().as_secs_f64() / epoch_time) as usize;
    let epochs = options.epochs().min(affordable).max(2);
    let unchanged = FitOptions { epochs: Some(epochs), ..options.clone() };
    let task = cos_against_arccos(dataset, options.seed);
    let task_epochs = (epochs * dataset.len()).div_ceil(task.len()).min(epochs.div_ceil(2)).max(2);
    let artificial =
        Experiment::new(FitOptions { epochs: Some(task_epochs), hop: None, ..options.clone() }, &task, 0.0);
    let (curve, outcome) =
        pool.run_both(|| training_curve(request, &unchanged, split, pool), || artificial.run(0, pool))?;
    let TrainingCurve { history, noise, spread, epoch_times } = curve.unwrap_or_default();
    let epoch_time = (epoch_times.len() >= MIN_TIMES).then(|| median(epoch_times));
    let artificial = outcome.flatten();
    Ok(ReferenceTraining { options: unchanged, history, noise, spread, epoch_time, artificial })
}

/// Trains to the last epoch or to the deadline, and measures the noise on the way.
fn training_curve(
    request: &DiagnosisRequest<'_>,
    options: &FitOptions,
    split: &Split,
    pool: &WorkerPool<'_>,
) -> TrainingCurve {
    let mut trainer = request.trainer(options, request.dataset, split);
    let epochs = options.epochs();
    let (early, late) = (epochs.div_ceil(10), (7 * epochs).div_ceil(10));
    let mut curve = TrainingCurve::default();
    let mut resampled = Vec::new();
    let expired = || pool.expired();
    while trainer.epochs() < epochs && !pool.expired() {
        let started = Instant::now();
        match trainer.epoch() {
            Ok(Some(epoch)) => curve.history.push(epoch),
            _ => break,
        }
        curve.epoch_times.push(started.elapsed().as_secs_f64());
        if trainer.epochs() == early || trainer.epochs() == late {
            curve.noise.extend(gradient_noise(&mut trainer, options.batch_size, &expired));
        }
        if trainer.epochs() == late {
            resampled = resampled_losses(&trainer, RESAMPLED, &expired);
        }
    }
    let after: Vec<f64> =
        curve.history.iter().skip(late).take(SPREAD_EPOCHS).map(|epoch| epoch.loss).collect();
    curve.spread = loss_spread(&after, &resampled);
    curve
}
