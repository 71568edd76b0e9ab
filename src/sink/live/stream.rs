//! What is kept of one stream for the pages.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Serialize;

use super::trace::Trace;

/// Maximum number of surface changes kept for each stream.
pub(super) const MAX_CHANGES: usize = 32;

/// One stream as the pages show it.
#[derive(Default)]
pub(super) struct LiveStream {
    /// The newest surface changes, oldest first.
    pub(super) changes: VecDeque<ShownChange>,
    /// Its samples; empty while no page is open.
    pub(super) trace: Trace,
    /// When a prediction of it was last shown.
    pub(super) last_prediction: Option<Instant>,
    /// Whether it is over the limit of streams, so that only its surface changes are shown.
    pub(super) over_limit: bool,
}

/// A surface change as pages receive it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownChange {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) surface: Box<str>,
    pub(super) confidence: f64,
}

impl LiveStream {
    /// Adds a surface change, and forgets the oldest if there are too many.
    pub(super) fn keep(&mut self, change: ShownChange) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}
