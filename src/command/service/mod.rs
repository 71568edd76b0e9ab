//! The daemon (`run`), and the commands that check and print its configuration.
//!
//! `assemble` builds the parts of a pipeline from a configuration; the tools use it, too. `reload` reads the
//! configuration again while the daemon runs.

pub(crate) mod assemble;
pub mod check;
mod check_source;
pub mod config;
mod inspection;
pub(crate) mod reload;
pub mod run;
