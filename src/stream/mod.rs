//! From samples to windows, for one stream and for all of them.
//!
//! - [`StreamTable`] keeps the state of every stream and turns batches of samples into [`StreamEvent`]s.
//! - [`Timestamper`] gives times to samples that carry none.
//! - [`StreamWindower`] turns the samples of one stream into windows. It consists of the [`TimeUnwrapper`],
//!   the [`Resampler`], the [`WindowRing`] and the [`QualityMonitor`].
//! - [`Problems`] collects what is wrong with the input of all streams.
//!
//! Nothing in this folder does I/O or reads a clock. The trainer cuts its windows with the same
//! [`StreamWindower`] as the daemon.

mod event;
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
pub use event::{EventKind, StreamEvent};
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
