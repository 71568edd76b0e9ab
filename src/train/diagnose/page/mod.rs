//! The page of a diagnosis: one HTML file that needs nothing else. What is wrong and what to do stand first; the evidence is below.

pub(crate) mod changes;
pub(crate) mod curve;
pub(crate) mod recordings;
pub(crate) mod verdict;

use std::path::PathBuf;

use maud::html;

use crate::train::data::dataset::Dataset;
use crate::train::diagnose::diagnosis::Diagnosis;
use crate::train::fit::epoch::Epoch;
use crate::train::report::chart::ChartLine;
use crate::train::report::document;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiagnosisPage<'a> {
    /// What was found out.
    pub diagnosis: &'a Diagnosis,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The recordings, as they were named.
    pub data: &'a [PathBuf],
}

impl DiagnosisPage<'_> {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let body = html! {
            (self.verdict())
            (self.curve())
            (self.normal())
            (self.changes())
            (self.steps())
            (self.windows())
            (self.suspects())
            (self.reach())
        };
        document("underfoot: why a training misbehaves", &body)
    }
}

fn line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> ChartLine {
    let points = history.iter().filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?))).collect();
    ChartLine { name: name.into(), colour, faint: false, points }
}

fn share_line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> ChartLine {
    let line = line(name, colour, history, of);
    let count = history.len().max(1) as f64;
    ChartLine {
        points: line.points.iter().map(|(epoch, value)| (100.0 * epoch / count, *value)).collect(),
        ..line
    }
}

fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}
