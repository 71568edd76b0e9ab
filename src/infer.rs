//! Batches: whatever windows are ready run together, across streams.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::health::Health;
use crate::lanes::{Task, Work};
use crate::model::session::{Model, ModelError};

/// Work with the probabilities of its windows.
#[derive(Debug)]
pub struct Inferred {
    /// The batch's place in the order of all batches.
    pub ticket: u64,
    /// The work, in order.
    pub work: Vec<Work>,
    /// The probabilities of its windows in their order, row-major [N, K].
    pub probabilities: Vec<f32>,
}

impl Inferred {
    /// How many of its entries are windows.
    pub fn windows(&self) -> usize {
        self.work.iter().filter(|work| matches!(work.task, Task::Window { .. })).count()
    }
}

/// The queue that the threads of inference share; each batch gets the next ticket.
#[derive(Debug)]
pub struct Queue(Mutex<(mpsc::Receiver<Work>, u64)>);

impl Queue {
    /// A queue over a channel's receiving end.
    pub fn new(receiver: mpsc::Receiver<Work>) -> Self {
        Self(Mutex::new((receiver, 0)))
    }

    /// Waits for work, then takes what else is ready, up to `limit` entries; `None` at the end.
    fn next(&self, limit: usize) -> Option<Inferred> {
        let (receiver, next) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut work = Vec::new();
        // At once: taken one by one, each would wake the task that fills the queue.
        if receiver.blocking_recv_many(&mut work, limit) == 0 {
            return None;
        }
        let ticket = *next;
        *next += 1;
        Some(Inferred { ticket, work, probabilities: Vec::new() })
    }
}

/// Runs one thread of inference until the queue ends, or the results' receiver does.
///
/// A lone window waits for nothing; what queued while the model was busy runs as one batch of at most `batch` windows.
pub fn run(
    mut model: Model,
    queue: &Queue,
    batch: usize,
    results: &mpsc::Sender<Result<Inferred, ModelError>>,
    health: &Health,
) {
    let mut windows = Vec::new();
    while let Some(mut inferred) = queue.next(batch) {
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
            let probabilities = model.probabilities(&windows);
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
