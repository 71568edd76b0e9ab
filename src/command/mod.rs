//! The subcommands of both binaries. The binaries only parse the command line and dispatch.
//!
//! - [`service`]: the daemon and the commands around its configuration,
//! - [`tools`]: the tools beside the daemon,
//! - [`training`]: the commands of `underfoot-train`,
//! - [`failure`]: error messages and exit codes.

pub mod failure;
mod runtime;
pub mod service;
mod signals;
pub mod tools;
pub mod training;

pub(crate) use self::runtime::block_on;
pub(crate) use self::signals::{reload_signals, shutdown_signal, terminal_hangup};
