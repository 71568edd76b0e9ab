//! Where a window of the data set lies, and which recording it is from.

use crate::signal::Time;

/// Where a window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowIndex {
    /// Its first step.
    pub start: usize,
    /// The moment of its last step, in the recording's time.
    pub time: Time,
    /// How many steps earlier it may begin and still be of the same stretch and label; half a hop at most.
    pub earlier: usize,
    /// The same, for later.
    pub later: usize,
}

/// A recording as the trainer knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingInfo {
    /// Its name, as `label/name` where the label comes from the folder.
    pub name: String,
    /// Recordings of one group never straddle training and validation.
    pub group: String,
}
