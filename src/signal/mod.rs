//! The types that describe samples. The rest of the crate is built on them.
//!
//! - [`StreamId`] names a robot; [`Time`] is a moment on its clock.
//! - [`Channel`] is a measured quantity; [`ChannelInput`] and [`TimeInput`] say where an input holds it and
//!   its time, and [`Columns`] computes the channels from the raw columns.
//! - A [`Hold`] fills missing values of slow channels with their last ones.
//! - A [`Label`] is the surface that somebody says a robot is on, and a [`LabelChange`] a change of that.
//! - [`Samples`] are times and values; a [`SampleBatch`] is samples that arrived together, as sources pass
//!   them on.
//! - [`Drops`] counts what is dropped, by [`DropReason`].
//!
//! Nothing here does any input or output; only [`Arrival::now`] and [`ArrivalClock`] read a clock.

mod arrival_clock;
mod batch;
mod channel;
mod columns;
mod drops;
mod hold;
mod label;
pub(crate) mod rfc3339;
mod samples;
mod stream_id;
mod time;
mod time_input;
pub(crate) mod time_name;

pub use arrival_clock::ArrivalClock;
pub use batch::{Arrival, SampleBatch, SourceEvent};
pub use channel::{Channel, ChannelError, ChannelInput, channel_names};
pub use columns::Columns;
pub use drops::{DropReason, Drops};
pub(crate) use hold::Hold;
pub(crate) use label::is_folder_name;
pub use label::{Label, LabelChange, UNLABELLED};
pub use samples::{Samples, SensorLimits};
pub(crate) use stream_id::{LEVEL_RULE, NODES, level_fault};
pub use stream_id::{StreamId, StreamNameError};
pub use time::Time;
pub use time_input::{TimeInput, TimeInputError, TimePart, TimeSource, TimeUnit};
