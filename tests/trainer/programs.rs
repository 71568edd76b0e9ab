//! The command lines of both programs, as `examples/documents.rs` takes them.

#[allow(dead_code, reason = "only the command line is used")]
#[path = "../../src/bin/underfoot.rs"]
pub(crate) mod daemon;
#[allow(dead_code, reason = "only the command line is used")]
#[path = "../../src/bin/underfoot-train.rs"]
pub(crate) mod trainer;
