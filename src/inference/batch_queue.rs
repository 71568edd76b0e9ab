//! Makes batches for the inference threads.

use std::collections::VecDeque;
use std::sync::mpsc::{self as std_mpsc, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::error::InferenceError;
use super::handover::{Handover, QueueItem};
use crate::decision::{BatchSlot, InferredBatch, ServingContext};
use crate::model::answers::Answers;
use crate::model::session::Model;

/// The queue from which all inference threads take their batches. Batches are numbered in the order in which
/// they are taken, and only a limited number of them is on its way at a time.
pub(crate) struct BatchQueue(Mutex<BatchQueueState>);

struct BatchQueueState {
    receiver: mpsc::Receiver<QueueItem>,
    /// Items that were received and are not in a batch yet.
    received: VecDeque<QueueItem>,
    /// The sequence number of the next batch.
    next_sequence: u64,
    /// The number of handovers to another model so far.
    generation: u64,
    /// The model of this generation, for each thread that has not taken it yet.
    models: Vec<Model>,
    /// One message for each batch that may be made now.
    free: Receiver<()>,
    /// Where the end of a batch is sent.
    freed: Sender<()>,
}

/// The model of an inference thread, with the generation that it belongs to.
pub(super) struct WorkerModel {
    pub(super) model: Model,
    pub(super) generation: u64,
}

impl BatchQueue {
    /// Creates a queue of the items that come from `receiver`. At most `on_their_way` batches have been taken
    /// and are not decided yet.
    pub(crate) fn new(receiver: mpsc::Receiver<QueueItem>, on_their_way: usize) -> Self {
        let (freed, free) = std_mpsc::channel();
        for _ in 0..on_their_way.max(1) {
            // The receiver is at hand, so this cannot fail.
            let _ = freed.send(());
        }
        Self(Mutex::new(BatchQueueState {
            receiver,
            received: VecDeque::new(),
            next_sequence: 0,
            generation: 0,
            models: Vec::new(),
            free,
            freed,
        }))
    }

    /// Waits for an item, and returns a batch of it and the other items that are ready, at most `limit`
    /// events. The batch has no answers yet. If the batch must be predicted by another model, `own` is
    /// replaced by it. Returns `None` when the channel is closed and empty.
    ///
    /// # Errors
    /// [`InferenceError::Stopped`] if there is no model for this thread, which is a defect.
    pub(super) fn next(
        &self,
        limit: usize,
        own: &mut WorkerModel,
    ) -> Result<Option<InferredBatch>, InferenceError> {
        // Declared before the lock, so that the old model is dropped after the lock is released.
        let _old_model;
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.received.is_empty() {
            let mut items = Vec::new();
            // All at once: receiving them one by one would wake the sending task for each of them.
            if state.receiver.blocking_recv_many(&mut items, limit) == 0 {
                return Ok(None);
            }
            state.received.extend(items);
        }
        // The queue keeps a sender, so that this only ends when a slot is free.
        let _ = state.free.recv();
        let slot = BatchSlot::new(state.freed.clone());
        let (mut context, mut events, mut receipts) = (None, Vec::new(), Vec::new());
        while events.len() < limit {
            match state.received.pop_front() {
                Some(QueueItem::Event(event)) => events.push(event),
                Some(QueueItem::Receipt(receipt)) => receipts.push(receipt),
                Some(QueueItem::Handover(handover)) if events.is_empty() => {
                    context = Some(Box::new(state.apply(*handover)))
                }
                // A batch is predicted by one model, so it ends before a handover.
                Some(handover) => {
                    state.received.push_front(handover);
                    break;
                }
                None => break,
            }
        }
        if own.generation != state.generation {
            let model = state.models.pop().ok_or(InferenceError::Stopped)?;
            let new_model = WorkerModel { model, generation: state.generation };
            _old_model = std::mem::replace(own, new_model);
        }
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        Ok(Some(InferredBatch { sequence, context, events, receipts, answers: Answers::default(), slot }))
    }
}

impl BatchQueueState {
    /// Applies a handover, whose turn it is, and returns the new serving context.
    fn apply(&mut self, handover: Handover) -> ServingContext {
        let Handover { models, context, done, .. } = handover;
        if let Some(models) = models {
            self.models = models;
            self.generation += 1;
        }
        // This fails only if nobody waits for the handover any longer.
        let _ = done.send(());
        context
    }
}
