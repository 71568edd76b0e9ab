//! The streams of the random generator, one for each purpose, so that what is drawn for one does not depend on what is
//! drawn for another.

/// Which groups are held out.
pub(crate) const SPLIT: u128 = 1;
/// The first weights.
pub(crate) const WEIGHTS: u128 = 2;
/// The order of the windows, and of their channels.
pub(crate) const ORDER: u128 = 3;
/// Noise windows for the comparison with ONNX Runtime.
pub(crate) const NOISE: u128 = 4;
/// What a search tries.
pub(crate) const SEARCH: u128 = 5;
/// What trees draw; one stream a tree from here on.
pub(crate) const TREES: u128 = 1 << 16;
/// What is left out and changed in a shard; one stream a shard from here on.
pub(crate) const DROPOUT: u128 = 1 << 32;
/// What the head leaves out; one stream a block from here on.
pub(crate) const HEAD: u128 = 1 << 64;
