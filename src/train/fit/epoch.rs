//! The figures of one epoch, and the errors that end a training.

use crate::train::options::OptionError;

/// One epoch's figures. Losses are weighted by class; those of validation are `None` where nothing is held out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss of the training windows, while they were trained on.
    pub loss: f64,
    /// Share of the training windows told right, while they were trained on.
    pub accuracy: f64,
    /// Mean loss of the validation windows.
    pub validation_loss: Option<f64>,
    /// Share of the validation windows told right.
    pub validation_accuracy: Option<f64>,
    /// The learning rate of the epoch's first step.
    pub learning_rate: f32,
}

/// Why training stopped without a network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    /// An option out of its bounds.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// Fewer windows than labels.
    #[error("there are {windows} windows to train on and {labels} labels; lower --hop, or record more")]
    TooFew {
        /// Windows.
        windows: usize,
        /// Labels.
        labels: usize,
    },
    /// The loss is no number any more.
    #[error(
        "the loss is {loss} in epoch {epoch} at the learning rate {learning_rate}; set a smaller --learning-rate"
    )]
    Diverged {
        /// The epoch.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// The learning rate.
        learning_rate: f64,
    },
    /// Ended before there was a network.
    #[error("training was interrupted before any network was trained; nothing was written")]
    Interrupted,
    /// The system gives no threads.
    #[error("{threads} threads cannot be started: {why}; set a smaller --threads")]
    Threads {
        /// How many.
        threads: usize,
        /// What the system said.
        why: String,
    },
}
