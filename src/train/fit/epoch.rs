//! The figures of one epoch, and the errors that end a training run.

use crate::train::options::OptionError;

/// The figures of one epoch.
///
/// Losses are cross-entropies weighted by class. The two validation figures are `None` if no windows are held
/// out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Epoch {
    /// The epoch's number, from 1.
    pub epoch: usize,
    /// Mean loss of the training windows. It is summed up during the epoch, while the weights change and with
    /// dropout and augmentation active.
    pub loss: f64,
    /// Share of the training windows predicted correctly, between 0 and 1, measured in the same way as the
    /// loss.
    pub accuracy: f64,
    /// Mean loss of the held-out windows at the end of the epoch.
    pub validation_loss: Option<f64>,
    /// Share of the held-out windows predicted correctly at the end of the epoch, between 0 and 1.
    pub validation_accuracy: Option<f64>,
    /// The learning rate of the epoch's first step.
    pub learning_rate: f32,
}

/// Why a training run ended without a network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    /// A setting is outside its range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// There are fewer training windows than labels.
    #[error(
        "there are {windows} windows to train on and {labels} labels; lower --hop, or record longer drives"
    )]
    TooFew {
        /// The number of training windows.
        windows: usize,
        /// The number of labels.
        labels: usize,
    },
    /// The loss is infinite or not a number.
    #[error(
        "the loss is {loss} in epoch {epoch} at the learning rate {learning_rate}; \
         set a smaller --learning-rate"
    )]
    Diverged {
        /// The epoch's number, from 1.
        epoch: usize,
        /// The mean loss, of a training batch or of the held-out windows.
        loss: f64,
        /// The initial learning rate, as the option sets it.
        learning_rate: f64,
    },
    /// The user interrupted a search before the initial settings had been trained on every fold.
    #[error("training was interrupted before any network was trained; nothing was written")]
    Interrupted,
    /// The threads cannot be started.
    #[error("{threads} threads cannot be started: {why}; set a smaller --threads")]
    Threads {
        /// The number of threads asked for; 0 for one for each core.
        threads: usize,
        /// The system's error message.
        why: String,
    },
}
