//! Compares the probabilities and the novelty of an exported model in ONNX Runtime with those of the trainer's own
//! forward pass.
//!
//! The reference is the forward pass in double precision, [`exact`]. Comparing two passes in single precision
//! with each other would be misleading: in a network that amplifies rounding they may differ by more than the
//! tolerance, although each of them is within the tolerance of the exact result.

use std::path::Path;

use ndarray::ArrayView2;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

use super::error::ExportError;
use super::exact;
use crate::model::card::Card;
use crate::model::session::Model;
use crate::train::fit::ensemble::Ensemble;
use crate::train::random_streams;

/// The difference of a probability that is always allowed.
pub(super) const TOLERANCE: f32 = 1e-5;
/// ONNX Runtime may be this many times as far from double precision as the trainer's own pass in single
/// precision is, because the two round at different points. Networks with large logits amplify rounding
/// beyond [`TOLERANCE`].
const ROUNDING: f32 = 8.0;
/// The largest difference of a probability that is ever allowed.
const MAX_ROUNDING: f32 = 1e-3;
/// Maximum number of windows of the dataset that are compared.
const MAX_WINDOWS: usize = 512;
/// Maximum number of these windows that are compared again with noise added, to cover inputs that no
/// recording has.
const MAX_NOISY_WINDOWS: usize = 64;
/// The standard deviation of the noise, as a share of that of the channel. On pure noise as loud as the data,
/// a trained LSTM can be chaotic, and ONNX Runtime itself then differs from double precision by more than the
/// tolerance.
const NOISE_SHARE: f32 = 0.1;
/// The difference of a novelty that is always allowed, and the largest that ever is. It is the share of known windows
/// that are less novel, and nothing depends on its third digit.
const NOVELTY_TOLERANCE: f32 = 1e-3;
const MAX_NOVELTY_ROUNDING: f32 = 1e-2;

/// Runs an exported model in ONNX Runtime on windows of the dataset, each row-major [W, C], and on some of
/// them with noise added, and returns the largest difference of a probability from the trainer's forward pass
/// in double precision. ONNX Runtime is loaded from `library`, or from its usual places if that is `None`.
///
/// # Errors
/// [`ExportError::Differs`] if the difference is above [`TOLERANCE`] and above what rounding explains,
/// [`ExportError::NoveltyDiffers`] for the novelty, and [`ExportError::Model`] if the model does not run.
pub(super) fn compare(
    model: &[u8],
    card: &Card,
    ensemble: &Ensemble,
    windows: &[&[f32]],
    library: Option<&Path>,
) -> Result<f32, ExportError> {
    let size = card.window * card.channels.len();
    let step = windows.len().div_ceil(MAX_WINDOWS).max(1);
    let mut compared: Vec<f32> = windows.iter().step_by(step).copied().flatten().copied().collect();
    let noisy = compared.len().min(MAX_NOISY_WINDOWS * size);
    let mut rng = Pcg64::new(0, random_streams::NOISE);
    let deviations: Vec<f32> = match &card.training {
        Some(training) => training.statistics.iter().map(|channel| channel.deviation as f32).collect(),
        None => vec![1.0; card.channels.len()],
    };
    for index in 0..noisy {
        let normal: f32 = StandardNormal.sample(&mut rng);
        compared.push(compared[index] + NOISE_SHARE * normal * deviations[index % deviations.len()]);
    }
    let exported = Model::from_bytes(model, Path::new("(memory)"), library)?.answers(&compared)?;
    let compared: Vec<&[f32]> = compared.chunks_exact(size).collect();
    compare_novelty(ensemble, &compared, &exported.novelty)?;
    let exact = exact::probabilities(ensemble, &compared);
    let difference = largest_difference(&exact, &exported.probabilities);
    let allowed = allowed_difference(largest_difference(&exact, &ensemble.probabilities(&compared)));
    if difference <= allowed { Ok(difference) } else { Err(ExportError::Differs { difference, allowed }) }
}

/// Compares the novelty of windows in ONNX Runtime, `[N]`, with the trainer's in double precision.
///
/// # Errors
/// [`ExportError::NoveltyDiffers`], as for [`compare`].
fn compare_novelty(ensemble: &Ensemble, windows: &[&[f32]], exported: &[f32]) -> Result<(), ExportError> {
    let (Some(score), Some(member)) = (ensemble.novelty(), ensemble.members().first()) else { return Ok(()) };
    let preprocessing = member.preprocessing();
    if preprocessing.summary().is_none() {
        return Ok(());
    }
    let mut single = Vec::new();
    windows.iter().for_each(|window| preprocessing.append_statistics(window, &mut single));
    let single = ArrayView2::from_shape((windows.len(), score.statistics()), &single);
    let single = single.map(|rows| score.novelty(rows.mapv(f64::from).view())).unwrap_or_default();
    let single: Vec<f32> = single.into_iter().map(|novelty| novelty as f32).collect();
    let exact = ensemble.novelty_of(windows);
    let rounding = largest_difference(&exact, &single);
    let difference = largest_difference(&exact, exported);
    let allowed = (ROUNDING * rounding).clamp(NOVELTY_TOLERANCE, MAX_NOVELTY_ROUNDING);
    let is_complete = exported.len() == exact.len() && single.len() == exact.len();
    if is_complete && difference <= allowed {
        Ok(())
    } else {
        Err(ExportError::NoveltyDiffers { difference, allowed })
    }
}

/// How far ONNX Runtime may be from double precision, if the trainer's own pass in single precision is
/// `rounding` away from it.
fn allowed_difference(rounding: f32) -> f32 {
    (ROUNDING * rounding).clamp(TOLERANCE, MAX_ROUNDING)
}

/// The largest absolute difference between values at the same position; NaN if any difference is not a
/// number, which `f32::max` would ignore.
fn largest_difference(exact: &[f64], rounded: &[f32]) -> f32 {
    let differences =
        exact.iter().zip(rounded).map(|(exact, value)| (exact - f64::from(*value)).abs() as f32);
    differences.fold(
        0.0,
        |largest: f32, difference| {
            if largest.is_nan() || difference <= largest { largest } else { difference }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_allowed_as_far_as_rounding_explains_it() {
        let allowed = [0.0, 2e-6, 5e-6, 0.1].map(allowed_difference);
        assert_eq!(allowed, [TOLERANCE, 1.6e-5, 4e-5, MAX_ROUNDING]);
        assert!(allowed_difference(f32::NAN).is_nan(), "no difference is below NaN");
        assert_eq!(largest_difference(&[1.0, 2.0, 3.0], &[1.5, 2.0, 3.25]), 0.5);
        assert!(largest_difference(&[1.0, 2.0, 3.0], &[1.5, f32::NAN, 3.0]).is_nan());
    }
}
