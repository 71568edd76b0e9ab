//! The commands of `underfoot-train`: `fit`, `diagnose`, `evaluate` and `bench`.
//!
//! Each command has its arguments, a function `run` that carries it out, and what it prints for people on
//! stderr. Results for programs go to stdout. The work itself is in [`train`](crate::train).

mod arguments;
pub mod bench;
mod data_report;
pub mod diagnose;
pub mod evaluate;
pub mod fit;
pub mod interrupt;
mod novelty;
mod progress;
mod scores;
