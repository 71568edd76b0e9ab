//! The statistics of one channel in the training data, as the card carries them.

use serde::{Deserialize, Serialize};

/// The largest magnitude of a statistic. Far above it, float32 numbers overflow.
const MAX_STATISTIC: f64 = 1e30;

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
    /// The longest time without a change over whole windows, in seconds, in the recording with the second longest such
    /// time: one recording of a dead sensor does not count. 0 if there is none, or if it is not known.
    #[serde(default)]
    pub still: f64,
}

impl Statistics {
    /// What is wrong with the numbers, to be read after "has"; `None` if nothing is.
    pub(super) fn fault(&self) -> Option<String> {
        let Self { mean, deviation, min, max, still } = *self;
        let numbers = [mean, deviation, min, max, still].iter().all(|value| value.abs() <= MAX_STATISTIC);
        // What is left of rounding, where all values are equal.
        let slack = 1e-6 * (mean.abs() + deviation);
        let ordered = deviation >= 0.0 && still >= 0.0 && min <= mean + slack && mean <= max + slack;
        (!(numbers && ordered)).then(|| {
            format!(
                "mean {mean}, deviation {deviation}, min {min}, max {max} and still {still}; the deviation and still must be \
                 at least 0, the mean from min to max, and all at most {MAX_STATISTIC:e}"
            )
        })
    }
}
