//! A batch of stream events with the model's answers to its windows, as inference hands it to the decisions.

use std::sync::mpsc::Sender;

use super::context::ServingContext;
use crate::model::answers::Answers;
use crate::receipt::Receipt;
use crate::stream::StreamEvent;

/// A batch of stream events with the model's answers to its windows.
#[derive(Debug)]
pub struct InferredBatch {
    /// The position of this batch in the order of all batches, from 0. Several inference threads may finish
    /// their batches in another order.
    pub sequence: u64,
    /// The serving context from this batch on. `None` if it does not change.
    pub context: Option<Box<ServingContext>>,
    /// The events, in order.
    pub events: Vec<StreamEvent>,
    /// The receipts of samples all of whose events are in this batch or in those before it.
    pub receipts: Vec<Receipt>,
    /// The answers to the N windows among the events, in their order.
    pub answers: Answers,
    /// The right to be on its way, which ends with the batch.
    pub slot: BatchSlot,
}

/// The right of a batch to be on its way from the queue of batches to the end of its decision.
///
/// There is a limited number of these, so that finished batches cannot collect without a bound while one
/// before them is not finished. When it is dropped, the next batch may be made.
#[derive(Debug)]
pub struct BatchSlot(Option<Sender<()>>);

impl BatchSlot {
    /// The slot whose end is sent to `freed`.
    pub(crate) fn new(freed: Sender<()>) -> Self {
        Self(Some(freed))
    }

    /// A slot that nobody waits for.
    pub fn unlimited() -> Self {
        Self(None)
    }
}

impl Drop for BatchSlot {
    fn drop(&mut self) {
        if let Some(freed) = &self.0 {
            // This fails only if no further batch is made.
            let _ = freed.send(());
        }
    }
}
