//! The window of one stream, and the reasons why it is emptied.

use super::quality::Quality;
use super::timing::RateFault;
use crate::signal::Time;

/// What a [`StreamWindower`](super::StreamWindower) emits, in the order of the samples.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowerOutput {
    /// A complete window.
    Window(Window),
    /// The window was emptied, because the samples before and after this point do not belong together.
    Reset {
        /// The time of the first sample after the reset.
        time: Time,
        /// Why the window was emptied.
        reason: ResetReason,
    },
}

/// W consecutive steps of one stream, at the model's rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The time of the last step.
    pub time: Time,
    /// The values of the steps, oldest first, row-major [W, C].
    pub values: Vec<f32>,
    /// How far the values can be trusted.
    pub quality: Quality,
}

/// Why a stream's window was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetReason {
    /// The time between two samples was longer than the model card's `resample.max_gap`.
    Gap,
    /// The device's clock started again.
    Restart,
    /// A live stream sent no usable sample for longer than the limit.
    Silence,
    /// A live stream still sends samples, but none of them has a number in these channels: bit i stands for
    /// channel i.
    Missing(u64),
    /// The rate of the samples does not suit the model.
    Rate(RateFault),
    /// A model with a different kind of window was loaded.
    Model,
}
