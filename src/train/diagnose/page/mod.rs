//! The report of a diagnosis as one HTML file that loads nothing else. It starts with what is wrong and what
//! to do; the evidence follows.
//!
//! - [`verdict`]: the findings, the recommended settings, and the training run before and after.
//! - [`curve`]: the loss of the unchanged run, and how much of its fluctuation is normal.
//! - [`changes`]: the effect of each change, the range test and the sharpness around a spike.
//! - [`recordings`]: the windows, the suspected labels, and the scores that are within reach.

pub(crate) mod changes;
pub(crate) mod curve;
pub(crate) mod recordings;
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
            (self.curve())
            (self.normal_fluctuation())
            (self.changes())
            (self.spike())
            (self.windows())
            (self.suspects())
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

/// Like [`line()`], but over the share of the epochs in percent, so that runs of different lengths can be
/// compared.
fn share_line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> ChartLine {
    let line = line(name, colour, history, of);
    let count = history.len().max(1) as f64;
    ChartLine {
        points: line.points.iter().map(|(epoch, value)| (100.0 * epoch / count, *value)).collect(),
        ..line
    }
}

/// A difference of shares in percentage points, with its sign.
fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}
