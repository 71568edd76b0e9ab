//! The streams of the random number generator, one for each purpose.
//!
//! A generator is seeded with a seed and a stream (O'Neill 2014). With a stream for each purpose, the numbers
//! drawn for one purpose do not depend on how many are drawn for another. A changed number here changes every
//! trained model.

/// The choice of the groups that are held out.
pub(crate) const SPLIT: u128 = 1;
/// The initial weights.
pub(crate) const WEIGHTS: u128 = 2;
/// The order of the windows in an epoch, and their shifts.
pub(crate) const ORDER: u128 = 3;
/// The noise windows of the comparison with ONNX Runtime.
pub(crate) const NOISE: u128 = 4;
/// The settings that a search tries.
pub(crate) const SEARCH: u128 = 5;
/// The first prototypes of the novelty score.
pub(crate) const PROTOTYPES: u128 = 6;
/// The trees of the baseline: the first of their streams, one per tree.
pub(crate) const TREES: u128 = 1 << 16;
/// Augmentation and dropout in the LSTM layers: the first of their streams, one per shard of a batch.
pub(crate) const DROPOUT: u128 = 1 << 32;
/// Dropout in the head: the first of its streams, one per micro-batch, numbered by the micro-batch's first
/// shard.
pub(crate) const HEAD: u128 = 1 << 64;
