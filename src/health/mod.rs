//! What the daemon counts about itself, and whether it is well.

mod counters;
mod status;
pub(crate) use counters::Distribution;
pub(crate) use status::ProgressWatcher;
pub(crate) use status::{Health, HealthReport, SourceState};
