//! The layers of a network, each with its forward and its backward pass.
//!
//! A layer holds only its sizes. Its parameters are a part of the network's flat vector of parameters and are
//! passed to each call, and the backward pass adds their gradients to the same part of a flat vector of
//! gradients. Values that the backward pass needs again are kept in a memory struct, which is reused from
//! batch to batch.
//!
//! Sizes, order of the parameters, initial values and results are those of Keras 3; `tests/trainer/keras_parts.rs`
//! compares them.

pub mod batch_norm;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod initial_weights;
pub mod lstm;
