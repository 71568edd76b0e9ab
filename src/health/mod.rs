//! What the daemon counts about itself, and whether it is well.

mod counters;
mod status;
pub use counters::{Counters, Distribution, Histogram, QueueLengths};
pub(crate) use status::ProgressWatcher;
pub use status::{DaemonState, Health, HealthReport, Reloads, SourceReport, SourceState};
