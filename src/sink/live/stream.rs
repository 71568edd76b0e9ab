//! What is kept of one stream for the pages.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::trace::Trace;

/// Maximum number of surface changes kept for each stream.
pub(super) const MAX_CHANGES: usize = 32;
/// For how long the samples and predictions of a stream over the limit are sent after a page asked for its trace.
const ASKED: Duration = Duration::from_secs(60);

/// One stream as the pages show it.
#[derive(Default)]
pub(super) struct LiveStream {
    /// The newest surface changes, oldest first.
    pub(super) changes: VecDeque<ShownChange>,
    /// Its samples.
    pub(super) trace: Trace,
    /// When a prediction of it was last shown.
    pub(super) last_prediction: Option<Instant>,
    /// The confidence and the novelty of a prediction that the overview does not have yet.
    pub(super) newest: Option<(f64, Option<f64>)>,
    /// Whether it is over the limit of streams, so that its samples and predictions are sent only where a page asks.
    pub(super) over_limit: bool,
    /// When a page last asked for its trace, if it is over the limit.
    pub(super) asked: Option<Instant>,
}

/// A surface change as pages receive it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownChange {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    pub(super) surface: Box<str>,
    pub(super) confidence: f64,
    /// Why the surface is unknown; `None` if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Box<str>>,
}

impl LiveStream {
    /// Whether its samples and predictions are sent to the open pages.
    pub(super) fn is_sent(&self) -> bool {
        !self.over_limit || self.asked.is_some_and(|at| at.elapsed() < ASKED)
    }

    /// Adds a surface change, and forgets the oldest if there are too many.
    pub(super) fn keep(&mut self, change: ShownChange) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }
}
