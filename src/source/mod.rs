//! Where samples come from: thin shells around the decoders.

pub mod bytes;
pub mod file;
pub mod serial;
pub mod simulator;
pub mod stdin;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::drops::Drops;
use crate::health::{Health, State};
use crate::sample::{Samples, StreamId, Time};

/// What a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Samples came.
    Samples(Block),
    /// A stream came to its end.
    End(StreamId),
}

/// Samples of one stream that came together.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Whose.
    pub stream: StreamId,
    /// The samples; a time may still be [`Time::ARRIVAL`].
    pub samples: Samples,
    /// When they came.
    pub arrived: Arrived,
    /// Samples a second, for those without a time.
    pub rate: Option<f64>,
}

/// A moment of arrival, for latency and for stamping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// On the monotonic clock.
    pub instant: Instant,
    /// Since 1970, on the system's clock.
    pub time: Time,
}

impl Arrived {
    /// Now.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let nanos = i64::try_from(since.as_nanos()).ok().and_then(Time::from_nanos);
        Self { instant: Instant::now(), time: nanos.unwrap_or(Time::ARRIVAL.offset(0)) }
    }
}

/// The pipeline's end of a source.
#[derive(Clone, Debug)]
pub struct Feed {
    index: usize,
    name: String,
    events: mpsc::Sender<Event>,
    health: Arc<Health>,
}

/// The pipeline has ended: there is nobody to send samples to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Feed {
    /// The feed of the `index`th source, as it is counted in `health`.
    pub fn new(index: usize, name: String, events: mpsc::Sender<Event>, health: Arc<Health>) -> Self {
        Self { index, name, events, health }
    }

    /// What messages call the source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands on samples, waiting for room; counts what was left out while decoding them.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn send(
        &self,
        stream: &StreamId,
        samples: Samples,
        rate: Option<f64>,
        drops: &mut Drops,
    ) -> Result<(), Closed> {
        self.dropped(drops);
        if samples.is_empty() {
            return Ok(());
        }
        self.health.samples(self.index, samples.len());
        let block = Block { stream: stream.clone(), samples, arrived: Arrived::now(), rate };
        self.events.send(Event::Samples(block)).await.map_err(|_| Closed)
    }

    /// Says that a stream came to its end.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn end(&self, stream: &StreamId) -> Result<(), Closed> {
        self.events.send(Event::End(stream.clone())).await.map_err(|_| Closed)
    }

    /// Counts what was left out.
    pub fn dropped(&self, drops: &mut Drops) {
        self.health.dropped(&self.name, drops);
    }

    /// Counts that the source is opened again.
    pub fn reopened(&self) {
        self.health.reopened(self.index);
    }

    /// Says how the source is.
    pub fn state(&self, state: State) {
        self.health.state(self.index, state);
    }
}

/// The waits between tries to open or connect again: from 250 ms, doubling, up to 30 s, with jitter, without end.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    use backon::BackoffBuilder;
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
        .build()
}
