//! A batch of stream events with the probabilities of its windows, as inference hands it to the decisions.

use super::context::ServingContext;
use crate::stream::{EventKind, StreamEvent};

/// A batch of stream events with the probabilities of its windows.
#[derive(Debug)]
pub struct InferredBatch {
    /// The position of this batch in the order of all batches, from 0. Several inference threads may finish
    /// their batches in another order.
    pub sequence: u64,
    /// The serving context from this batch on. `None` if it does not change.
    pub context: Option<Box<ServingContext>>,
    /// The events, in order.
    pub events: Vec<StreamEvent>,
    /// The probabilities of the N windows among the events, in their order, row-major [N, K] for K labels.
    pub probabilities: Vec<f32>,
}

impl InferredBatch {
    /// The number of windows among the events.
    pub fn windows(&self) -> usize {
        self.events.iter().filter(|event| matches!(event.kind, EventKind::Window { .. })).count()
    }
}
