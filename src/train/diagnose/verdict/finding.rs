//! A cause that was found, with its evidence and advice on how to fix it.

use crate::train::diagnose::cause::Cause;

/// The groups of causes, in the order in which they have to be fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Until these are fixed, every score is meaningless.
    MeaninglessScores,
    /// Recordings with a wrong label.
    WrongLabels,
    /// Settings of the training run.
    Settings,
    /// Recordings that are still missing.
    MoreRecordings,
}

/// A cause that was found, with its evidence and advice on how to fix it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Finding {
    pub cause: Cause,
    /// What is wrong, in words for people who are not experts in training networks.
    pub title: &'static str,
    /// The rise of balanced accuracy on held-out recordings by fixing the cause, as a share. For a leaky
    /// split, by how much the score is too high. 0 if it was not measured.
    pub effect: f64,
    /// The 90 % confidence interval of the effect; `None` if it was measured with fewer than three seeds.
    pub interval: Option<[f64; 2]>,
    /// The number of seeds that the effect was measured with.
    pub seeds: usize,
    /// What was measured, as a sentence without a full stop.
    pub evidence: String,
    /// What to do, as a sentence without a full stop.
    pub fix: String,
    /// Whether the cause was found only after the causes before it had been fixed.
    pub after_first: bool,
    /// Orders the findings of one priority, the highest first.
    #[serde(skip)]
    pub score: f64,
    #[serde(skip)]
    pub priority: Priority,
}
