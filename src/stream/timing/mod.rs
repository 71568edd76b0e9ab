//! The times of one stream's samples: which are given, which are believed, and whether their rate suits the model.
//!
//! - [`Timestamper`] gives times to samples that carry none.
//! - [`LeapFilter`] holds a sample back whose time leaps, until the next sample confirms it.
//! - [`TimeUnwrapper`] finds wrapped counters, restarted clocks, gaps, and late samples.
//! - [`RateMeter`] finds samples that are too far apart for the model, and [`ClockCheck`] times that advance too
//!   slowly. Both report a [`RateFault`].

mod clock_check;
mod leap_filter;
mod rate_fault;
mod rate_meter;
mod time_unwrapper;
mod timestamper;
pub(super) use clock_check::ClockCheck;
pub use leap_filter::LeapFilter;
pub use rate_fault::RateFault;
pub(super) use rate_meter::RateMeter;
pub use time_unwrapper::{Placement, TimeUnwrapper};
pub use timestamper::Timestamper;
