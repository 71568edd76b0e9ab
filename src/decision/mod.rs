//! From the probabilities of windows to the surfaces of streams.
//!
//! - [`InferredBatch`] brings stream events from inference, with the probabilities of their windows.
//! - [`DecisionFilter`] decides the surface of one stream from the probabilities of its windows over time.
//! - [`SurfaceTable`] does so for all streams, and emits [`Outcome`]s for the sinks.
//! - [`ServingContext`] is the model and the decision settings in force.
//!
//! Nothing in this folder does I/O or reads a clock.

mod batch;
mod context;
mod filter;
mod outcome;
mod surface_table;
pub use batch::{BatchSlot, InferredBatch};
pub use context::ServingContext;
pub use filter::{Decision, DecisionFilter, DecisionOptions};
pub use outcome::{Outcome, Prediction, SurfaceChange};
pub use surface_table::SurfaceTable;
