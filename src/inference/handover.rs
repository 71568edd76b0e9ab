//! What waits for inference: stream events, and handovers to another model or to other settings.

use tokio::sync::oneshot;

use crate::decision::ServingContext;
use crate::model::session::Model;
use crate::receipt::Receipt;
use crate::stream::{StreamEvent, StreamTableOptions};

/// The handover to another model, or to other settings of the same one.
///
/// It applies to every sample after it. Windows that were complete before it are still predicted by the
/// previous model.
pub(crate) struct Handover {
    /// The new model, loaded once for each inference thread. `None` if the model stays the same.
    pub models: Option<Vec<Model>>,
    /// The new serving context.
    pub context: ServingContext,
    /// How streams are followed from now on.
    pub streams: StreamTableOptions,
    /// The new limit of the [`WorkQueue`](super::WorkQueue).
    pub queue_limit: usize,
    /// Resolves when every earlier window was given to the previous model.
    pub done: oneshot::Sender<()>,
}

/// An item that waits for inference.
pub(crate) enum QueueItem {
    /// An event of a stream.
    Event(StreamEvent),
    /// A handover, which applies to everything behind it.
    Handover(Box<Handover>),
    /// The receipt of the samples before it.
    Receipt(Receipt),
}
