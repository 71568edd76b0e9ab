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
use crate::stream::{StreamTable, Task};

/// How often silent streams are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// Who sees samples beside the lanes, with their times.
#[derive(Clone, Copy)]
pub(crate) struct Observers<'a> {
    pub(crate) recording: Option<&'a RecorderHandle>,
    pub(crate) tap: Option<&'a LiveEvents>,
}

impl Observers<'_> {
    fn take(self, event: &SourceEvent, drops: &mut Drops) {
        if let (Some(tap), SourceEvent::Samples(block)) = (self.tap, event) {
            tap.samples(block);
        }
        if let Some(recording) = self.recording {
            recording.take(event, drops);
        }
    }
}

/// Samples to windows; what `swaps` brings takes over between two blocks of them.
pub(crate) async fn follow(
    mut events: mpsc::Receiver<SourceEvent>,
    mut swaps: mpsc::Receiver<Box<Handover>>,
    mut lanes: StreamTable,
    mut pending: WorkQueue,
    work: mpsc::Sender<QueueItem>,
    onlookers: Observers<'_>,
    health: &Arc<Health>,
) {
    let live = lanes.live();
    let mut drops = Drops::default();
    let mut sweeps = tokio::time::interval(SWEEP);
    let mut open = true;
    while open || !pending.is_empty() {
        tokio::select! {
            // What waits goes first: a lone window waits for nothing.
            biased;
            permit = work.reserve(), if !pending.is_empty() => match (permit, pending.pop()) {
                (Ok(permit), Some(next)) => {
                    hand(permit, next, health);
                    while let Ok(permit) = work.try_reserve()
                        && let Some(next) = pending.pop()
                    {
                        hand(permit, next, health);
                    }
                }
                // Inference has failed; it says why.
                _ => return,
            },
            Some(swap) = swaps.recv(), if open => {
                lanes.serve(swap.lanes.clone(), &mut drops, |work| pending.push(work));
                pending.swap(swap);
            },
            event = events.recv(), if open && (live || pending.has_room()) => {
                match event {
                    Some(SourceEvent::Samples(mut block)) => {
                        lanes.push(&mut block, &mut drops, |work| pending.push(work));
                        onlookers.take(&SourceEvent::Samples(block), &mut drops);
                    }
                    Some(SourceEvent::End(stream)) => {
                        lanes.end(&stream, &mut drops, |work| pending.push(work));
                        onlookers.take(&SourceEvent::End(stream), &mut drops);
                    }
                    None => {
                        open = false;
                        lanes.end_all(&mut drops, |work| pending.push(work));
                    }
                }
                health.streams(lanes.len());
            },
            _ = sweeps.tick(), if live && open => {
                lanes.sweep(Instant::now(), &mut drops, |work| pending.push(work));
                health.streams(lanes.len());
            }
        }
        health.round();
        health.counters.waits(events.len(), pending.len());
        health.dropped("streams", &mut drops);
        health.dropped("streams", pending.drops());
    }
}

fn hand(permit: mpsc::Permit<'_, QueueItem>, item: QueueItem, health: &Health) {
    if let QueueItem::Work(work) = &item {
        match &work.task {
            Task::Window { .. } => health.window(),
            Task::Reset { why, .. } => health.counters.gap(*why),
            Task::Start { .. } | Task::End { .. } => {}
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
        if let Some(news) = surfaces.news() {
            health.problems(news);
        }
    }
    Ok(sinks)
}
