//! What the stages behind the stream table have to do for a stream, in order.

use std::time::Instant;

use super::window::{ResetReason, Window};
use crate::signal::{StreamId, Time};

/// What the streams ask of the model and the decision, in order per stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Whose.
    pub stream: StreamId,
    /// What.
    pub task: Task,
}

/// One thing to do for a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// The stream is new.
    Start {
        /// Its first sample.
        time: Time,
    },
    /// A window is to be predicted.
    Window {
        /// The window.
        window: Window,
        /// When its last sample arrived.
        arrived: Instant,
    },
    /// What was believed does not hold any more.
    Reset {
        /// The stream's time.
        time: Time,
        /// Why.
        why: ResetReason,
    },
    /// The stream ended or was forgotten.
    End {
        /// Its last sample.
        time: Time,
    },
}
