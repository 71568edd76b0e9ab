//! The running daemon.
//!
//! - [`pipeline`] spawns every task and connects the stages with channels.
//! - [`parts`] defines the parts that a pipeline is assembled from, and its errors.
//! - [`stages`] contains the loops between the channels.
//! - [`reload`] replaces the configuration and the model while samples arrive.
//! - [`supervisor`] informs the service manager of the daemon's state.

pub(crate) mod parts;
pub(crate) mod pipeline;
pub(crate) mod reload;
pub(crate) mod stages;
pub(crate) mod supervisor;
