//! The windows, the labels that may be wrong, and the scores that are within reach.

use maud::{Markup, html};

use super::{DiagnosisPage, points};
use crate::train::diagnose::experiments::change::Change;
use crate::train::diagnose::experiments::outcome::mean;
use crate::train::diagnose::inspection::label_errors::LabelledStretch;
use crate::train::report::elements::chart::{Chart, ChartLine};
use crate::train::report::elements::document::percent;
use crate::train::report::elements::window_chart::window_chart;

/// The maximum number of suspected labels, and of duplicate drives, that are listed.
const MAX_LISTED: usize = 20;
/// The maximum number of suspected labels that have a chart.
const MAX_CHARTS: usize = 6;

impl DiagnosisPage<'_> {
    /// The windows per surface, the state of the channels and the duplicate drives.
    pub(super) fn windows(&self) -> Markup {
        let (found, dataset) = (self.diagnosis, self.dataset);
        let counts = dataset.count(0..dataset.len());
        let recordings_of = |label: usize| {
            let recordings = (0..dataset.len())
                .filter(|window| dataset.labels[*window] == label)
                .map(|window| dataset.recording_of_window[window]);
            recordings.collect::<std::collections::BTreeSet<_>>().len()
        };
        html! {
            h2 { "The windows" }
            div.pair {
                div.scroll { table {
                    tr { th { "surface" } th { "recordings" } th { "windows" } }
                    @for (label, name) in dataset.card.labels.iter().enumerate() {
                        tr { td { (name) } td.n { (recordings_of(label)) } td.n { (counts[label]) } }
                    }
                } }
                div.scroll { table {
                    tr { th { "channel" } th { "stuck windows" } th { "steps at its limits" } th { "different values" } }
                    @for channel in &found.inspection.channels {
                        tr {
                            td { (channel.name) }
                            td.n { (percent(channel.stuck)) }
                            td.n { (percent(channel.clipped)) }
                            td.n { (channel.values) @if channel.values <= 64 { " (coarse)" } }
                        }
                    }
                } }
            }
            @if found.inspection.duplicates.is_empty() {
                p { "No two recordings hold the same drive." }
            } @else {
                p.warn { (found.inspection.duplicates.len()) " pairs of recordings hold the same drive:" }
                ul {
                    @for pair in found.inspection.duplicates.iter().take(MAX_LISTED) {
                        li { (dataset.recordings[pair.one].name) " and " (dataset.recordings[pair.other].name) }
                    }
                }
            }
            p {
                "Trees on summary statistics, split by recording, reach " b { (percent(found.inspection.trees)) } "; split by window, with windows of the same recording on both sides, they reach "
                b { (percent(found.inspection.leaky_trees)) } " (leaky). The difference of " (points(found.inspection.leaky_trees - found.inspection.trees)) " points comes from the split and is not real accuracy."
            }
        }
    }

    /// The labels that may be wrong, with a chart of the first ones.
    pub(super) fn suspects(&self) -> Markup {
        let found = self.diagnosis;
        let suspects: Vec<&LabelledStretch> =
            found.inspection.stretches.iter().filter(|one| one.suspected).collect();
        html! {
            h2 { "Labels that may be wrong" }
            @if suspects.is_empty() {
                p { "Every recording looks like the surface that it is labelled with." }
            } @else {
                p {
                    "To trees that were not trained on them, these recordings look like another surface (confident learning; Northcutt and others, 2021). Some may only be difficult: check before you move them."
                }
                div.scroll { table {
                    tr { th { "recording" } th { "labelled" } th { "looks like" } th { "probability of each" } }
                    @for one in suspects.iter().take(MAX_LISTED) {
                        tr {
                            td { (one.recording) } td { (one.label) } td { (one.looks_like) }
                            td.n { (percent(one.own)) " and " (percent(one.other)) }
                        }
                    }
                } }
                @if suspects.len() > MAX_LISTED { p.soft { (suspects.len() - MAX_LISTED) " more are in the JSON." } }
                div.pair { @for one in suspects.iter().take(MAX_CHARTS) { (self.stretch_chart(one)) } }
            }
        }
    }

    /// A chart of the middle window of a suspected stretch.
    pub(super) fn stretch_chart(&self, one: &LabelledStretch) -> Markup {
        let Some(window) = one.windows.get(one.windows.len() / 2) else { return html! {} };
        let chart = window_chart(self.dataset, *window, format!("A window of {}", one.recording));
        html! { div { p { b { (one.recording) } ": labelled " (one.label) ", looks like " (one.looks_like) } (chart.svg()) } }
    }

    /// The scores that are within reach, and the result on the artificial task.
    pub(super) fn reachable_scores(&self) -> Markup {
        let found = self.diagnosis;
        let labels = self.dataset.card.labels.len() as f64;
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
            h2 { "What can be reached" }
            div.scroll { table {
                tr { th { "on held-out recordings" } th { "accuracy" } }
                tr { td { "this network, balanced accuracy" } td.n { (percent(with_all)) } }
                tr { td { "extra trees on summary statistics, balanced accuracy" } td.n { (percent(found.inspection.trees)) } }
                tr { td { "nearest neighbour on summary statistics" } td.n { (percent(1.0 - found.inspection.neighbours.error)) } }
                tr { td { "guessing" } td.n { (percent(1.0 / labels)) } }
            } }
            p.soft {
                "With infinitely many windows, this error of the nearest neighbour would mean that no classifier on these features is correct for more than "
                (percent(1.0 - found.inspection.neighbours.low)) " of them (Cover and Hart, 1967). With so few windows it is only a hint, because the error still changes with their number."
            }
            h3 { "Would more drives help?" }
            div.one { (chart.svg()) }
            h3 { "Can these settings learn anything?" }
            @match &found.artificial {
                Some(outcome) => {
                    p {
                        "On an easy artificial task, telling cos(x) from arccos(x) with noise, the same settings reach " b { (percent(outcome.accuracy)) } " with as many windows. "
                        @if outcome.accuracy > 0.95 { "So the settings can learn; the difficulty is in the recordings." }
                        @else { "Settings that cannot learn this cannot learn anything: fix the settings before you look at the recordings." }
                    }
                }
                None => { p.soft { "There was no time for the artificial task, cos(x) against arccos(x)." } }
            }
        }
    }
}
