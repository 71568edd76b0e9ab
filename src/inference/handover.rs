//! What takes over while the daemon runs, in its place among the work that waits for the model.

use tokio::sync::oneshot;

use crate::decision::ServingContext;
use crate::model::session::Model;
use crate::stream::{StreamTableOptions, Work};

/// Another model, or the same one with other settings: it holds from the next sample on. Windows that were cut before are
/// answered by the model before.
pub(crate) struct Handover {
    /// A loaded model for each thread of inference; none where the model stays.
    pub models: Option<Vec<Model>>,
    /// What surfaces are decided by.
    pub context: ServingContext,
    /// How streams are followed.
    pub streams: StreamTableOptions,
    /// Work that may wait for the model.
    pub queue_limit: usize,
    /// Told when every window of before is with its model.
    pub done: oneshot::Sender<()>,
}

/// What waits for the model.
pub(crate) enum QueueItem {
    /// A stream's work.
    Work(Work),
    /// What takes over after all that stands before it.
    Handover(Box<Handover>),
}
