//! The running daemon: the pipeline that spawns every task, the loops between its channels, reloads, and the service manager.

pub(crate) mod pipeline;
pub(crate) mod reload;
pub(crate) mod stages;
pub(crate) mod supervisor;
