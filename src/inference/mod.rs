//! From windows to probabilities.
//!
//! - [`WorkQueue`] holds the stream events that wait for inference, and drops the oldest windows on overload.
//! - [`BatchQueue`] makes batches of them for the inference threads.
//! - [`worker`] is the loop of an inference thread, which runs batches in ONNX Runtime.
//! - [`Handover`] is another model or other settings, which wait in the queue for their turn.

mod batch_queue;
mod error;
mod handover;
mod work_queue;
pub(crate) mod worker;
pub(crate) use batch_queue::BatchQueue;
pub(crate) use error::InferenceError;
pub(crate) use handover::{Handover, QueueItem};
pub(crate) use work_queue::WorkQueue;
