//! Dropout masks (Srivastava et al. 2014), scaled in training as Keras does.

use rand::{Rng, RngExt};

/// Fills a mask of `count` values: each is 0 with the probability `share`, and 1 / (1 - share) otherwise.
pub(crate) fn fill_mask(mask: &mut Vec<f32>, count: usize, share: f32, rng: &mut impl Rng) {
    let kept = 1.0 / (1.0 - share);
    mask.clear();
    mask.extend((0..count).map(|_| if rng.random::<f32>() < share { 0.0 } else { kept }));
}
