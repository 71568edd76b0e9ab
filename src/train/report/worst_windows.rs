//! The held-out windows that the model predicts worst, as charts.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::document::percent;
use super::window_chart::window_chart;
use crate::train::data::dataset::Dataset;
use crate::train::fit::trained::Trained;
use crate::train::network::loss::most_probable;

/// Maximum number of windows that are drawn.
const MAX_WINDOWS: usize = 12;

/// Charts of the windows whose actual label got the lowest probabilities, the worst first.
pub(super) fn worst_windows(trained: &Trained, dataset: &Dataset) -> Markup {
    let out_of_fold = &trained.out_of_fold;
    let rows = out_of_fold.probabilities.chunks_exact(dataset.card.labels.len());
    let mut rows: Vec<_> = out_of_fold
        .windows
        .iter()
        .zip(rows)
        .map(|(window, row)| (row[dataset.labels[*window]], *window, row))
        .collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Neighbouring windows look alike, so each recording is shown once.
    let mut shown = BTreeSet::new();
    let rows = rows.into_iter().filter(|(_, window, _)| shown.insert(dataset.recording_of_window[*window]));
    let charts: Vec<Markup> = rows
        .take(MAX_WINDOWS)
        .map(|(probability, window, row)| captioned_chart(dataset, window, probability, most_probable(row)))
        .collect();
    html! { div.pair { @for chart in charts { (chart) } } }
}

/// A chart of a window under a line of text; `probability` is that of the window's actual label.
fn captioned_chart(dataset: &Dataset, window: usize, probability: f32, predicted: usize) -> Markup {
    let labels = &dataset.card.labels;
    let recording = &dataset.recordings[dataset.recording_of_window[window]].name;
    let end = dataset.windows[window].time.seconds();
    html! {
        div {
            p {
                b { (recording) } ", up to " (format!("{end:.1}")) " s: "
                (labels[dataset.labels[window]]) " (" (percent(f64::from(probability))) "), predicted as "
                (labels[predicted])
            }
            (window_chart(dataset, window, "A window".into()).svg())
        }
    }
}
