//! The running daemon: the pipeline that spawns every task, the loops between its channels, reloads, and the service manager.

pub mod pipeline;
pub mod reload;
pub mod stages;
pub mod supervisor;
