//! The commands of `underfoot-train`: `fit`, `refit`, `diagnose`, `evaluate`, `topics` and `bench`.
//!
//! Each command has its arguments, a function `run` that carries it out, and what it prints for people on
//! stderr. Results for programs go to stdout. The work itself is in [`train`](crate::train).

mod arguments;
pub mod bench;
mod data_report;
pub mod diagnose;
pub mod evaluate;
pub mod fit;
mod gain;
pub mod interrupt;
mod novelty;
mod progress;
pub mod refit;
mod scores;
pub mod topics;
