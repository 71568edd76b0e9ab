//! Batches: whatever windows are ready run together, across streams.

use std::time::Instant;

use tokio::sync::mpsc;

use super::batch_queue::{BatchQueue, LoadedModel};
use crate::decision::InferredBatch;
use crate::health::Health;
use crate::model::session::{Model, ModelError};
use crate::stream::Task;

/// Runs one thread of inference until the queue ends, or the results' receiver does.
///
/// A lone window waits for nothing; what queued while the model was busy runs as one batch of at most `batch` windows.
pub(crate) fn run(
    model: Model,
    queue: &BatchQueue,
    batch: usize,
    results: &mpsc::Sender<Result<InferredBatch, ModelError>>,
    health: &Health,
) {
    let mut own = LoadedModel { model, generation: 0 };
    let mut windows = Vec::new();
    while let Some(mut inferred) = queue.next(batch, &mut own) {
        windows.clear();
        for work in &inferred.work {
            if let Task::Window { window, .. } = &work.task {
                windows.extend_from_slice(&window.values);
            }
        }
        let result = if windows.is_empty() {
            Ok(Vec::new())
        } else {
            let begun = Instant::now();
            let probabilities = own.model.probabilities(&windows);
            health.counters.inference.observe(begun.elapsed());
            probabilities
        };
        let result = result.map(|probabilities| {
            inferred.probabilities = probabilities;
            inferred
        });
        let failed = result.is_err();
        if results.blocking_send(result).is_err() || failed {
            return;
        }
    }
}
