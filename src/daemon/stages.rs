//! The loops between the pipeline's channels: [`follow`] turns samples into windows, [`decide`] turns
//! probabilities into outcomes. Inference runs between the two. Both it and [`decide`] have threads of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::parts::Observer;
use crate::decision::{InferredBatch, Outcome, SurfaceTable};
use crate::health::Health;
use crate::inference::{Handover, InferenceError, QueueItem, WorkQueue};
use crate::signal::{DropReason, Drops, SourceEvent};
use crate::sink::live::events::LiveEvents;
use crate::sink::recorder::RecordSender;
use crate::sink::{self, Sink, flush_all, take_all};
use crate::source::queue::{EventReceiver, QueuedEvent};
use crate::stream::{EventKind, StreamTable};
use crate::thread::test_panic;

/// How often the stream table looks for silent streams.
const SWEEP: Duration = Duration::from_millis(500);

/// The recorder, the live events and what else receives samples after the stream table has set their times.
pub(crate) struct Observers<'a> {
    /// The recorder; `None` if samples are not recorded.
    pub(crate) recording: Option<&'a mut RecordSender>,
    /// The live events of the page; `None` if it is not served.
    pub(crate) live: Option<&'a LiveEvents>,
    /// What else is called with each event; `None` if nothing is.
    pub(crate) other: Option<Observer>,
}

impl Observers<'_> {
    fn take(&mut self, event: &SourceEvent, drops: &mut Drops) {
        if let (Some(live), SourceEvent::Samples(batch)) = (self.live, event) {
            live.samples(batch);
        }
        if let Some(recording) = &mut self.recording {
            recording.take(event, drops);
        }
        if let Some(observer) = &mut self.other {
            observer(event);
        }
    }
}

/// Turns samples into windows and sends these to inference, until the sources have ended and the queue is
/// empty.
///
/// A new model and configuration from `handovers` takes over between two batches of samples. While the queue
/// is full, a live pipeline drops the oldest windows, and a replay does not take the next batch of samples.
pub(crate) async fn follow(
    mut events: EventReceiver,
    mut handovers: mpsc::Receiver<Box<Handover>>,
    mut table: StreamTable,
    mut queue: WorkQueue,
    work: mpsc::Sender<QueueItem>,
    mut observers: Observers<'_>,
    health: &Arc<Health>,
) {
    let live = table.is_live();
    let mut drops = Drops::default();
    let mut sweeps = tokio::time::interval(SWEEP);
    let mut open = true;
    while open || !queue.is_empty() {
        tokio::select! {
            // The queue goes first, so that a window is never delayed by the samples after it.
            biased;
            permit = work.reserve(), if !queue.is_empty() => match (permit, queue.pop()) {
                (Ok(permit), Some(next)) => {
                    send(permit, next, health);
                    while let Ok(permit) = work.try_reserve()
                        && let Some(next) = queue.pop()
                    {
                        send(permit, next, health);
                    }
                }
                // Inference has failed. `decide` gets its error, which ends this loop, too. Until then the
                // channel of the sources stays open, so that they do not take this for the end.
                _ => std::future::pending().await,
            },
            Some(handover) = handovers.recv(), if open => {
                table.reconfigure(handover.streams.clone(), &mut drops, |event| queue.push(event));
                queue.handover(handover);
            },
            queued = events.recv(), if open && (live || queue.has_room()) => {
                // It takes its room in the queue until its samples are used.
                let (event, _room) = queued.map(QueuedEvent::split).unzip();
                match event {
                    Some(SourceEvent::Samples(mut batch)) => {
                        test_panic("streams");
                        let refused = drops.count(DropReason::StreamLimit);
                        table.push(&mut batch, &mut drops, |event| queue.push(event));
                        // The samples of a stream over the limit are dropped, and counted, only once.
                        if drops.count(DropReason::StreamLimit) == refused {
                            observers.take(&SourceEvent::Samples(batch), &mut drops);
                        }
                    }
                    Some(SourceEvent::End(stream)) => {
                        table.end(&stream, &mut drops, |event| queue.push(event));
                        observers.take(&SourceEvent::End(stream), &mut drops);
                    }
                    Some(SourceEvent::Moved(stream)) => {
                        table.hand_over(&stream, &mut drops, |event| queue.push(event));
                        observers.take(&SourceEvent::End(stream), &mut drops);
                    }
                    Some(SourceEvent::Receipt(receipt)) => queue.receipt(receipt),
                    Some(change @ SourceEvent::Label(_)) => observers.take(&change, &mut drops),
                    None => {
                        open = false;
                        table.end_all(&mut drops, |event| queue.push(event));
                    }
                }
                health.set_streams(table.len());
            },
            _ = sweeps.tick(), if live && open => {
                table.sweep(Instant::now(), &mut drops, |event| queue.push(event));
                health.set_streams(table.len());
            }
        }
        health.count_round();
        health.counters.set_queue_lengths(events.len(), queue.len());
        health.dropped("streams", &mut drops);
        health.dropped("streams", queue.drops());
    }
}

/// Sends an item to inference and counts it.
fn send(permit: mpsc::Permit<'_, QueueItem>, item: QueueItem, health: &Health) {
    if let QueueItem::Event(event) = &item {
        match &event.kind {
            EventKind::Window { .. } => health.count_window(),
            EventKind::Reset { reason, .. } => health.counters.count_reset(*reason),
            EventKind::Start { .. } | EventKind::End { .. } | EventKind::Moved => {}
        }
    }
    permit.send(item);
}

/// Turns probabilities into outcomes and passes these to the sinks, until inference has ended.
///
/// # Errors
/// The error of inference, when it failed.
pub(crate) async fn decide(
    mut inferred: mpsc::Receiver<Result<InferredBatch, InferenceError>>,
    mut surfaces: SurfaceTable,
    sinks: &mut [Sink],
    health: &Arc<Health>,
) -> Result<(), InferenceError> {
    let mut drops = Drops::default();
    while let Some(batch) = inferred.recv().await {
        test_panic("decisions");
        let mut predictions = 0;
        let receipts = surfaces.push(batch?, |outcome| {
            predictions += usize::from(matches!(outcome, Outcome::Prediction(_)));
            take_all(sinks, &outcome, &mut drops);
        });
        // Only what came out counts: a batch that waits for another one is no progress.
        health.count_predictions(predictions);
        let delta = surfaces.problem_delta();
        #[cfg(feature = "mcap")]
        delta.iter().for_each(|delta| sinks.iter().for_each(|sink| sink.problems(delta, &mut drops)));
        flush_all(sinks, &mut drops, health);
        sink::release(sinks, receipts);
        if let Some(delta) = delta {
            health.problems(delta);
        }
    }
    Ok(())
}
