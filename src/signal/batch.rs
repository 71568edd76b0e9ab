//! What a source passes to the next stage: batches of samples that arrived together, the end of a stream, and labels.

use std::time::Instant;

use super::arrival_clock::{ArrivalClock, time};
use super::label::LabelChange;
use super::samples::Samples;
use super::stream_id::StreamId;
use super::time::Time;
use crate::receipt::Receipt;

/// A message from a source.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceEvent {
    /// Samples of one stream arrived.
    Samples(SampleBatch),
    /// The stream has ended: no samples of it follow.
    End(StreamId),
    /// Another node follows the stream from here on. Nothing is said about it any more.
    Moved(StreamId),
    /// What is said about the surface under a robot changes, for the samples that follow.
    Label(LabelChange),
    /// Is dropped when everything before it has been decided.
    Receipt(Receipt),
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

/// The moment at which a batch arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The moment on the monotonic clock, from which latencies are measured.
    pub instant: Instant,
    /// The moment since 1970 by an [`ArrivalClock`], from which samples without a time get one.
    pub time: Time,
}

impl Arrival {
    /// Reads the system clock. Sources use an [`ArrivalClock`], for which steps of the system clock cost
    /// nothing.
    pub fn now() -> Self {
        let (_, system) = ArrivalClock::read();
        Self { instant: Instant::now(), time: time(system) }
    }
}
