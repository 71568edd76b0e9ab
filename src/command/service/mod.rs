//! The commands that run the daemon or look at its configuration.

pub mod assemble;
pub mod check;
pub mod config;
pub mod reload;
pub mod run;
