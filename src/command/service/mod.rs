//! The commands that run the daemon or look at its configuration.

pub(crate) mod assemble;
pub mod check;
pub mod config;
pub(crate) mod reload;
pub mod run;
