//! The arithmetic under the layers: activations, matrix products, packed matrices.

pub mod activation;
pub mod matrix;
pub mod packed_matrix;
