//! From probabilities over time to a surface.

/// The surface where the daemon will not say.
pub const UNKNOWN: &str = "unknown";
