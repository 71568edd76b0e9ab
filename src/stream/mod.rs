//! From samples to windows, for one stream and for all of them.
//!
//! Nothing here does I/O or reads a clock: the trainer cuts its windows with the same code as the daemon.

mod problems;
mod quality;
mod quality_monitor;
mod resampler;
mod ring;
mod table;
mod time_unwrapper;
mod timestamper;
mod window;
mod windower;
mod work;
pub use problems::{Problem, ProblemDelta, Problems};
pub use quality::{ChannelFault, FaultKind, Quality, QualityOptions};
pub use quality_monitor::QualityMonitor;
pub use resampler::{Resampler, Step};
pub use ring::WindowRing;
pub use table::{SilenceLimits, StreamTable, StreamTableOptions};
pub use time_unwrapper::{Placement, TimeUnwrapper};
pub use timestamper::Timestamper;
pub use window::{ResetReason, Window, WindowerOutput};
pub use windower::{StreamWindower, WindowerOptions};
pub use work::{Task, Work};
