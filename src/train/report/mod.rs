//! What a training run leaves beside its model: a folder with its settings, its history, its scores and a
//! page.
//!
//! - [`run_folder`] names the files and writes the folder, so that there is never half of one; `run_scores`
//!   makes its `scores.json`.
//! - [`fit_report`] is the page, `report.html`: one HTML file that loads nothing else. It is for people who
//!   run robots: what the numbers mean comes first, in words, and the evidence below. Each part of the page
//!   has a file of its own here: `summary`, `learning_curves`, `confusion_table`, `reliability_diagram`,
//!   `recordings` and `worst_windows`.
//! - [`document`](document()), [`chart`] and [`percent`] also serve the page of `underfoot-train diagnose`.
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
mod worst_windows;

pub(super) use self::document::{document, percent};
