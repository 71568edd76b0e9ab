//! Repeats the training run up to one of its spikes and measures the sharpness around it.

use super::sharpness::{PowerIteration, sharpness, sharpness_limit};
use crate::train::data::split::Split;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::diagnose::statistics::loss_curve::roughness;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::trainer::Trainer;
use crate::train::options::FitOptions;

/// The sharpness is measured from this many epochs before a spike to this many epochs after it.
const EPOCHS_AROUND: usize = 10;
/// How many times the run is continued from before a spike, at each of two learning rates.
const CONTINUED: u64 = 5;

/// The sharpness around a spike.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct SpikeMeasurement {
    /// The epoch of the spike, counted from 1; `None` if there is no spike and the end of the run was
    /// measured.
    pub epoch: Option<usize>,
    /// Epochs, with the largest eigenvalue of the preconditioned Hessian after each.
    pub sharpness: Vec<(usize, f64)>,
    /// The sharpness up to which steps at this learning rate are stable: 2 / learning rate for RMSprop.
    pub limit: f64,
    /// The mean roughness of the loss, in nats per epoch, if the run is continued from before the spike with
    /// several seeds: at the same learning rate and at a tenth of it. `None` if there is no spike or was no
    /// time.
    pub calmed: Option<[f64; 2]>,
    /// The factor by which the roughness fell at a tenth of the learning rate, as a natural logarithm.
    pub fall: Option<Estimate>,
}

/// Repeats the run up to `spike`, or up to the epoch `last` if that is `None`, and measures the sharpness
/// around it. `epoch_time` is in seconds. The result is `None` if there is no time for it.
pub(crate) fn measure_spike(
    request: &DiagnosisRequest<'_>,
    options: &FitOptions,
    split: &Split,
    spike: Option<usize>,
    last: usize,
    epoch_time: f64,
    pool: &WorkerPool<'_>,
) -> Option<SpikeMeasurement> {
    let (first, end) = match spike {
        Some(epoch) => (epoch.saturating_sub(EPOCHS_AROUND).max(1), (epoch + EPOCHS_AROUND).min(last)),
        None => (last.saturating_sub(1).max(1), last),
    };
    // A product with the Hessian takes two gradients over all windows, each of which takes about an epoch's
    // time.
    let affordable = pool.time_left().as_secs_f64() / epoch_time - end as f64;
    let iterations = (affordable / 2.0 / (end + 1 - first) as f64) as usize;
    if iterations < 2 {
        return None;
    }
    let mut trainer = request.trainer(options, request.dataset, split);
    let (mut state, mut measured) = (PowerIteration::default(), Vec::new());
    let mut limit = f64::INFINITY;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    while trainer.epochs() < end && !pool.expired() {
        let rate = trainer.learning_rate();
        trainer.epoch().ok()??;
        if spike.is_some() && trainer.epochs() == first {
            for seed in 1..=CONTINUED {
                let (Some(same), Some(slower)) = (
                    continued_roughness(&trainer, seed, 1.0, pool),
                    continued_roughness(&trainer, seed, 0.1, pool),
                ) else {
                    break;
                };
                before.push(same);
                after.push(slower);
            }
        }
        if trainer.epochs() >= first {
            // The first measurement starts from an arbitrary vector and needs more iterations than the later
            // ones, which start from the last eigenvector.
            let times = if measured.is_empty() { 3 } else { 1 };
            let iterations = times * iterations.min(6);
            let expired = || pool.expired();
            let value = sharpness(&mut trainer, &split.training, &mut state, iterations, &expired);
            let Some(value) = value else { break };
            measured.push((trainer.epochs(), value));
            limit = sharpness_limit(options.optimizer, options.momentum, f64::from(rate));
        }
    }
    let falls: Vec<f64> =
        before.iter().zip(&after).map(|(before, after)| ((before + 1e-4) / (after + 1e-4)).ln()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    (!measured.is_empty()).then(|| SpikeMeasurement {
        epoch: spike,
        sharpness: measured,
        limit,
        calmed: (!falls.is_empty()).then(|| [mean(&before), mean(&after)]),
        // The continuations differ only by chance, and share no choice of windows.
        fall: Estimate::of(&falls, 0.0),
    })
}

/// Continues the run with another seed and `factor` times its learning rate, and returns the roughness of the
/// training loss. The result is `None` after the deadline or if the run diverges.
fn continued_roughness(trainer: &Trainer<'_>, seed: u64, factor: f64, pool: &WorkerPool<'_>) -> Option<f64> {
    let mut other = trainer.continued(seed);
    other.scale_learning_rate(factor);
    let mut losses = Vec::new();
    for _ in 0..3 * EPOCHS_AROUND {
        if pool.expired() {
            return None;
        }
        losses.push(other.epoch().ok()??.loss);
    }
    Some(roughness(&losses))
}
