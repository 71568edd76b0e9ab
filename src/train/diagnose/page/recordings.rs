//! What the recordings are like, which labels look wrong, and what could be reached.

use maud::{Markup, html};

use super::{DiagnosisPage, points};
use crate::train::diagnose::experiment::change::Change;
use crate::train::diagnose::experiment::outcome::mean;
use crate::train::diagnose::inspection::label_errors::LabelledStretch;
use crate::train::report::chart::{Chart, ChartLine};
use crate::train::report::percent;

/// Suspects that are listed, and of these how many are drawn.
const SUSPECTS: (usize, usize) = (20, 6);

impl DiagnosisPage<'_> {
    pub(super) fn windows(&self) -> Markup {
        let (found, dataset) = (self.diagnosis, self.dataset);
        let counts = dataset.count(0..dataset.len());
        let of = |label: usize| {
            let sources = (0..dataset.len())
                .filter(|window| dataset.labels[*window] == label)
                .map(|window| dataset.sources[window]);
            sources.collect::<std::collections::BTreeSet<_>>().len()
        };
        html! {
            h2 { "The windows" }
            div.pair {
                div.scroll { table {
                    tr { th { "surface" } th { "recordings" } th { "windows" } }
                    @for (label, name) in dataset.card.labels.iter().enumerate() {
                        tr { td { (name) } td.n { (of(label)) } td.n { (counts[label]) } }
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
                    @for pair in found.inspection.duplicates.iter().take(SUSPECTS.0) {
                        li { (dataset.recordings[pair.one].name) " and " (dataset.recordings[pair.other].name) }
                    }
                }
            }
            p {
                "Split by recording, trees on summary statistics reach " b { (percent(found.inspection.trees)) } "; split by window, with neighbours on both sides, "
                b { (percent(found.inspection.leaky_trees)) } " (leaky). The difference, " (points(found.inspection.leaky_trees - found.inspection.trees)) " points, is what a split by window flatters."
            }
        }
    }

    pub(super) fn suspects(&self) -> Markup {
        let found = self.diagnosis;
        let suspects: Vec<&LabelledStretch> =
            found.inspection.stretches.iter().filter(|one| one.suspected).collect();
        html! {
            h2 { "Labels that may be wrong" }
            @if suspects.is_empty() {
                p { "No recording looks like another surface than the one that it is labelled with." }
            } @else {
                p {
                    "To trees that have not seen them, these look like another surface (confident learning; Northcutt and others, 2021). Some are merely hard: look before you move them."
                }
                div.scroll { table {
                    tr { th { "recording" } th { "labelled" } th { "looks like" } th { "probability of each" } }
                    @for one in suspects.iter().take(SUSPECTS.0) {
                        tr {
                            td { (one.recording) } td { (one.label) } td { (one.looks_like) }
                            td.n { (percent(one.own)) " and " (percent(one.other)) }
                        }
                    }
                } }
                @if suspects.len() > SUSPECTS.0 { p.soft { (suspects.len() - SUSPECTS.0) " more are in the JSON." } }
                div.pair { @for one in suspects.iter().take(SUSPECTS.1) { (self.trace(one)) } }
            }
        }
    }

    /// The trace of a suspect's middle window.
    pub(super) fn trace(&self, one: &LabelledStretch) -> Markup {
        let card = &self.dataset.card;
        let Some(window) = one.windows.get(one.windows.len() / 2) else { return html! {} };
        let channels = card.channels.len();
        let lines = card.channels.iter().enumerate().map(|(index, channel)| {
            let values = self.dataset.window(*window).iter().skip(index).step_by(channels).enumerate();
            let points = values.map(|(step, value)| (step as f64 / card.rate, f64::from(*value))).collect();
            ChartLine { name: channel.name.clone(), colour: index % 4, faint: false, points }
        });
        let unit = card.channels.first().map(|channel| channel.unit.clone()).unwrap_or_default();
        let chart = Chart {
            title: format!("A window of {}", one.recording),
            x: "time in the window, s".into(),
            y: if unit.is_empty() { "value".into() } else { format!("current, {unit}") },
            lines: lines.collect(),
            ..Chart::default()
        };
        html! { div { p { b { (one.recording) } ": labelled " (one.label) ", looks like " (one.looks_like) } (chart.svg()) } }
    }

    pub(super) fn reach(&self) -> Markup {
        let found = self.diagnosis;
        let labels = self.dataset.card.labels.len() as f64;
        let part = |percent: u8| {
            let change = Change::RecordingShare { percent };
            let trial = found.trials.iter().find(|trial| trial.change == change);
            trial
                .map(|trial| mean(&trial.outcomes, |outcome| outcome.accuracy))
                .filter(|value| value.is_finite())
        };
        let whole = mean(&found.control, |outcome| outcome.accuracy);
        let points: Vec<(f64, f64)> = [(25.0, part(25)), (50.0, part(50)), (100.0, Some(whole))]
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
            h2 { "What could be reached" }
            div.scroll { table {
                tr { th { "on recordings not trained on" } th { "right" } }
                tr { td { "this network, balanced" } td.n { (percent(whole)) } }
                tr { td { "extra trees on summary statistics, balanced" } td.n { (percent(found.inspection.trees)) } }
                tr { td { "the nearest neighbour on the same" } td.n { (percent(1.0 - found.inspection.neighbours.error)) } }
                tr { td { "guessing" } td.n { (percent(1.0 / labels)) } }
            } }
            p.soft {
                "With endlessly many windows, the nearest neighbour's error would say that no classifier on these features can be right in more than "
                (percent(1.0 - found.inspection.neighbours.low)) " (Cover and Hart, 1967). With as few as these it is a hint and no proof: its own error is not yet what it would become."
            }
            h3 { "Would more drives help?" }
            div.one { (chart.svg()) }
            h3 { "Can this training learn anything?" }
            @match &found.artificial {
                Some(outcome) => {
                    p {
                        "On cos(x) against arccos(x) with noise, two curves that nobody would mix up, the same settings reach " b { (percent(outcome.accuracy)) } " on as many windows. "
                        @if outcome.accuracy > 0.95 { "So it can learn; what is hard is in the recordings." }
                        @else { "What cannot learn that cannot learn anything: mend the settings before you look at the recordings." }
                    }
                }
                None => { p.soft { "There was no time for the artificial task, cos(x) against arccos(x)." } }
            }
        }
    }
}
