//! How the gradients of a batch change the weights.
//!
//! - `optimizer`: the step from gradients to parameters, and gradient clipping
//! - `schedule`: the learning rate of each step
//! - `weight_average`: the moving average of the weights over the steps

pub mod optimizer;
pub mod schedule;
pub(crate) mod weight_average;
