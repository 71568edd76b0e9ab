//! The memory that a network needs to process a batch.

use super::head::HeadMemory;
use super::shard::Shard;
use crate::train::layer::lstm::LstmPacked;

/// The memory that a network needs to process a batch. It is reused from step to step, so that training does
/// not allocate it anew for each batch.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The packed parameters of each LSTM layer.
    pub(super) packed: Vec<LstmPacked>,
    pub(super) shards: Vec<Shard>,
    pub(super) head: HeadMemory,
    pub(super) gradients: Vec<f32>,
}

/// A copy has memory of its own, which is empty at first.
impl Clone for Workspace {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Workspace {
    /// The gradients of the last [`Network::backward`](super::Network::backward), in the order of the
    /// parameters.
    pub fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The same gradients, for changes in place such as clipping.
    pub fn gradients_mut(&mut self) -> &mut [f32] {
        &mut self.gradients
    }
}
