//! Dropout masks (Srivastava et al. 2014).
//!
//! The values that are kept are scaled up in training ("inverted dropout"), as in Keras, so that nothing has
//! to be scaled when the trained network is used.

use rand::{Rng, RngExt};

/// Fills `mask` with `count` values: each is 0 with the probability `rate`, and 1 / (1 - `rate`) otherwise.
pub(crate) fn fill_mask(mask: &mut Vec<f32>, count: usize, rate: f32, rng: &mut impl Rng) {
    let kept = 1.0 / (1.0 - rate);
    mask.clear();
    mask.extend((0..count).map(|_| if rng.random::<f32>() < rate { 0.0 } else { kept }));
}
