//! The training that misbehaves, run unchanged, and the measurements of it.
//!
//! - [`training`]: runs it for every epoch, or for as many as there is time for.
//! - [`sampling_noise`]: how much of the fluctuation of its loss is chance.
//! - [`artificial_task`]: an easy task that shows whether the settings can learn at all.
//! - [`range_test`]: the loss against a growing learning rate.
//! - [`spike`]: the training repeated up to its last spike, with the [`sharpness`] around it.

pub(crate) mod artificial_task;
pub(crate) mod range_test;
pub(crate) mod sampling_noise;
pub(crate) mod sharpness;
pub(crate) mod spike;
pub(crate) mod training;

use self::range_test::{RangeTest, range_test};
use self::spike::{SpikeMeasurement, measure_spike};
use self::training::ReferenceTraining;
use super::loss_curve::spikes;
use super::request::DiagnosisRequest;
use super::worker_pool::WorkerPool;
use crate::train::data::split::Split;
use crate::train::fit::epoch::FitError;

/// Runs the range test and, at the same time, measures the curvature around a spike: the last spike that
/// there is time to reach again and to measure around, else the first one, else the end of the training.
/// `epoch_time` is in seconds. The range test is empty and the measurement `None` where there was no time.
///
/// # Errors
/// [`FitError::Threads`].
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
