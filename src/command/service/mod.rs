//! The daemon (`run`), and the commands that check and print its configuration.
//!
//! `assemble` builds the parts of a pipeline from a configuration, `nats` those for NATS, and `inspection` says what a
//! source sends; the tools use them, too. `port` has the flags that stand for a configuration. `reload` reads the
//! configuration again while the daemon runs.

pub(crate) mod assemble;
pub mod check;
mod check_source;
pub mod config;
pub(crate) mod inspection;
mod nats;
pub(crate) mod port;
pub(crate) mod reload;
pub mod run;
