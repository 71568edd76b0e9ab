//! Windows to probabilities: the queue of work, the batches that run in ONNX Runtime, and the handover to another model.

mod batch_queue;
mod handover;
mod work_queue;
pub(crate) mod worker;
pub(crate) use batch_queue::BatchQueue;
pub(crate) use handover::{Handover, QueueItem};
pub(crate) use work_queue::WorkQueue;
