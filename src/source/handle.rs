//! Where samples come from: thin shells around the decoders.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::health::{Health, SourceState};
use crate::signal::{Arrival, Drops, SampleBatch, Samples, SourceEvent, StreamId};

/// The pipeline's end of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceHandle {
    index: usize,
    name: String,
    events: mpsc::Sender<SourceEvent>,
    health: Arc<Health>,
}

/// The pipeline has ended: there is nobody to send samples to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipelineClosed;

impl SourceHandle {
    /// The feed of the `index`th source, as it is counted in `health`.
    pub(crate) fn new(
        index: usize,
        name: String,
        events: mpsc::Sender<SourceEvent>,
        health: Arc<Health>,
    ) -> Self {
        Self { index, name, events, health }
    }

    /// What messages call the source.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Hands on samples, waiting for room; counts what was left out while decoding them.
    ///
    /// # Errors
    /// [`PipelineClosed`].
    pub(crate) async fn send(
        &self,
        stream: &StreamId,
        samples: Samples,
        rate: Option<f64>,
        drops: &mut Drops,
    ) -> Result<(), PipelineClosed> {
        self.dropped(drops);
        if samples.is_empty() {
            return Ok(());
        }
        self.health.samples(self.index, samples.len());
        let batch = SampleBatch { stream: stream.clone(), samples, arrived: Arrival::now(), rate };
        self.events.send(SourceEvent::Samples(batch)).await.map_err(|_| PipelineClosed)
    }

    /// Says that a stream came to its end.
    ///
    /// # Errors
    /// [`PipelineClosed`].
    pub(crate) async fn end(&self, stream: &StreamId) -> Result<(), PipelineClosed> {
        self.events.send(SourceEvent::End(stream.clone())).await.map_err(|_| PipelineClosed)
    }

    /// Counts what was left out.
    pub(crate) fn dropped(&self, drops: &mut Drops) {
        self.health.dropped(&self.name, drops);
    }

    /// Counts that the source is opened again.
    pub(crate) fn reopened(&self) {
        self.health.reopened(self.index);
    }

    /// Says how the source is.
    pub(crate) fn state(&self, state: SourceState) {
        self.health.state(self.index, state);
    }
}
