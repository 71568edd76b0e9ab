//! The neural network: preprocessing, LSTM layers, pooling and a head, forward and backward over a batch of
//! windows.
//!
//! A window [W, C] passes through the following parts. An [`Architecture`](architecture::Architecture) says
//! which of them are present and how large they are:
//!
//! 1. `preprocessing`: clipping to a `clip_range`, `scaling`, canonical order of interchangeable channels, first
//!    differences, and a `summary` of statistics over the whole window, in a `piecewise_linear` encoding
//! 2. the LSTM layers, one on top of the other (`shard`)
//! 3. pooling of the last LSTM layer's outputs over the steps (`shard`)
//! 4. the `head`: batch normalisation and dropout over the pooled values and the summary, a dense layer with
//!    ReLU, and a dense layer to the logits
//!
//! In training, `augment` changes each window before the first part, and `loss` follows the last.
//!
//! All parameters are in one flat vector, in the order of [`Layers`](architecture::Layers), and so are their
//! gradients. Layers, loss and gradients have the semantics of Keras; `tests/trainer/keras.rs` compares the numbers.
//!
//! This module computes the gradients of one batch. The steps over epochs and batches are in `train::fit`,
//! and the change of the parameters is in `train::optimize`.

pub mod architecture;
pub(crate) mod augment;
pub mod batch;
pub(crate) mod clip_range;
pub(crate) mod head;
pub mod loss;
pub(crate) mod neural_network;
pub(crate) mod piecewise_linear;
pub mod preprocessing;
pub mod scaling;
pub(crate) mod shard;
pub(crate) mod summary;
pub(crate) mod workspace;

pub use self::neural_network::Network;
pub use self::workspace::Workspace;
