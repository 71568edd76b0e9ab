//! The commands of `underfoot-train`.

pub mod bench;
pub mod diagnose;
pub mod evaluate;
pub mod fit;
pub(crate) mod interrupt;
pub(crate) mod progress;
