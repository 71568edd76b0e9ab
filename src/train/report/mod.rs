//! What a training run writes beside its model: a folder with its settings, its history, its scores and a
//! report.
//!
//! - [`run_folder`] names the files and writes the folder, so that it is always complete; `run_scores` writes
//!   its `scores.json`.
//! - [`fit_report`] is the page, `report.html`: one HTML file that loads nothing else. It is for people who
//!   run robots: it begins with what the numbers mean, in words; the evidence follows. Each part of the page
//!   has a file of its own here: `summary`, `learning_curves`, `confusion_table`, `reliability_diagram`,
//!   `recordings` and `worst_windows`.
//! - [`document`](document()), [`chart`], [`window_chart`] and [`percent`] also serve the page of
//!   `underfoot-train diagnose`.
//!
//! Nothing here trains or predicts; see [`fit`](crate::train::fit).

pub(crate) mod chart;
mod confusion_table;
mod document;
pub(crate) mod fit_report;
mod learning_curves;
mod recordings;
mod reliability_diagram;
pub(crate) mod run_folder;
mod run_scores;
mod summary;
pub(crate) mod window_chart;
mod worst_windows;

pub(super) use self::document::{document, percent};
