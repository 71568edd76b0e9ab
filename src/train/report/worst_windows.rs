//! The held-out windows that the model predicts worst, as charts.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::chart::{Chart, ChartLine};
use super::document::percent;
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
    let rows = rows.into_iter().filter(|(_, window, _)| shown.insert(dataset.sources[*window]));
    let charts: Vec<Markup> = rows
        .take(MAX_WINDOWS)
        .map(|(probability, window, row)| chart_of_window(dataset, window, probability, most_probable(row)))
        .collect();
    html! { div.pair { @for chart in charts { (chart) } } }
}

/// A chart of a window's channels over time; `probability` is that of the window's actual label.
fn chart_of_window(dataset: &Dataset, window: usize, probability: f32, predicted: usize) -> Markup {
    let card = &dataset.card;
    let channels = card.channels.len();
    let points = |channel: usize| {
        let values = dataset.window(window).iter().skip(channel).step_by(channels).enumerate();
        values.map(|(step, value)| (step as f64 / card.rate, f64::from(*value))).collect()
    };
    let lines = card.channels.iter().enumerate().map(|(index, channel)| ChartLine {
        name: channel.name.clone(),
        colour: index % 4,
        faint: false,
        points: points(index),
    });
    let unit = card.channels.first().map(|channel| channel.unit.clone()).unwrap_or_default();
    let chart = Chart {
        title: "A window".into(),
        x: "time in the window, s".into(),
        y: if unit.is_empty() { "value".into() } else { format!("current, {unit}") },
        lines: lines.collect(),
        ..Chart::default()
    };
    let end = dataset.windows[window].time.seconds();
    html! {
        div {
            p {
                b { (dataset.recordings[dataset.sources[window]].name) } ", up to " (format!("{end:.1}")) " s: "
                (card.labels[dataset.labels[window]]) " (" (percent(f64::from(probability))) "), predicted as "
                (card.labels[predicted])
            }
            (chart.svg())
        }
    }
}
