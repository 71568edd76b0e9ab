//! The tools beside the daemon.

pub(crate) mod broker;
pub mod demo;
pub mod forget;
pub mod model;
pub mod record;
pub mod replay;
pub mod simulate;
pub mod watch;
