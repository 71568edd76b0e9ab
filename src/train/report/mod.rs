//! What a training run writes beside its model: a folder with its settings, its history, its scores and a
//! report.
//!
//! - [`run_folder`] names the files and writes the folder, so that it is always complete; `run_scores` writes
//!   its `scores.json`.
//! - [`fit_report`] is the page, `report.html`: one HTML file that loads nothing else. It is for people who
//!   run robots: it begins with how good the model is, compared with what, and what to do next, which is decided
//!   in `judgement` and `next_step` and written by `summary`; the evidence follows. Each part of the page has a file of its own
//!   here.
//! - [`elements`] are the parts that the page of `underfoot-train diagnose` is made of, too.
//!
//! Nothing here trains or predicts; see [`fit`](crate::train::fit).

pub(crate) mod elements;
pub(crate) mod fit_report;
mod judgement;
pub(crate) mod learning_curves;
mod next_step;
mod recordings;
mod reliability_diagram;
pub(crate) mod run_folder;
mod run_scores;
mod scores_table;
mod summary;
pub(crate) mod surfaces;
mod time_table;
mod worst_windows;
