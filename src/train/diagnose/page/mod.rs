//! The report of a diagnosis as one HTML file that loads nothing else. It starts with what is wrong and what
//! to do; the evidence follows.
//!
//! - [`verdict`]: the findings, what to do, and how certain that is.
//! - [`before_after`]: the training run before and after.
//! - [`changes`]: the effect of each change, drawn by [`effect_chart`].
//! - [`recordings`]: the windows, the suspected labels, and whether more drives would help.
//! - For experts, at the end: [`curve`], the loss of the unchanged run, and how much of its fluctuation is normal;
//!   [`steps`], the range test and the sharpness around a spike; [`reach`], the scores that are within reach.

pub(crate) mod before_after;
pub(crate) mod changes;
pub(crate) mod curve;
pub(crate) mod effect_chart;
pub(crate) mod reach;
pub(crate) mod recordings;
pub(crate) mod steps;
pub(crate) mod verdict;

use std::path::PathBuf;

use maud::html;

use crate::train::data::dataset::Dataset;
use crate::train::diagnose::diagnosis::Diagnosis;
use crate::train::fit::epoch::Epoch;
use crate::train::report::elements::chart::ChartLine;
use crate::train::report::elements::document::document;

/// The report of a diagnosis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiagnosisPage<'a> {
    /// The result that the report shows.
    pub diagnosis: &'a Diagnosis,
    /// The windows that the run was diagnosed with.
    pub dataset: &'a Dataset,
    /// The recordings as the user named them, for the command that the report recommends.
    pub data: &'a [PathBuf],
}

impl DiagnosisPage<'_> {
    /// The report as an HTML document.
    pub(crate) fn html(&self) -> String {
        let body = html! {
            (self.verdict())
            (self.before_and_after())
            (self.changes())
            @if !self.diagnosis.findings.is_empty() { (self.conditions()) }
            (self.more_drives())
            (self.windows())
            (self.suspects())
            h2 { "For experts" }
            p.soft {
                "Losses are cross-entropies in nats: 0 is the loss of a network that is always certain and correct, \
                 and guessing among "
                (self.dataset.card.labels.len()) " surfaces has " (format!("{:.2}", (self.dataset.card.labels.len() as f64).ln())) "."
            }
            (self.curve())
            (self.normal_fluctuation())
            (self.before_and_after_figures())
            (self.changes_of_loss())
            (self.range_test())
            (self.spike())
            (self.reachable_scores())
        };
        document("underfoot: why a training run misbehaves", &body)
    }
}

/// A line of a chart over the epochs. Epochs for which `of` returns `None` have no point.
fn line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> ChartLine {
    let points = history.iter().filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?))).collect();
    ChartLine { name: name.into(), colour, faint: false, points }
}

/// A difference of shares in percentage points, with its sign.
fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}
