//! The moment of a spike, caught: the training run again up to it, and the curvature measured around it.

use super::DiagnosisRequest;
use super::curve::roughness;
use super::estimate::Estimate;
use super::runner::{ExperimentRunner, SEEDS};
use super::sharpness::{self, Direction, sharpness};
use crate::train::data::split::Split;
use crate::train::fit::trainer::Trainer;
use crate::train::options::FitOptions;

/// Epochs before and after a spike at which the sharpness is measured.
const AROUND: usize = 10;

/// The sharpness around a spike.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Spike {
    /// The epoch at which the loss jumps; none where it never does, and the end of the training was measured.
    pub epoch: Option<usize>,
    /// Epochs, with the largest eigenvalue of the preconditioned Hessian after each.
    pub sharpness: Vec<(usize, f64)>,
    /// What it may be at this learning rate: 2 / learning rate for RMSprop.
    pub limit: f64,
    /// Trained on from before the spike in other orders, as it was and at a tenth of the learning rate: the mean roughness of the
    /// training loss of each, in nats an epoch.
    pub calmed: Option<[f64; 2]>,
    /// By what factor that fell, as a natural logarithm.
    pub fall: Option<Estimate>,
}

impl DiagnosisRequest<'_> {
    /// The training once more up to a spike, or to its end, and the sharpness around it.
    pub(super) fn spike(
        &self,
        options: &FitOptions,
        split: &Split,
        at: Option<usize>,
        last: usize,
        epoch: f64,
        runner: &ExperimentRunner<'_>,
    ) -> Option<Spike> {
        let (first, end) = match at {
            Some(at) => (at.saturating_sub(AROUND).max(1), (at + AROUND).min(last)),
            None => (last.saturating_sub(1).max(1), last),
        };
        // A product takes two gradients over everything, each about an epoch's time.
        let products = runner.left().as_secs_f64() / epoch - end as f64;
        let iterations = (products / 2.0 / (end + 1 - first) as f64) as usize;
        if iterations < 2 {
            return None;
        }
        let mut trainer = self.trainer(options, self.dataset, split);
        let (mut direction, mut found) = (Direction::default(), Vec::new());
        let mut limit = f64::INFINITY;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        while trainer.epochs() < end && !runner.over() {
            let rate = trainer.learning_rate();
            trainer.epoch().ok()??;
            if at.is_some() && trainer.epochs() == first {
                for seed in 1..=SEEDS[0] as u64 {
                    let (Some(same), Some(slower)) =
                        (trained_on(&trainer, seed, 1.0, runner), trained_on(&trainer, seed, 0.1, runner))
                    else {
                        break;
                    };
                    before.push(same);
                    after.push(slower);
                }
            }
            if trainer.epochs() >= first {
                let times = if found.is_empty() { 3 } else { 1 };
                let value =
                    sharpness(&mut trainer, &split.training, &mut direction, times * iterations.min(6));
                found.push((trainer.epochs(), value));
                limit = sharpness::limit(options.optimizer, options.momentum, f64::from(rate));
            }
        }
        let falls: Vec<f64> =
            before.iter().zip(&after).map(|(b, a)| ((b + 1e-4) / (a + 1e-4)).ln()).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        (!found.is_empty()).then(|| Spike {
            epoch: at,
            sharpness: found,
            limit,
            calmed: (!falls.is_empty()).then(|| [mean(&before), mean(&after)]),
            fall: Estimate::of(&falls),
        })
    }
}

/// The roughness of the training loss where a training goes on for some epochs in another order, at a multiple of its learning rate.
fn trained_on(trainer: &Trainer<'_>, seed: u64, by: f64, runner: &ExperimentRunner<'_>) -> Option<f64> {
    let mut other = trainer.continued(seed);
    other.scale_learning_rate(by);
    let mut losses = Vec::new();
    for _ in 0..3 * AROUND {
        if runner.over() {
            return None;
        }
        losses.push(other.epoch().ok()??.loss);
    }
    Some(roughness(&losses))
}
