//! The queue from the sources to the pipeline, bounded by the number of events and by their size.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::signal::SourceEvent;

/// Maximum number of events that wait for the pipeline.
const EVENTS: usize = 64;
/// Maximum size of the samples that wait for the pipeline or are in its hands, in KiB.
const KIB: usize = 16 << 10;

/// The error of sending to a pipeline that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipelineClosed;

/// The side of the sources. The queue ends when all clones have been dropped.
#[derive(Clone, Debug)]
pub(crate) struct EventSender {
    events: mpsc::Sender<QueuedEvent>,
    /// Room for samples, in KiB.
    room: Arc<Semaphore>,
}

/// A sender that does not keep the queue open.
#[derive(Clone, Debug)]
pub(crate) struct WeakEventSender {
    events: mpsc::WeakSender<QueuedEvent>,
    room: Arc<Semaphore>,
}

/// The side of the pipeline. When it is dropped, the sources find the pipeline closed.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    events: mpsc::Receiver<QueuedEvent>,
    room: Arc<Semaphore>,
}

/// An event of a source, which takes its room in the queue until it is dropped.
#[derive(Debug)]
pub(crate) struct QueuedEvent {
    event: SourceEvent,
    room: OwnedSemaphorePermit,
}

impl QueuedEvent {
    /// The event, and its room in the queue, which is free again when the second value is dropped.
    pub(crate) fn split(self) -> (SourceEvent, OwnedSemaphorePermit) {
        (self.event, self.room)
    }
}

/// Creates a queue.
pub(crate) fn event_queue() -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::channel(EVENTS);
    let room = Arc::new(Semaphore::new(KIB));
    (EventSender { events: sender, room: room.clone() }, EventReceiver { events: receiver, room })
}

impl EventSender {
    /// Adds an event; waits while there is no room. A batch that is larger than the whole queue waits until the
    /// queue is empty.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(crate) async fn send(&self, event: SourceEvent) -> Result<(), PipelineClosed> {
        let bytes = match &event {
            SourceEvent::Samples(batch) => batch.samples.len() * (8 + 4 * batch.samples.channels()),
            SourceEvent::End(_) | SourceEvent::Moved(_) | SourceEvent::Label(_) | SourceEvent::Receipt(_) => {
                0
            }
        };
        let kib = u32::try_from((bytes / 1024).min(KIB)).unwrap_or(0);
        let room = self.room.clone().acquire_many_owned(kib).await.map_err(|_| PipelineClosed)?;
        self.events.send(QueuedEvent { event, room }).await.map_err(|_| PipelineClosed)
    }

    /// A sender for this queue that does not keep it open.
    pub(crate) fn downgrade(&self) -> WeakEventSender {
        WeakEventSender { events: self.events.downgrade(), room: self.room.clone() }
    }
}

impl WeakEventSender {
    /// Adds an event, as [`EventSender::send`] does.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended, or all sources have.
    pub(crate) async fn send(&self, event: SourceEvent) -> Result<(), PipelineClosed> {
        let events = self.events.upgrade().ok_or(PipelineClosed)?;
        EventSender { events, room: self.room.clone() }.send(event).await
    }
}

impl EventReceiver {
    /// Waits for the next event. `None` when every sender has been dropped and the queue is empty.
    ///
    /// This is cancel safe.
    pub(crate) async fn recv(&mut self) -> Option<QueuedEvent> {
        self.events.recv().await
    }

    /// The number of events that wait.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Arrival, SampleBatch, Samples, StreamId, Time};

    fn batch(samples: usize) -> SourceEvent {
        let mut all = Samples::new(1);
        (0..samples).for_each(|_| all.push(Time::ARRIVAL, [0.0]));
        let stream = StreamId::new("rover").unwrap();
        SourceEvent::Samples(SampleBatch { stream, samples: all, arrived: Arrival::now(), rate: None })
    }

    /// Polls a future once. Returns whether it is ready.
    async fn is_ready<T>(work: &mut (impl Future<Output = T> + Unpin)) -> bool {
        tokio::select! {
            biased;
            _ = work => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn large_batches_wait_until_those_before_them_are_used() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, mut receiver) = event_queue();
            // 12 bytes each: four of these and a half.
            let large = KIB * 1024 / 12 * 2 / 9;
            for _ in 0..4 {
                sender.send(batch(large)).await.unwrap();
            }
            let mut fifth = Box::pin(sender.send(batch(large)));
            assert!(!is_ready(&mut fifth).await);
            let first = receiver.recv().await.unwrap();
            assert!(!is_ready(&mut fifth).await, "the first batch is still in use");
            drop(first);
            assert!(is_ready(&mut fifth).await);
        });
    }

    #[test]
    fn a_weak_sender_adds_events_and_does_not_keep_the_queue_open() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, mut receiver) = event_queue();
            let weak = sender.downgrade();
            weak.send(batch(1)).await.unwrap();
            assert!(receiver.recv().await.is_some());
            drop(sender);
            assert!(receiver.recv().await.is_none());
            assert_eq!(weak.send(batch(1)).await, Err(PipelineClosed));
        });
    }

    #[test]
    fn a_batch_larger_than_the_queue_passes_and_a_closed_pipeline_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, receiver) = event_queue();
            sender.send(batch(KIB * 1024 / 4)).await.unwrap();
            let mut next = Box::pin(sender.send(batch(1000)));
            assert!(!is_ready(&mut next).await);
            drop(receiver);
            assert_eq!(next.await, Err(PipelineClosed));
        });
    }
}
