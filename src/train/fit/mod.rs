//! Training: one network, several of them by cross-validation, and the search for settings.

pub mod calibration;
pub mod context;
pub mod cross_validation;
pub mod ensemble;
pub mod epoch;
pub mod member;
pub mod run_folder;
pub mod search;
pub mod trainer;
