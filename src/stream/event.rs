//! What happened to a stream: the messages that the stream table sends to inference and to the decisions.

use std::time::Instant;

use super::window::{ResetReason, Window};
use crate::signal::{StreamId, Time};

/// Something that happened to one stream. The events of a stream are handled in the order in which they were
/// emitted.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEvent {
    /// The stream that the event belongs to.
    pub stream: StreamId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The first samples of a new stream arrived.
    Start {
        /// The time of the first sample, or of its arrival if it carries no time.
        time: Time,
    },
    /// A window is complete, and its surface can be predicted.
    Window {
        /// The complete window.
        window: Window,
        /// When the batch with the window's last sample arrived. The latency is measured from here.
        arrived: Instant,
    },
    /// The window was emptied, so the surface that was decided before no longer holds.
    Reset {
        /// The time of the first sample after a gap or restart, otherwise of the stream's newest sample.
        time: Time,
        /// Why the window was emptied.
        reason: ResetReason,
    },
    /// The stream ended, or it was removed because it was idle.
    End {
        /// The time of the stream's newest sample.
        time: Time,
    },
    /// Another node follows the stream from here on, so that nothing more is said about it.
    Moved,
}
