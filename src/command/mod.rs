//! The commands of the two binaries.

pub mod evaluate;
pub mod fit;
