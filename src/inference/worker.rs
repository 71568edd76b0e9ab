//! The loop of an inference thread.

use std::time::Instant;

use tokio::sync::mpsc;

use super::batch_queue::{BatchQueue, WorkerModel};
use crate::decision::InferredBatch;
use crate::health::Health;
use crate::model::session::{Model, ModelError};
use crate::stream::EventKind;

/// Predicts batches until the queue ends, the model fails, or the receiver of the results is dropped.
///
/// A single window is predicted at once. Windows that came while the model was busy, of whatever streams, are
/// predicted together, in batches of at most `max_batch` events.
pub(crate) fn run(
    model: Model,
    queue: &BatchQueue,
    max_batch: usize,
    results: &mpsc::Sender<Result<InferredBatch, ModelError>>,
    health: &Health,
) {
    let mut own = WorkerModel { model, generation: 0 };
    let mut windows = Vec::new();
    while let Some(mut batch) = queue.next(max_batch, &mut own) {
        windows.clear();
        for event in &batch.events {
            if let EventKind::Window { window, .. } = &event.kind {
                windows.extend_from_slice(&window.values);
            }
        }
        let result = if windows.is_empty() {
            Ok(Vec::new())
        } else {
            let start = Instant::now();
            let probabilities = own.model.probabilities(&windows);
            health.counters.inference.observe(start.elapsed());
            probabilities
        };
        let result = result.map(|probabilities| {
            batch.probabilities = probabilities;
            batch
        });
        let failed = result.is_err();
        if results.blocking_send(result).is_err() || failed {
            return;
        }
    }
}
