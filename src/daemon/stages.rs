//! The loops between the pipeline's channels: samples to windows, probabilities to outcomes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::decision::{InferredBatch, SurfaceTable};
use crate::health::Health;
use crate::inference::{Handover, QueueItem, WorkQueue};
use crate::model::session::ModelError;
use crate::signal::{Drops, SourceEvent};
use crate::sink::live::events::LiveEvents;
use crate::sink::recorder::RecorderHandle;
use crate::sink::{Sink, flush_all, take_all};
use crate::stream::{EventKind, StreamTable};

/// How often silent streams are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// Who sees samples beside the lanes, with their times.
#[derive(Clone, Copy)]
pub(crate) struct Observers<'a> {
    pub(crate) recording: Option<&'a RecorderHandle>,
    pub(crate) live: Option<&'a LiveEvents>,
}

impl Observers<'_> {
    fn take(self, event: &SourceEvent, drops: &mut Drops) {
        if let (Some(live), SourceEvent::Samples(batch)) = (self.live, event) {
            live.samples(batch);
        }
        if let Some(recording) = self.recording {
            recording.take(event, drops);
        }
    }
}

/// Samples to windows; what `handovers` brings takes over between two blocks of them.
pub(crate) async fn follow(
    mut events: mpsc::Receiver<SourceEvent>,
    mut handovers: mpsc::Receiver<Box<Handover>>,
    mut table: StreamTable,
    mut queue: WorkQueue,
    work: mpsc::Sender<QueueItem>,
    observers: Observers<'_>,
    health: &Arc<Health>,
) {
    let live = table.live();
    let mut drops = Drops::default();
    let mut sweeps = tokio::time::interval(SWEEP);
    let mut open = true;
    while open || !queue.is_empty() {
        tokio::select! {
            // What waits goes first: a lone window waits for nothing.
            biased;
            permit = work.reserve(), if !queue.is_empty() => match (permit, queue.pop()) {
                (Ok(permit), Some(next)) => {
                    hand(permit, next, health);
                    while let Ok(permit) = work.try_reserve()
                        && let Some(next) = queue.pop()
                    {
                        hand(permit, next, health);
                    }
                }
                // Inference has failed; it says why.
                _ => return,
            },
            Some(handover) = handovers.recv(), if open => {
                table.reconfigure(handover.streams.clone(), &mut drops, |work| queue.push(work));
                queue.handover(handover);
            },
            event = events.recv(), if open && (live || queue.has_room()) => {
                match event {
                    Some(SourceEvent::Samples(mut batch)) => {
                        table.push(&mut batch, &mut drops, |work| queue.push(work));
                        observers.take(&SourceEvent::Samples(batch), &mut drops);
                    }
                    Some(SourceEvent::End(stream)) => {
                        table.end(&stream, &mut drops, |work| queue.push(work));
                        observers.take(&SourceEvent::End(stream), &mut drops);
                    }
                    None => {
                        open = false;
                        table.end_all(&mut drops, |work| queue.push(work));
                    }
                }
                health.streams(table.len());
            },
            _ = sweeps.tick(), if live && open => {
                table.sweep(Instant::now(), &mut drops, |work| queue.push(work));
                health.streams(table.len());
            }
        }
        health.round();
        health.counters.waits(events.len(), queue.len());
        health.dropped("streams", &mut drops);
        health.dropped("streams", queue.drops());
    }
}

fn hand(permit: mpsc::Permit<'_, QueueItem>, item: QueueItem, health: &Health) {
    if let QueueItem::Event(event) = &item {
        match &event.kind {
            EventKind::Window { .. } => health.window(),
            EventKind::Reset { reason, .. } => health.counters.gap(*reason),
            EventKind::Start { .. } | EventKind::End { .. } => {}
        }
    }
    permit.send(item);
}

/// Probabilities to outcomes.
pub(crate) async fn decide(
    mut inferred: mpsc::Receiver<Result<InferredBatch, ModelError>>,
    mut surfaces: SurfaceTable,
    mut sinks: Vec<Sink>,
    health: &Arc<Health>,
) -> Result<Vec<Sink>, ModelError> {
    let mut drops = Drops::default();
    while let Some(batch) = inferred.recv().await {
        let batch = batch?;
        health.predictions(batch.windows());
        surfaces.push(batch, |outcome| take_all(&mut sinks, &outcome, &mut drops));
        flush_all(&mut sinks, &mut drops, health);
        if let Some(delta) = surfaces.problem_delta() {
            health.problems(delta);
        }
    }
    Ok(sinks)
}
