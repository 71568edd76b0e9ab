//! A batch of work with the probabilities of its windows, as inference hands it to the decision.

use super::context::ServingContext;
use crate::stream::{Task, Work};

/// Work with the probabilities of its windows.
#[derive(Debug)]
pub struct InferredBatch {
    /// The batch's place in the order of all batches.
    pub ticket: u64,
    /// What surfaces are decided by from this batch on, where something else takes over with it.
    pub context: Option<Box<ServingContext>>,
    /// The work, in order.
    pub work: Vec<Work>,
    /// The probabilities of its windows in their order, row-major [N, K].
    pub probabilities: Vec<f32>,
}

impl InferredBatch {
    /// How many of its entries are windows.
    pub fn windows(&self) -> usize {
        self.work.iter().filter(|work| matches!(work.task, Task::Window { .. })).count()
    }
}
