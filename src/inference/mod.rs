//! Windows to probabilities: the queue of work, the batches that run in ONNX Runtime, and the handover to another model.

mod batch_queue;
mod handover;
mod work_queue;
pub mod worker;
pub use batch_queue::BatchQueue;
pub use handover::{Handover, QueueItem};
pub use work_queue::WorkQueue;
