//! From samples to windows, for one stream and for all of them.
//!
//! - [`StreamTable`] keeps the state of every stream and turns batches of samples into [`StreamEvent`]s.
//! - `timing` has what concerns the times of samples: [`Timestamper`], [`LeapFilter`], [`TimeUnwrapper`].
//! - [`StreamWindower`] turns the samples of one stream into windows. It consists of the [`TimeUnwrapper`],
//!   the [`Resampler`], the [`WindowRing`] and the [`QualityMonitor`].
//! - [`Problems`] collects what is wrong with the input of all streams.
//!
//! Nothing in this folder does I/O or reads a clock. The trainer cuts its windows with the same
//! [`StreamWindower`] as the daemon.

mod channel_state;
mod event;
mod problems;
mod quality;
mod quality_monitor;
mod resampler;
mod ring;
mod step_bits;
mod table;
mod timing;
mod window;
mod windower;
pub use event::{EventKind, StreamEvent};
pub use problems::{Problem, ProblemDelta, Problems};
pub use quality::{ChannelFault, FaultKind, Quality, QualityOptions};
pub use quality_monitor::QualityMonitor;
pub use resampler::{Resampler, Step};
pub use ring::WindowRing;
pub use table::{SilenceLimits, StreamTable, StreamTableOptions};
pub use timing::{LeapFilter, Placement, RateFault, TimeUnwrapper, Timestamper};
pub use window::{ResetReason, Window, WindowerOutput};
pub use windower::{StreamWindower, WindowerOptions};
