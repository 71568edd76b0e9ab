//! What a sample is: streams, times, channels, and batches of samples as sources hand them on.
//!
//! Everything else in the crate is written in these words.

mod batch;
mod channel;
mod columns;
mod drops;
mod samples;
mod stream_id;
mod time;
mod time_input;
pub use batch::{Arrival, SampleBatch, SourceEvent};
pub use channel::{Channel, ChannelError, ChannelInput, channel_names};
pub use columns::Columns;
pub use drops::{DropReason, Drops};
pub use samples::{Samples, SensorLimits};
pub use stream_id::{StreamId, StreamNameError};
pub use time::Time;
pub use time_input::{TimeInput, TimeUnit};
