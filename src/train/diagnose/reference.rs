//! The training as it is: its whole curve, its noise on the way, and the range test of its learning rate.

use std::time::{Duration, Instant};

use super::DiagnosisRequest;
use super::runner::ExperimentRunner;
use super::sampling::{self, Noise, Spread};
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::pool;
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::options::FitOptions;

/// Learning rates, and the loss at each.
pub(super) type RangeTest = Vec<(f64, f64)>;

/// The training as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) history: Vec<Epoch>,
    pub(super) noise: Vec<Noise>,
    pub(super) spread: Option<Spread>,
}

impl DiagnosisRequest<'_> {
    /// Seconds that an epoch takes on one thread.
    pub(super) fn epoch_time(
        &self,
        options: &FitOptions,
        dataset: &Dataset,
        split: &Split,
    ) -> Result<f64, FitError> {
        pool(1)?.install(|| {
            let mut trainer = self.trainer(options, dataset, split);
            // The first epoch also fills memory.
            let first = Instant::now();
            drop(trainer.epoch());
            let first = first.elapsed();
            if first > Duration::from_secs(1) {
                return Ok(first.as_secs_f64());
            }
            let begun = Instant::now();
            drop(trainer.epoch());
            Ok(begun.elapsed().as_secs_f64())
        })
    }

    /// The training as it is, with its noise on the way.
    pub(super) fn reference(
        &self,
        options: &FitOptions,
        split: &Split,
        runner: &ExperimentRunner<'_>,
    ) -> Seen {
        let mut trainer = self.trainer(options, self.dataset, split);
        let epochs = options.epochs();
        let (early, late) = (epochs.div_ceil(10), (7 * epochs).div_ceil(10));
        let mut seen = Seen::default();
        let mut resampled = Vec::new();
        while trainer.epochs() < epochs && !runner.over() {
            match trainer.epoch() {
                Ok(Some(epoch)) => seen.history.push(epoch),
                _ => break,
            }
            if trainer.epochs() == early || trainer.epochs() == late {
                seen.noise.push(sampling::noise(&mut trainer, options.batch_size));
            }
            if trainer.epochs() == late {
                resampled = sampling::resampled(&trainer, 8);
            }
        }
        let after: Vec<f64> = seen.history.iter().skip(late).take(30).map(|epoch| epoch.loss).collect();
        seen.spread = sampling::spread(&after, &resampled);
        seen
    }

    /// The range test: learning rates, and the running mean of the loss at each.
    pub(super) fn range(&self, split: &Split, epoch: f64, runner: &ExperimentRunner<'_>) -> RangeTest {
        let each = epoch / split.training.len().div_ceil(self.options.batch_size) as f64;
        let steps = ((0.1 * runner.left().as_secs_f64() / each) as usize).clamp(20, 150);
        let losses = self.trainer(self.options, self.dataset, split).range_test(1e-6, 3.0, steps);
        // A running mean: a batch's loss is mostly chance.
        let around = |index: usize| {
            let part = &losses[index.saturating_sub(7)..(index + 8).min(losses.len())];
            part.iter().map(|(_, loss)| loss).sum::<f64>() / part.len() as f64
        };
        (0..losses.len()).map(|index| (losses[index].0, around(index))).collect()
    }
}

/// The learning rate at which the loss of a range test falls fastest.
pub(super) fn steepest(range: &[(f64, f64)]) -> Option<f64> {
    let fall = |pair: &&[(f64, f64)]| pair[10].1 - pair[0].1;
    let windows = range.windows(11).collect::<Vec<_>>();
    windows.iter().min_by(|one, other| fall(one).total_cmp(&fall(other))).map(|pair| pair[5].0)
}
