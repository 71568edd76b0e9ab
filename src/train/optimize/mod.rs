//! The optimiser, its learning-rate schedule, and the average of the weights.

pub mod optimizer;
pub mod schedule;
pub mod weight_average;
