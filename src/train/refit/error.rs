//! Why a model cannot be trained on.

use std::path::PathBuf;

use crate::model::card::Card;
use crate::recordings::RecordingError;
use crate::train::data::error::DatasetError;
use crate::train::fit::epoch::FitError;
use crate::train::import::ImportError;

/// Why a model cannot be trained on. Each message names the cause and the fix.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefitError {
    /// The model is not one that this version of `fit` wrote.
    #[error(
        "the model \"{path}\" cannot be trained on, because {why}: only a model that this version of \
         `underfoot-train fit` wrote can; train a new one with `underfoot-train fit` on all recordings",
        path = path.display()
    )]
    Import {
        /// The path of the model.
        path: PathBuf,
        /// Why its networks cannot be read.
        why: ImportError,
    },
    /// The rehearsal windows in the model's file are damaged.
    #[error(
        "the rehearsal windows of the model \"{path}\" are damaged: {why}; give the old recordings with --old, or \
         another copy of the model",
        path = path.display()
    )]
    Rehearsal {
        /// The path of the model.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The recordings cannot be used.
    #[error(transparent)]
    Dataset(DatasetError),
    /// The recordings are too short for the model's windows.
    #[error(
        "no recording is long enough for a window: the longest stretch without a gap is {longest:.1} s, and a window of \
         the model takes {needed:.1} s ({window} steps at {rate} Hz); record longer drives{dropped}"
    )]
    TooShort {
        /// The longest stretch without a gap, in seconds.
        longest: f64,
        /// The length of a window in seconds.
        needed: f64,
        /// The steps of a window.
        window: usize,
        /// The rate of the steps in Hz.
        rate: f64,
        /// Which rows were dropped, as another sentence after a semicolon; empty if there are few.
        dropped: String,
    },
    /// All windows have the same label.
    #[error(
        "all {windows} windows are labelled {label:?}, and the model has no rehearsal windows of other surfaces: it would \
         forget them; give their recordings with --old"
    )]
    OneLabel {
        /// The label.
        label: String,
        /// The number of windows.
        windows: usize,
    },
    /// A training failed.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl RefitError {
    /// The error for recordings that cannot be used with the model of this card.
    pub(super) fn of_data(why: DatasetError, card: &Card) -> Self {
        match why {
            DatasetError::Recording(why) => Self::Recording(why),
            DatasetError::TooShort { longest, needed, dropped, .. } => {
                Self::TooShort { longest, needed, window: card.window, rate: card.rate, dropped }
            }
            why => Self::Dataset(why),
        }
    }
}
