//! The windows, and the labels that may be wrong.

use maud::{Markup, html};

use super::{DiagnosisPage, points};
use crate::train::diagnose::inspection::label_errors::LabelledStretch;
use crate::train::report::elements::document::percent;
use crate::train::report::elements::window_chart::window_chart;
use crate::train::report::surfaces::recordings_per_label;

/// The maximum number of suspected labels, and of duplicate drives, that are listed.
const MAX_LISTED: usize = 20;
/// The maximum number of suspected labels that have a chart.
const MAX_CHARTS: usize = 6;

impl DiagnosisPage<'_> {
    /// The windows per surface, the state of the channels and the duplicate drives.
    pub(super) fn windows(&self) -> Markup {
        let (found, dataset) = (self.diagnosis, self.dataset);
        let counts = dataset.count(0..dataset.len());
        let recordings = recordings_per_label(dataset);
        html! {
            h2 { "The recordings" }
            div.pair {
                div.scroll { table {
                    tr { th { "surface" } th { "recordings" } th { "windows" } }
                    @for (label, name) in dataset.card.labels.iter().enumerate() {
                        tr { td { (name) } td.n { (recordings[label]) } td.n { (counts[label]) } }
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
                p.warn {
                    @match found.inspection.duplicates.len() {
                        1 => "One pair of recordings holds the same drive:",
                        count => { (count) " pairs of recordings hold the same drive:" }
                    }
                }
                ul {
                    @for pair in found.inspection.duplicates.iter().take(MAX_LISTED) {
                        li { (dataset.recordings[pair.one].name) " and " (dataset.recordings[pair.other].name) }
                    }
                }
            }
            p.soft {
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
                    "To trees that were not trained on them, these recordings look like another surface (confident \
                     learning; Northcutt and others, 2021). Some of them may only be difficult: check each recording \
                     before you move it."
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
                @if suspects.len() > MAX_LISTED { p.soft { (suspects.len() - MAX_LISTED) " more are in the JSON \
                                                                                          output (--json)." } }
                div.charts { @for one in suspects.iter().take(MAX_CHARTS) { (self.stretch_chart(one)) } }
            }
        }
    }

    /// A chart of the middle window of a suspected stretch.
    pub(super) fn stretch_chart(&self, one: &LabelledStretch) -> Markup {
        let Some(window) = one.windows.get(one.windows.len() / 2) else { return html! {} };
        let chart = window_chart(self.dataset, *window, format!("A window of {}", one.recording));
        html! { div { p.caption { b { (one.recording) } ": labelled " (one.label) ", looks like " (one.looks_like) } (chart.svg()) } }
    }
}
