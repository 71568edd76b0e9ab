//! Training: one network, several of them by cross-validation, and the search for settings.

pub(crate) mod calibration;
pub(crate) mod context;
pub(crate) mod cross_validation;
pub(crate) mod ensemble;
pub(crate) mod epoch;
pub(crate) mod member;
pub(crate) mod run_folder;
pub(crate) mod search;
pub(crate) mod trainer;
