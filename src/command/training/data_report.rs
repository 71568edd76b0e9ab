//! What `fit`, `evaluate` and `diagnose` print about the recordings before they use them.

use crate::train::data::dataset::Dataset;
use crate::train::data::drops::DropSummary;

/// Prints to stderr what was dropped, and what is probably wrong with the recordings or with their split.
pub(super) fn print(dataset: &Dataset, split_warnings: &[String]) {
    for line in DropSummary::of(&dataset.drops).lines() {
        eprintln!("{line}");
    }
    for warning in dataset.warnings.iter().chain(split_warnings) {
        eprintln!("warning: {warning}");
    }
}
