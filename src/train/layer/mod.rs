//! The layers of a network, each with its forward and its backward pass.

pub mod batch_norm;
pub(crate) mod cell;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod initial_weights;
pub mod lstm;
