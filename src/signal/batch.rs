//! What a source hands on: samples of one stream that arrived together, and the end of a stream.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::samples::Samples;
use super::stream_id::StreamId;
use super::time::Time;

/// What a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceEvent {
    /// Samples came.
    Samples(SampleBatch),
    /// A stream came to its end.
    End(StreamId),
}

/// Samples of one stream that came together.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleBatch {
    /// Whose.
    pub stream: StreamId,
    /// The samples; a time may still be [`Time::ARRIVAL`].
    pub samples: Samples,
    /// When they came.
    pub arrived: Arrival,
    /// Samples a second, for those without a time.
    pub rate: Option<f64>,
}

/// A moment of arrival, for latency and for stamping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// On the monotonic clock.
    pub instant: Instant,
    /// Since 1970, on the system's clock.
    pub time: Time,
}

impl Arrival {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let nanos = i64::try_from(since.as_nanos()).ok().and_then(Time::from_nanos);
        Self { instant: Instant::now(), time: nanos.unwrap_or(Time::ARRIVAL.offset(0)) }
    }
}
