//! The page of a diagnosis: one HTML file that needs nothing else. What is wrong and what to do stand first; the evidence is below.

mod changes;
mod curve;
mod recordings;
mod verdict;

use std::path::PathBuf;

use maud::html;

use super::diagnosis::Diagnosis;
use crate::train::dataset::Dataset;
use crate::train::fit::Epoch;
use crate::train::report::chart::Line;
use crate::train::report::document;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What was found out.
    pub diagnosis: &'a Diagnosis,
    /// The windows.
    pub dataset: &'a Dataset,
    /// The recordings, as they were named.
    pub data: &'a [PathBuf],
}

impl Page<'_> {
    /// The page.
    pub fn html(&self) -> String {
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

fn line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> Line {
    let points = history.iter().filter_map(|epoch| Some((epoch.epoch as f64, of(epoch)?))).collect();
    Line { name: name.into(), colour, faint: false, points }
}

fn share_line(name: &str, colour: usize, history: &[Epoch], of: &dyn Fn(&Epoch) -> Option<f64>) -> Line {
    let line = line(name, colour, history, of);
    let count = history.len().max(1) as f64;
    Line {
        points: line.points.iter().map(|(epoch, value)| (100.0 * epoch / count, *value)).collect(),
        ..line
    }
}

fn points(share: f64) -> String {
    format!("{:+.1}", 100.0 * share)
}
