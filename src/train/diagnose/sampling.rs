//! How much of a fluctuation is chance: the noise of gradients over few windows, and what it alone makes of a loss.

use crate::train::fit::epoch::FitError;
use crate::train::fit::trainer::Trainer;

/// How gradients over few windows differ from that over all.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Noise {
    /// The epochs that had passed.
    pub epoch: usize,
    /// Windows in a batch at which the noise is as large as the gradient: tr Σ / |G|² (McCandlish et al. 2018, their B_simple), with
    /// the covariance Σ over the training windows themselves and not a sample of them.
    pub scale: f64,
    /// The standard deviation of the training windows' losses, in nats.
    pub loss_deviation: f64,
}

/// Measures the noise scale over the training windows. Window by window, unless what is pooled is normalised over a batch, which one
/// window is not: then over batches of `batch` windows.
pub(crate) fn noise(trainer: &mut Trainer<'_>, batch: usize) -> Noise {
    let windows = trainer.split().training.clone();
    let parameters = trainer.network().parameters().to_vec();
    let each =
        if trainer.network().architecture().batch_norm { batch.clamp(2, windows.len().max(2)) } else { 1 };
    let (mut sum, mut squares, mut batches) = (vec![0.0f64; parameters.len()], 0.0, 0.0);
    let (mut losses, mut loss_squares) = (0.0, 0.0);
    for part in windows.chunks_exact(each) {
        let (loss, gradient) = trainer.gradient(&parameters, part);
        sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += f64::from(*gradient));
        squares += gradient.iter().map(|gradient| f64::from(*gradient).powi(2)).sum::<f64>();
        (losses, loss_squares) = (losses + loss, loss_squares + loss * loss);
        batches += 1.0;
    }
    let square = sum.iter().map(|sum| (sum / batches).powi(2)).sum::<f64>();
    // Of batches of n windows the covariance is that of windows, over n.
    let covariance = (squares / batches - square).max(0.0) * each as f64;
    let variance = (loss_squares / batches - (losses / batches).powi(2)).max(0.0) * each as f64;
    Noise { epoch: trainer.epochs(), scale: covariance / square, loss_deviation: variance.sqrt() }
}

/// What sampling alone makes of one epoch: the same network, from the same weights and the same state of the optimiser, trained one
/// epoch in so many other orders and with other draws of what is left out. Gives each one's training loss; one that fell apart is not
/// among them.
pub(crate) fn resampled(trainer: &Trainer<'_>, times: u64) -> Vec<f64> {
    let once = |seed: u64| -> Result<Option<f64>, FitError> {
        let mut other = trainer.continued(seed);
        Ok(other.epoch()?.map(|epoch| epoch.loss))
    };
    (1..=times).filter_map(|seed| once(seed).ok().flatten()).collect()
}

/// The epoch-to-epoch spread that was seen against that which sampling alone makes.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Spread {
    /// The standard deviation of an epoch's training loss over other orders of the windows, in nats.
    pub sampling: f64,
    /// The root mean square change from epoch to epoch over √2, over the epochs after the same moment, in nats.
    pub seen: f64,
}

/// Compares the losses of epochs with those of the same epoch resampled; `None` of fewer than three.
pub(crate) fn spread(after: &[f64], resampled: &[f64]) -> Option<Spread> {
    if after.len() < 3 || resampled.len() < 3 {
        return None;
    }
    let changes: Vec<f64> = after.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Its mean is what is still learned.
    let mean = changes.iter().sum::<f64>() / changes.len() as f64;
    let seen =
        (changes.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (2.0 * changes.len() as f64)).sqrt();
    let mean = resampled.iter().sum::<f64>() / resampled.len() as f64;
    let variance =
        resampled.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (resampled.len() - 1) as f64;
    Some(Spread { sampling: variance.sqrt(), seen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::split::Split;
    use crate::train::fit::context::TrainingContext;
    use crate::train::fit::epoch::Epoch;
    use crate::train::options::FitOptions;
    use crate::train::tests::waves;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn the_noise_scale_says_how_far_a_batchs_gradient_is_from_the_mean() {
        let dataset = waves(2, 2, 8);
        let options =
            FitOptions { hidden: Some(3), epochs: Some(2), folds: Some(0), ..FitOptions::default() };
        let (stop, quiet) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        let training =
            TrainingContext { options: &options, dataset: &dataset, stop: &stop, progress: &quiet };
        let mut trainer = Trainer::new(&training, Split::new(&dataset, 0.0, 0), 0);
        let found = noise(&mut trainer, 4);
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
        let losses = resampled(&trainer, 4);
        assert!(losses.len() == 4 && losses[0] != losses[1]);
        let spread = spread(&[1.0, 0.9, 0.8, 0.7], &losses).unwrap();
        assert!(spread.seen < 1e-9 && spread.sampling > 0.0);
    }
}
