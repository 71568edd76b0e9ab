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

/// The scores of a network, and of extra trees on the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoresWithTrees {
    /// The scores of the network.
    #[serde(flatten)]
    pub network: Scores,
    /// The scores of extra trees on summary statistics; `None` if they were not grown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_trees: Option<Scores>,
}

impl ScoresWithTrees {
    /// Whether every score is from 0 to 1.
    pub(super) fn are_valid(&self) -> bool {
        self.network.are_valid() && self.extra_trees.is_none_or(|trees| trees.are_valid())
    }
}

impl Scores {
    /// Whether every score is from 0 to 1.
    pub(super) fn are_valid(&self) -> bool {
        [self.accuracy, self.balanced_accuracy, self.macro_f1].iter().all(|score| (0.0..=1.0).contains(score))
    }
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accuracy, balanced_accuracy, macro_f1 } = self;
        write!(f, "accuracy {accuracy:.3}, balanced accuracy {balanced_accuracy:.3}, macro F1 {macro_f1:.3}")
    }
}
