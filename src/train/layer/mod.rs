//! The layers of a network, each with its forward and its backward pass.

pub mod batch_norm;
pub mod cell;
pub mod dense;
pub mod dropout;
pub mod initial_weights;
pub mod lstm;
