//! The commands of `underfoot-train`.

pub mod bench;
pub mod diagnose;
pub mod evaluate;
pub mod fit;
pub mod interrupt;
pub mod progress;
