//! The connection from a source to the pipeline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::queue::EventSender;
pub(crate) use super::queue::PipelineClosed;
use crate::health::{Health, SourceState};
#[cfg(feature = "nats")]
use crate::receipt::Receipt;
use crate::signal::{Arrival, ArrivalClock, Drops, SampleBatch, Samples, SourceEvent, StreamId};
use crate::stream::Problem;

/// What one source uses to send its samples to the pipeline and to report its state.
///
/// Each source has one handle. The pipeline stops reading when the handles of all sources have been dropped.
#[derive(Clone, Debug)]
pub(crate) struct SourceHandle {
    /// The source's position among the sources of `health`.
    index: usize,
    name: String,
    events: EventSender,
    health: Arc<Health>,
    /// Gives arrivals their times; shared by the clones.
    clock: Arc<Mutex<ArrivalClock>>,
}

impl SourceHandle {
    /// Makes the handle of the source at position `index` among the sources of `health`.
    pub(crate) fn new(index: usize, name: String, events: EventSender, health: Arc<Health>) -> Self {
        let clock = Arc::new(Mutex::new(ArrivalClock::new(ArrivalClock::read())));
        Self { index, name, events, health, clock }
    }

    /// The source's name in log lines and in health reports.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends samples to the pipeline; waits while its queue is full.
    ///
    /// Also counts the samples and what decoding dropped, and leaves `drops` empty. `rate` is the sample rate
    /// in Hz, from which samples without a time get one.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
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
        self.health.count_samples(self.index, samples.len());
        let time = self.clock.lock().unwrap_or_else(PoisonError::into_inner).arrival(ArrivalClock::read());
        let arrived = Arrival { instant: Instant::now(), time };
        let batch = SampleBatch { stream: stream.clone(), samples, arrived, rate };
        self.events.send(SourceEvent::Samples(batch)).await
    }

    /// Reports that a stream has come to its end; waits while the pipeline's queue is full.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(crate) async fn end(&self, stream: &StreamId) -> Result<(), PipelineClosed> {
        self.events.send(SourceEvent::End(stream.clone())).await
    }

    /// Reports that another node follows a stream from here on; waits while the pipeline's queue is full.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    #[cfg(feature = "nats")]
    pub(crate) async fn moved(&self, stream: StreamId) -> Result<(), PipelineClosed> {
        self.events.send(SourceEvent::Moved(stream)).await
    }

    /// Sends a receipt after the samples so far; waits while the pipeline's queue is full.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended. The receipt is then released.
    #[cfg(feature = "nats")]
    pub(crate) async fn receipt(&self, receipt: Receipt) -> Result<(), PipelineClosed> {
        self.events.send(SourceEvent::Receipt(receipt)).await
    }

    /// Counts what was dropped, and leaves `drops` empty.
    pub(crate) fn dropped(&self, drops: &mut Drops) {
        self.health.dropped(&self.name, drops);
    }

    /// Counts that the source was opened again.
    pub(crate) fn count_reopened(&self) {
        self.health.count_reopened(self.index);
    }

    /// Reports what was worked out about the samples because the configuration leaves it open.
    pub(crate) fn conclude(&self, conclusion: String) {
        tracing::info!(source = self.name, "{conclusion}; this was worked out from the samples");
        self.health.set_conclusion(self.index, conclusion);
    }

    /// Reports a problem of the source, in one word and in a sentence with the fix. It lasts until the next sample.
    pub(crate) fn set_problem(&self, stream: &StreamId, problem: &'static str, detail: String) {
        let problem = Problem { stream: stream.clone(), channel: None, problem, detail };
        self.health.set_source_problem(self.index, problem);
    }

    /// Sets the state of the source in the health report.
    pub(crate) fn set_state(&self, state: SourceState) {
        self.health.set_state(self.index, state);
    }
}
