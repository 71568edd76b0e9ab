//! What comes out for a stream: predictions, and changes of its surface. And how they are written.

use std::sync::Arc;
use std::time::Instant;

use super::context::ServingContext;
use crate::signal::{StreamId, Time};
use crate::stream::Quality;

/// What comes out, in order per stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A window was predicted.
    Prediction(Prediction),
    /// The surface changed; this comes before the prediction that changed it.
    Change(SurfaceChange),
    /// The stream ended.
    End(StreamId),
    /// What follows is decided by something else, perhaps with other labels.
    Context(Arc<ServingContext>),
}

/// One window's prediction, and what is decided with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Whose.
    pub stream: StreamId,
    /// The window's last step.
    pub time: Time,
    /// The decided surface's index among the labels; `None` is unknown.
    pub surface: Option<usize>,
    /// How sure the decision is.
    pub confidence: f64,
    /// The window's own probabilities, one a label.
    pub probabilities: Vec<f32>,
    /// How far the window can be trusted.
    pub quality: Quality,
    /// When its last sample arrived.
    pub arrived: Instant,
}

impl Prediction {
    /// The label of the highest probability, the window's own answer.
    pub fn likeliest(&self) -> Option<usize> {
        let indices = 0..self.probabilities.len();
        indices.max_by(|a, b| self.probabilities[*a].total_cmp(&self.probabilities[*b]))
    }
}

/// A change of a stream's surface.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceChange {
    /// Whose.
    pub stream: StreamId,
    /// The moment of the change.
    pub time: Time,
    /// Since when the surface holds.
    pub since: Time,
    /// The new surface; `None` is unknown.
    pub surface: Option<usize>,
    /// How sure the decision is.
    pub confidence: f64,
    /// The surface before; `None` at the stream's start.
    pub previous: Option<Option<usize>>,
    /// Why the surface is unknown, where it is; another reason alone is told as a change whose time is after `since`.
    pub reason: Option<String>,
}
