//! Measures how much of the fluctuation of a loss is chance: the noise of gradients over few windows, and how
//! much the loss of an epoch depends on the order of the windows.

use crate::train::fit::epoch::FitError;
use crate::train::fit::trainer::Trainer;

/// How much the gradients of small batches differ from the gradient over all windows.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct GradientNoise {
    /// The number of epochs before the measurement.
    pub epoch: usize,
    /// The noise scale: the batch size, in windows, at which the noise is as large as the gradient. It is tr
    /// Σ / |G|² (McCandlish et al. 2018, B_simple), with the covariance Σ over all training windows and not
    /// over a sample.
    pub scale: f64,
    /// The standard deviation of the losses of the training windows, in nats.
    pub loss_deviation: f64,
}

/// Measures the gradient noise over single training windows. With batch normalisation it measures over
/// batches of `batch` windows, because a single window cannot be normalised. `None` if `expired` became true before
/// the last window.
pub(crate) fn gradient_noise(
    trainer: &mut Trainer<'_>,
    batch: usize,
    expired: &dyn Fn() -> bool,
) -> Option<GradientNoise> {
    let windows = trainer.split().training.clone();
    let parameters = trainer.network().parameters().to_vec();
    let size =
        if trainer.network().architecture().batch_norm { batch.clamp(2, windows.len().max(2)) } else { 1 };
    let (mut sum, mut squares, mut batches) = (vec![0.0f64; parameters.len()], 0.0, 0.0);
    let (mut losses, mut loss_squares) = (0.0, 0.0);
    for part in windows.chunks_exact(size) {
        if expired() {
            return None;
        }
        let (loss, gradient) = trainer.gradient(&parameters, part);
        sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += f64::from(*gradient));
        squares += gradient.iter().map(|gradient| f64::from(*gradient).powi(2)).sum::<f64>();
        (losses, loss_squares) = (losses + loss, loss_squares + loss * loss);
        batches += 1.0;
    }
    let square = sum.iter().map(|sum| (sum / batches).powi(2)).sum::<f64>();
    // The covariance of means over n windows is that of single windows divided by n.
    let covariance = (squares / batches - square).max(0.0) * size as f64;
    let variance = (loss_squares / batches - (losses / batches).powi(2)).max(0.0) * size as f64;
    Some(GradientNoise {
        epoch: trainer.epochs(),
        scale: covariance / square,
        loss_deviation: variance.sqrt(),
    })
}

/// Trains one epoch `times` times from the same weights and the same state of the optimiser, each time with
/// another order of the windows and other dropout, and returns the training losses. Epochs that diverged are
/// missing, and so are those that had not begun when `expired` became true.
pub(crate) fn resampled_losses(trainer: &Trainer<'_>, times: u64, expired: &dyn Fn() -> bool) -> Vec<f64> {
    let once = |seed: u64| -> Result<Option<f64>, FitError> {
        let mut other = trainer.continued(seed);
        Ok(other.epoch()?.map(|epoch| epoch.loss))
    };
    (1..=times).take_while(|_| !expired()).filter_map(|seed| once(seed).ok().flatten()).collect()
}

/// The fluctuation of the loss from epoch to epoch, and how much of it the order of the windows explains.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct LossSpread {
    /// The standard deviation of the training loss of one epoch over different orders of the windows, in
    /// nats.
    pub sampling: f64,
    /// The standard deviation of the change from epoch to epoch divided by √2, in nats.
    pub seen: f64,
}

/// Compares the losses of successive epochs with the resampled losses of one epoch. The result is `None` if
/// either has fewer than three.
pub(crate) fn loss_spread(after: &[f64], resampled: &[f64]) -> Option<LossSpread> {
    if after.len() < 3 || resampled.len() < 3 {
        return None;
    }
    let changes: Vec<f64> = after.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The mean change is progress and not fluctuation.
    let mean = changes.iter().sum::<f64>() / changes.len() as f64;
    let seen =
        (changes.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (2.0 * changes.len() as f64)).sqrt();
    let mean = resampled.iter().sum::<f64>() / resampled.len() as f64;
    let variance =
        resampled.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (resampled.len() - 1) as f64;
    Some(LossSpread { sampling: variance.sqrt(), seen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::split::Split;
    use crate::train::fit::context::TrainingContext;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_noise_scale_is_the_variance_of_gradients_over_the_square_of_their_mean() {
        let dataset = sine_waves(2, 2, 8);
        let options =
            FitOptions { hidden: Some(3), epochs: Some(2), folds: Some(0), ..FitOptions::default() };
        let (stop, quiet) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, Split::new(&dataset, 0.0, 0), 0);
        let found = gradient_noise(&mut trainer, 4, &|| false).unwrap();
        let parameters = trainer.network().parameters().to_vec();
        let mut gradient = |windows: &[usize]| -> Vec<f64> {
            trainer.gradient(&parameters, windows).1.iter().map(|value| f64::from(*value)).collect()
        };
        let all = gradient(&(0..32).collect::<Vec<_>>());
        let square: f64 = all.iter().map(|value| value * value).sum();
        let far: f64 = (0..32)
            .map(|one| gradient(&[one]).iter().zip(&all).map(|(a, b)| (a - b).powi(2)).sum::<f64>())
            .sum();
        assert!((found.scale / (far / 32.0 / square) - 1.0).abs() < 1e-3, "{found:?}");
        let losses = resampled_losses(&trainer, 4, &|| false);
        assert!(losses.len() == 4 && losses[0] != losses[1]);
        let spread = loss_spread(&[1.0, 0.9, 0.8, 0.7], &losses).unwrap();
        assert!(spread.seen < 1e-9 && spread.sampling > 0.0);
    }
}
