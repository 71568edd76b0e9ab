//! The model's accuracy against its confidence.

use maud::{Markup, html};

use super::elements::chart::{Chart, ChartLine};
use super::elements::document::sentence;
use crate::train::data::dataset::Dataset;
use crate::train::fit::calibration::reliability;
use crate::train::fit::trained::Trained;

/// A reliability diagram of the held-out windows, with a sentence about the calibration if there was one.
pub(super) fn reliability_diagram(trained: &Trained, dataset: &Dataset) -> Markup {
    let out_of_fold = &trained.out_of_fold;
    let labels: Vec<usize> = out_of_fold.windows.iter().map(|window| dataset.labels[*window]).collect();
    let points = reliability(&out_of_fold.probabilities, &labels, dataset.card.labels.len());
    let chart = Chart {
        title: "The model's accuracy against its confidence".into(),
        x: "confidence, the probability of the predicted surface".into(),
        y: "share of windows predicted correctly".into(),
        range: Some((0.0, 1.0)),
        lines: vec![
            ChartLine {
                name: "accuracy equals confidence".into(),
                colour: 3,
                faint: true,
                points: vec![(0.0, 0.0), (1.0, 1.0)],
            },
            ChartLine { name: "the model".into(), colour: 0, faint: false, points },
        ],
        ..Chart::default()
    };
    html! {
        div.charts {
            (chart.svg())
            @if let Some(calibration) = &trained.calibration {
                p { (sentence(&calibration.to_string())) }
            }
        }
    }
}
