//! The commands of the two binaries.
