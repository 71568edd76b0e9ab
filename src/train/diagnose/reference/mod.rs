//! Repeats the misbehaving training run unchanged, and measures it.
//!
//! - [`training`]: trains for all epochs, or for as many as there is time for.
//! - [`sampling_noise`]: how much of the fluctuation of the loss is chance.
//! - [`artificial_task`]: an easy task that shows whether the settings can learn at all.
//! - [`mod@range_test`]: the loss against a growing learning rate.
//! - [`spike`]: repeats the run up to its last spike, and measures the [`sharpness`] around it.

pub(crate) mod artificial_task;
pub(crate) mod range_test;
pub(crate) mod sampling_noise;
pub(crate) mod sharpness;
pub(crate) mod spike;
pub(crate) mod training;

use self::range_test::{RangeTest, range_test};
use self::spike::{SpikeMeasurement, measure_spike};
use self::training::ReferenceTraining;
use super::request::DiagnosisRequest;
use super::statistics::loss_curve::spikes;
use super::worker_pool::WorkerPool;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;

/// Runs the range test and, at the same time, measures the curvature around a spike: the last spike that can
/// be reached again in time, otherwise the first one, and without spikes the end of the run. `epoch_time` is
/// in seconds. Without enough time the range test is empty and the measurement is `None`.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn measure_steps(
    request: &DiagnosisRequest<'_>,
    reference: &ReferenceTraining,
    split: &Split,
    epoch_time: f64,
    pool: &WorkerPool<'_>,
) -> Result<(RangeTest, Option<SpikeMeasurement>), FitError> {
    let losses: Vec<f64> = reference.history.iter().map(|epoch| epoch.loss).collect();
    let reachable = 0.4 * pool.time_left().as_secs_f64() / epoch_time;
    let spikes = spikes(&losses);
    let spike = spikes.iter().rev().find(|epoch| **epoch as f64 <= reachable).or(spikes.first()).copied();
    let (range, measured) = pool.run_both(
        || range_test(request, split, epoch_time, pool),
        || measure_spike(request, &reference.options, split, spike, losses.len(), epoch_time, pool),
    )?;
    Ok((range.unwrap_or_default(), measured.flatten()))
}
