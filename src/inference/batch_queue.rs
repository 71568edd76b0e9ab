//! The queue that the inference threads share.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::handover::{Handover, QueueItem};
use crate::decision::{InferredBatch, ServingContext};
use crate::model::session::Model;

/// The queue that the threads of inference share; each batch gets the next ticket.
pub(crate) struct BatchQueue(Mutex<BatchQueueState>);

struct BatchQueueState {
    receiver: mpsc::Receiver<QueueItem>,
    /// What came out of the channel and is in no batch yet.
    held: VecDeque<QueueItem>,
    ticket: u64,
    /// How often another model took over.
    generation: u64,
    /// That model, for the threads that have not come for it yet.
    models: Vec<Model>,
}

/// A thread's model, and the generation that it is of.
pub(super) struct LoadedModel {
    pub(super) model: Model,
    pub(super) generation: u64,
}

impl BatchQueue {
    /// A queue over a channel's receiving end.
    pub(crate) fn new(receiver: mpsc::Receiver<QueueItem>) -> Self {
        let waiting =
            BatchQueueState { receiver, held: VecDeque::new(), ticket: 0, generation: 0, models: Vec::new() };
        Self(Mutex::new(waiting))
    }

    /// Waits for work, then takes what else is ready, up to `limit` entries, and the model that answers it; `None` at the end.
    pub(super) fn next(&self, limit: usize, own: &mut LoadedModel) -> Option<InferredBatch> {
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
        let (mut context, mut work) = (None, Vec::new());
        while work.len() < limit {
            match waiting.held.pop_front() {
                Some(QueueItem::Work(next)) => work.push(next),
                Some(QueueItem::Handover(handover)) if work.is_empty() => {
                    context = Some(Box::new(waiting.take_over(*handover)))
                }
                // One model answers a whole batch: it ends where another takes over.
                Some(handover) => {
                    waiting.held.push_front(handover);
                    break;
                }
                None => break,
            }
        }
        if own.generation != waiting.generation {
            let new = LoadedModel { model: waiting.models.pop()?, generation: waiting.generation };
            _old = std::mem::replace(own, new);
        }
        let ticket = waiting.ticket;
        waiting.ticket += 1;
        Some(InferredBatch { ticket, context, work, probabilities: Vec::new() })
    }
}

impl BatchQueueState {
    fn take_over(&mut self, handover: Handover) -> ServingContext {
        let Handover { models, context, done, .. } = handover;
        if let Some(models) = models {
            self.models = models;
            self.generation += 1;
        }
        // Who does not wait for it any more needs no word.
        let _ = done.send(());
        context
    }
}
