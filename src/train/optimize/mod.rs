//! The optimiser, its learning-rate schedule, and the average of the weights.

pub mod optimizer;
pub mod schedule;
pub(crate) mod weight_average;
