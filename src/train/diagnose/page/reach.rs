//! Whether more drives would help, and the scores that are within reach.

use maud::{Markup, html};

use super::DiagnosisPage;
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::report::elements::chart::{Chart, ChartLine};
use crate::train::report::elements::document::percent;

impl DiagnosisPage<'_> {
    /// The learning curve over the number of recordings.
    pub(super) fn more_drives(&self) -> Markup {
        let found = self.diagnosis;
        let accuracy_with = |percent: u8| {
            let change = Change::RecordingShare { percent };
            let trial = found.trials.iter().find(|trial| trial.change == change);
            trial
                .map(|trial| mean(&trial.outcomes, |outcome| outcome.accuracy))
                .filter(|value| value.is_finite())
        };
        let with_all = mean(&found.control, |outcome| outcome.accuracy);
        let points: Vec<(f64, f64)> =
            [(25.0, accuracy_with(25)), (50.0, accuracy_with(50)), (100.0, Some(with_all))]
                .into_iter()
                .filter_map(|(x, y)| Some((x, y?)))
                .collect();
        let chart = Chart {
            title: "Balanced accuracy against the share of the recordings".into(),
            x: "recordings trained on, %".into(),
            y: "balanced accuracy".into(),
            range: Some((0.0, 1.0)),
            lines: vec![ChartLine { colour: 0, points, ..ChartLine::default() }],
            ..Chart::default()
        };
        html! {
            h2 { "Would more drives help?" }
            @if chart.lines.iter().all(|line| line.points.len() < 2) {
                p { "There was no time to find out." }
            } @else {
                p {
                    "The network was also trained on a part of the recordings. Where the line still rises at its end, more drives "
                    "would help."
                }
                div.charts { (chart.svg()) }
            }
        }
    }

    /// The scores that are within reach, and the result on the artificial task.
    pub(super) fn reachable_scores(&self) -> Markup {
        let found = self.diagnosis;
        let labels = self.dataset.card.labels.len() as f64;
        let with_all = mean(&found.control, |outcome| outcome.accuracy);
        html! {
            h3 { "What can be reached" }
            div.scroll { table {
                tr { th { "on held-out recordings" } th { "accuracy" } }
                tr { td { "this network, balanced accuracy" } td.n { (percent(with_all)) } }
                tr { td { "extra trees on summary statistics, balanced accuracy" } td.n { (percent(found.inspection.trees)) } }
                tr { td { "nearest neighbour on summary statistics" } td.n { (percent(1.0 - found.inspection.neighbours.error)) } }
                tr { td { "guessing" } td.n { (percent(1.0 / labels)) } }
            } }
            p.soft {
                "With infinitely many windows, this error of the nearest neighbour would mean that no classifier on these features is correct for more than "
                (percent(1.0 - found.inspection.neighbours.low)) " of them (Cover and Hart, 1967). With so few \
                                                                  windows, this is only a hint, because the error \
                                                                  still changes with the number of windows."
            }
            h3 { "Can these settings learn anything?" }
            @match &found.artificial {
                Some(outcome) => {
                    p {
                        "On an easy artificial task, telling cos(x) from arccos(x) with noise, the same settings reach " b { (percent(outcome.accuracy)) } " with as many windows. "
                        @if outcome.accuracy > 0.95 { "So the settings can learn, and the difficulty is in the \
                                                       recordings." }
                        @else { "Settings that cannot learn this task will not learn the surfaces either: correct \
                                 the settings before you look at the recordings." }
                    }
                }
                None => { p.soft { "There was no time for the artificial task, cos(x) against arccos(x)." } }
            }
        }
    }
}
