//! How the gradients of a batch change the weights.
//!
//! - `learned`: when a network has learned its training windows
//! - `optimizer`: the step from gradients to parameters, and gradient clipping
//! - `schedule`: the learning rate of each step
//! - `weight_average`: the moving average of the weights over the steps

pub(crate) mod learned;
pub mod optimizer;
pub mod schedule;
pub(crate) mod weight_average;
