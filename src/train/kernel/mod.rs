//! The arithmetic that the layers are built on.
//!
//! - `activation`: exponential, sigmoid, tanh and softmax over slices
//! - `matrix`: the product of two matrices, for operands that are used once
//! - `packed_matrix`: the product with a matrix that is used many times, such as the weights of a recurrence
//! - `rows`: sums and masks over the rows of a matrix
//!
//! Everything here runs on the calling thread. Callers that work in parallel divide the work themselves, so
//! that the order of each sum, and with it its rounding, does not depend on the number of threads.

pub(crate) mod activation;
pub(crate) mod matrix;
pub(crate) mod packed_matrix;
pub(crate) mod rows;
