//! The arithmetic under the layers: activations, matrix products, packed matrices.

pub(crate) mod activation;
pub(crate) mod matrix;
pub(crate) mod packed_matrix;
