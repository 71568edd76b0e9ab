//! What `fit`, `evaluate` and `diagnose` print about the recordings before they use them.

use crate::signal::channel_names;
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

/// The dataset in one line.
pub(super) fn description(dataset: &Dataset) -> String {
    let card = &dataset.card;
    let counts = dataset.count(0..dataset.len());
    let counts: Vec<_> =
        card.labels.iter().zip(counts).map(|(label, count)| format!("{count} {label}")).collect();
    format!(
        "{} recordings, {} windows ({}) of {} steps at {} Hz ({:.1} s), hop {}, channels {}",
        dataset.recordings.len(),
        dataset.len(),
        counts.join(", "),
        card.window,
        card.rate,
        card.window as f64 / card.rate,
        card.hop,
        channel_names(&card.channels),
    )
}
