//! What is kept of one stream for the pages.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::kept_rows::KeptRows;
use super::trace::Trace;
use crate::decision::Prediction;

/// Maximum number of surface changes kept for each stream.
pub(super) const MAX_CHANGES: usize = 32;
/// For how long the samples and predictions of a stream over the limit are sent after a page asked for its trace.
const ASKED: Duration = Duration::from_secs(60);

/// Minimum time between two predictions shown of one stream.
pub(super) const PREDICTION_INTERVAL: Duration = Duration::from_millis(150);
/// Maximum number of predictions kept of one stream: those of the last 32 s, of which a page draws 30 s.
const MAX_PREDICTIONS: usize = 32_000 / PREDICTION_INTERVAL.as_millis() as usize;

/// One stream as the pages show it.
pub(super) struct LiveStream {
    /// The newest surface changes, oldest first.
    pub(super) changes: VecDeque<ShownChange>,
    /// Its samples.
    pub(super) trace: Trace,
    /// Its shown predictions: the probability of each surface, the novelty, and 1 if a surface was decided, else 0.
    pub(super) predictions: KeptRows,
    /// When a prediction of it was last shown or kept.
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

impl Default for LiveStream {
    fn default() -> Self {
        Self {
            changes: VecDeque::new(),
            trace: Trace::default(),
            predictions: KeptRows::new(MAX_PREDICTIONS),
            last_prediction: None,
            newest: None,
            over_limit: false,
            asked: None,
        }
    }
}

impl LiveStream {
    /// Takes one of so many parts of the memory for what is kept.
    pub(super) fn share_with(&mut self, parts: usize) {
        self.trace.share_with(parts);
        self.predictions.share_with(parts);
    }

    /// Whether a prediction comes long enough after the one before to be shown. If so, it counts as shown.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.last_prediction.is_none_or(|last| last.elapsed() >= PREDICTION_INTERVAL);
        if is_due {
            self.last_prediction = Some(Instant::now());
        }
        is_due
    }

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

    /// Keeps a prediction that came at this time, in milliseconds since 1970, if there is room.
    pub(super) fn keep_prediction(&mut self, at: u64, prediction: &Prediction) {
        if !self.predictions.has_room() {
            return;
        }
        let novelty = prediction.novelty.unwrap_or(f32::NAN);
        let decided = if prediction.surface.is_some() { 1.0 } else { 0.0 };
        let row: Vec<f32> = prediction.probabilities.iter().copied().chain([novelty, decided]).collect();
        self.predictions.push(i64::try_from(at).unwrap_or_default(), row.into_iter());
    }
}
