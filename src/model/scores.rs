//! How well predictions agree with labels, in three numbers.

use serde::{Deserialize, Serialize};

/// How well predictions of windows agree with their labels. All scores are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The fraction of windows that were predicted correctly.
    pub accuracy: f64,
    /// The mean of the recalls of the labels.
    pub balanced_accuracy: f64,
    /// The mean of the F1 scores of the labels.
    pub macro_f1: f64,
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accuracy, balanced_accuracy, macro_f1 } = self;
        write!(f, "accuracy {accuracy:.3}, balanced accuracy {balanced_accuracy:.3}, macro F1 {macro_f1:.3}")
    }
}
