//! What a channel was like in training.

use serde::{Deserialize, Serialize};

/// The statistics of one channel in the training windows, in the channel's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation, with the number of values as divisor.
    pub deviation: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}
