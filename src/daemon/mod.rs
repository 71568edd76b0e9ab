//! The running daemon.
//!
//! - [`pipeline`] spawns every task and connects the stages with channels. [`tasks`] are these tasks.
//! - [`parts`] defines the parts that a pipeline is assembled from, and its errors.
//! - [`serving`] runs the stages, whose loops between the channels are in [`stages`].
//! - [`output`] and [`recording`] watch the threads that write standard output and recordings.
//! - [`reload`] replaces the configuration and the model while samples arrive.
//! - [`supervisor`] informs the service manager of the daemon's state, through a [`notifier`].

pub(crate) mod notifier;
pub(crate) mod output;
pub(crate) mod parts;
pub(crate) mod pipeline;
pub(crate) mod recording;
pub(crate) mod reload;
pub(crate) mod serving;
pub(crate) mod stages;
pub(crate) mod supervisor;
pub(crate) mod tasks;
