//! From the model's answers to the surfaces of streams.
//!
//! - [`InferredBatch`] brings stream events from inference, with the answers to their windows.
//! - [`DecisionFilter`] decides the surface of one stream from the probabilities and the novelty of its windows over time.
//!   `unknown_state` is its state for a surface that the model does not know.
//! - [`SurfaceTable`] does so for all streams, and emits [`Outcome`]s for the sinks.
//! - `published_surfaces` has what other nodes have published, for the streams that this one takes over.
//! - `candidates` has the surfaces that a window may be of; [`Withheld`] is why none was decided.
//! - [`ServingContext`] is the model and the decision settings in force.
//!
//! Nothing in this folder does I/O or reads a clock.

mod batch;
mod candidates;
mod context;
mod filter;
mod outcome;
mod published_surfaces;
mod surface_entry;
mod surface_table;
mod unknown_state;
mod withheld;
pub use batch::{BatchSlot, InferredBatch};
pub(crate) use candidates::candidates;
pub use context::ServingContext;
pub use filter::{Decision, DecisionFilter, DecisionOptions};
pub use outcome::{Outcome, Prediction, SurfaceChange};
#[cfg(test)]
pub(crate) use published_surfaces::PublishedSurface;
pub(crate) use published_surfaces::PublishedSurfaces;
pub use surface_table::SurfaceTable;
pub use withheld::Withheld;
