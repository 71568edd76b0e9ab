//! The loop of an inference thread.

use std::time::Instant;

use tokio::sync::mpsc;

use super::batch_queue::{BatchQueue, WorkerModel};
use super::error::InferenceError;
use crate::decision::InferredBatch;
use crate::health::Health;
use crate::model::session::Model;
use crate::stream::EventKind;
use crate::thread::test_panic;

/// Where an inference thread sends its batches, or why it ended.
pub(crate) type Results = mpsc::Sender<Result<InferredBatch, InferenceError>>;

/// Predicts batches until the queue ends, the model fails, or the receiver of the results is dropped.
///
/// A single window is predicted at once. Windows that came while the model was busy, of whatever streams, are
/// predicted together, in batches of at most `max_batch` events. If the thread ends for any other reason, the
/// receiver of the results gets an error, because the batch that the thread has taken would be missing.
pub(crate) fn run(model: Model, queue: &BatchQueue, max_batch: usize, results: &Results, health: &Health) {
    let _notice = PanicNotice(results);
    let mut own = WorkerModel { model, generation: 0 };
    let mut windows = Vec::new();
    loop {
        let result = match queue.next(max_batch, &mut own) {
            Ok(None) => return,
            Ok(Some(batch)) => predict(&mut own.model, batch, &mut windows, health),
            Err(error) => Err(error),
        };
        let failed = result.is_err();
        if results.blocking_send(result).is_err() || failed {
            return;
        }
    }
}

/// Adds the model's answers to its windows to a batch. `windows` is memory that is used again.
fn predict(
    model: &mut Model,
    mut batch: InferredBatch,
    windows: &mut Vec<f32>,
    health: &Health,
) -> Result<InferredBatch, InferenceError> {
    test_panic("inference");
    windows.clear();
    for event in &batch.events {
        if let EventKind::Window { window, .. } = &event.kind {
            windows.extend_from_slice(&window.values);
        }
    }
    if !windows.is_empty() {
        let start = Instant::now();
        let answers = model.answers(windows);
        health.counters.inference.observe(start.elapsed());
        batch.answers = answers?;
    }
    Ok(batch)
}

/// Sends an error to the receiver of the results if the thread panics.
struct PanicNotice<'a>(&'a Results);

impl Drop for PanicNotice<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // This fails only if the pipeline has ended already.
            let _ = self.0.blocking_send(Err(InferenceError::Stopped));
        }
    }
}
