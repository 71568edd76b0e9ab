//! The range test of the learning rate (Smith 2015).

use crate::train::data::split::Split;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::diagnose::worker_pool::WorkerPool;
use crate::train::fit::trainer::Trainer;

/// Learning rates in ascending order, with the loss at each.
pub(crate) type RangeTest = Vec<(f64, f64)>;

/// The loss of a step is averaged with those of this many steps before and after it.
const SMOOTHING: usize = 7;
/// The learning rate of the first step.
const LOWEST: f64 = 1e-6;
/// The learning rate of the last step.
const HIGHEST: f64 = 3.0;

/// Trains from the initial weights with a learning rate that grows at every step, and returns a running mean
/// of the loss at each learning rate. `epoch_time` is in seconds.
pub(crate) fn range_test(
    request: &DiagnosisRequest<'_>,
    split: &Split,
    epoch_time: f64,
    pool: &WorkerPool<'_>,
) -> RangeTest {
    let step_time = epoch_time / split.training.len().div_ceil(request.options.batch_size) as f64;
    let steps = ((0.1 * pool.time_left().as_secs_f64() / step_time) as usize).clamp(20, 150);
    let trainer = request.trainer(request.options, request.dataset, split);
    let losses = losses(trainer, request.options.batch_size, steps, &|| pool.expired());
    // The loss of a single batch is mostly chance.
    let running_mean = |index: usize| {
        let part = &losses[index.saturating_sub(SMOOTHING)..(index + SMOOTHING + 1).min(losses.len())];
        part.iter().map(|(_, loss)| loss).sum::<f64>() / part.len() as f64
    };
    (0..losses.len()).map(|index| (losses[index].0, running_mean(index))).collect()
}

/// Trains with a learning rate that grows by the same factor at every step, from the [`LOWEST`] to the [`HIGHEST`], and
/// returns the learning rate of each step with the mean loss of its batch. The test ends early once the loss is more
/// than twice the first or not finite, or `expired` is true.
fn losses(
    mut trainer: Trainer<'_>,
    batch_size: usize,
    steps: usize,
    expired: &dyn Fn() -> bool,
) -> Vec<(f64, f64)> {
    let mut losses: Vec<(f64, f64)> = Vec::new();
    for epoch in 1.. {
        let order = trainer.order();
        for (index, batch) in order.chunks(batch_size).enumerate() {
            let share = losses.len() as f64 / steps.saturating_sub(1).max(1) as f64;
            let rate = LOWEST * (HIGHEST / LOWEST).powf(share);
            let stopped = losses.len() == steps || expired();
            let Some(loss) = trainer.step(batch, epoch, index, rate as f32).ok().filter(|_| !stopped) else {
                return losses;
            };
            losses.push((rate, loss.mean()));
            if loss.mean() > 2.0 * losses[0].1 {
                return losses;
            }
        }
        if order.is_empty() {
            break;
        }
    }
    losses
}

/// The learning rate at which the loss of a range test falls fastest; `None` for fewer than 11 steps.
pub(crate) fn steepest_rate(range: &[(f64, f64)]) -> Option<f64> {
    let change = |steps: &&[(f64, f64)]| steps[10].1 - steps[0].1;
    let stretches = range.windows(11).collect::<Vec<_>>();
    stretches.iter().min_by(|one, other| change(one).total_cmp(&change(other))).map(|steps| steps[5].0)
}
