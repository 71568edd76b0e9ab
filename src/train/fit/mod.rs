//! Training: one network, several by cross-validation, and a search for better settings.
//!
//! From the inside out:
//! - [`trainer`] trains one network, epoch by epoch; `balance` decides how often each class occurs in an
//!   epoch and with which weight, `window_statistics` has what is computed once for each window.
//! - [`member`] runs a trainer to the end, with early stopping, and keeps the weights.
//! - [`cross_validation`] trains one member for each split, and [`companions`] that are not exported, and joins
//!   them into [`trained`]: an [`ensemble`] of the members, with answers to the held-out windows (`out_of_fold`)
//!   and the [`calibration`] of the confidence.
//! - [`search`] cross-validates different settings within a time budget and returns the best.
//!
//! The module reads and writes no files. [`export`](crate::train::export) writes the model and
//! [`report`](crate::train::report) the run folder.

mod balance;
pub(crate) mod calibration;
pub(crate) mod companions;
pub(crate) mod context;
pub(crate) mod cross_validation;
pub(crate) mod ensemble;
pub(crate) mod epoch;
pub(crate) mod member;
pub(crate) mod out_of_fold;
pub(crate) mod search;
pub(crate) mod trained;
pub(crate) mod trainer;
mod window_statistics;
