//! Batches: whatever windows are ready run together, across streams.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::health::Health;
use crate::lanes::{Task, Work};
use crate::model::session::{Model, ModelError};
use crate::swap::{Item, Swap};
use crate::terms::Terms;

/// Work with the probabilities of its windows.
#[derive(Debug)]
pub struct Inferred {
    /// The batch's place in the order of all batches.
    pub ticket: u64,
    /// What surfaces are decided by from this batch on, where something else takes over with it.
    pub terms: Option<Box<Terms>>,
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
pub struct Queue(Mutex<Waiting>);

struct Waiting {
    receiver: mpsc::Receiver<Item>,
    /// What came out of the channel and is in no batch yet.
    held: VecDeque<Item>,
    ticket: u64,
    /// How often another model took over.
    generation: u64,
    /// That model, for the threads that have not come for it yet.
    models: Vec<Model>,
}

/// A thread's model, and the generation that it is of.
struct Own {
    model: Model,
    generation: u64,
}

impl Queue {
    /// A queue over a channel's receiving end.
    pub fn new(receiver: mpsc::Receiver<Item>) -> Self {
        let waiting =
            Waiting { receiver, held: VecDeque::new(), ticket: 0, generation: 0, models: Vec::new() };
        Self(Mutex::new(waiting))
    }

    /// Waits for work, then takes what else is ready, up to `limit` entries, and the model that answers it; `None` at the end.
    fn next(&self, limit: usize, own: &mut Own) -> Option<Inferred> {
        // Let go of after the lock.
        let _old;
        let waiting = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.held.is_empty() {
            let mut items = Vec::new();
            // At once: taken one by one, each would wake the task that fills the queue.
            if waiting.receiver.blocking_recv_many(&mut items, limit) == 0 {
                return None;
            }
            waiting.held.extend(items);
        }
        let (mut terms, mut work) = (None, Vec::new());
        while work.len() < limit {
            match waiting.held.pop_front() {
                Some(Item::Work(next)) => work.push(next),
                Some(Item::Swap(swap)) if work.is_empty() => terms = Some(Box::new(waiting.take_over(*swap))),
                // One model answers a whole batch: it ends where another takes over.
                Some(swap) => {
                    waiting.held.push_front(swap);
                    break;
                }
                None => break,
            }
        }
        if own.generation != waiting.generation {
            let new = Own { model: waiting.models.pop()?, generation: waiting.generation };
            _old = std::mem::replace(own, new);
        }
        let ticket = waiting.ticket;
        waiting.ticket += 1;
        Some(Inferred { ticket, terms, work, probabilities: Vec::new() })
    }
}

impl Waiting {
    fn take_over(&mut self, swap: Swap) -> Terms {
        let Swap { models, terms, done, .. } = swap;
        if let Some(models) = models {
            self.models = models;
            self.generation += 1;
        }
        // Who does not wait for it any more needs no word.
        let _ = done.send(());
        terms
    }
}

/// Runs one thread of inference until the queue ends, or the results' receiver does.
///
/// A lone window waits for nothing; what queued while the model was busy runs as one batch of at most `batch` windows.
pub fn run(
    model: Model,
    queue: &Queue,
    batch: usize,
    results: &mpsc::Sender<Result<Inferred, ModelError>>,
    health: &Health,
) {
    let mut own = Own { model, generation: 0 };
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
