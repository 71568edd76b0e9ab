//! What a source passes to the next stage: batches of samples that arrived together, and the end of a stream.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::samples::Samples;
use super::stream_id::StreamId;
use super::time::Time;

/// A message from a source.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceEvent {
    /// Samples of one stream arrived.
    Samples(SampleBatch),
    /// The stream has ended: no samples of it follow.
    End(StreamId),
}

/// Samples of one stream that arrived together.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleBatch {
    /// The stream that the samples belong to.
    pub stream: StreamId,
    /// The samples. The times of samples that carry no device time are still [`Time::ARRIVAL`].
    pub samples: Samples,
    /// When the samples arrived.
    pub arrived: Arrival,
    /// The sample rate in Hz from which samples without a time get one; `None` if the configuration names no
    /// rate.
    pub rate: Option<f64>,
}

/// The moment at which a batch arrived, on both clocks of this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The moment on the monotonic clock, from which latencies are measured.
    pub instant: Instant,
    /// The moment on the system clock, since 1970, from which samples without a time get one.
    pub time: Time,
}

impl Arrival {
    /// Reads both clocks.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let time = i64::try_from(since_epoch.as_nanos()).ok().and_then(Time::from_nanos);
        // `Time::ARRIVAL.offset(0)` is the earliest valid time, and no longer equal to `Time::ARRIVAL`.
        Self { instant: Instant::now(), time: time.unwrap_or(Time::ARRIVAL.offset(0)) }
    }
}
