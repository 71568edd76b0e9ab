//! The parts that the page of `fit` and the page of `diagnose` are made of.
//!
//! - [`document`] is the HTML page around all of them with its style, and [`quoted`](shell_word::quoted) writes
//!   the names in a command that the page recommends.
//! - [`chart`] draws lines over an [`axis`]; [`window_chart`] draws one window.
//! - [`bars`] compares shares, [`confusion_table`] shows which labels are confused, and [`novelty_table`] how well
//!   unknown surfaces stand out.
//!
//! A page has no scripts and loads nothing, because a report has to work as a single file without a network. Its
//! colours come from the style, so they follow its light and dark schemes.

pub(crate) mod axis;
pub(crate) mod bars;
pub(crate) mod chart;
pub(crate) mod confusion_table;
pub(crate) mod document;
pub(crate) mod novelty_table;
pub(crate) mod shell_word;
pub(crate) mod window_chart;
