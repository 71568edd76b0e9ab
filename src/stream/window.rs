//! A window of one stream, and the reasons for which a stream's window is emptied.

use super::quality::Quality;
use crate::signal::Time;

/// What a stream makes of its samples, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowerOutput {
    /// A window is complete.
    Window(Window),
    /// What came before does not join what comes now: the window was emptied.
    Reset {
        /// The first sample after it.
        time: Time,
        /// Why.
        why: ResetReason,
    },
}

/// W consecutive steps of one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The moment of its last step.
    pub time: Time,
    /// Its steps, oldest first, row-major [W, C].
    pub values: Vec<f32>,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// Why a window was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// No sample for longer than the limit.
    Gap,
    /// The device's clock started again.
    Restart,
    /// A live stream went silent.
    Silence,
    /// Samples of a live stream come, and none has a number in these channels, a bit each.
    Missing(u64),
    /// Another model took over, which takes other windows.
    Model,
}
