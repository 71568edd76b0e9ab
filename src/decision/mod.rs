//! From probabilities to surfaces: the decision filter, the table of all streams' surfaces, and what comes out.

mod batch;
mod context;
mod filter;
mod outcome;
mod surface_table;
pub use batch::InferredBatch;
pub use context::ServingContext;
pub use filter::{Decision, DecisionFilter, DecisionOptions};
pub use outcome::{Outcome, Prediction, SurfaceChange};
pub use surface_table::SurfaceTable;
