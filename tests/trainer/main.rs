//! The trainer, run as its user runs it and held against numbers from Keras: one program of tests, so that all of it is linked once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test, all of it")]

mod diagnose;
mod keras;
mod keras_parts;
#[path = "../support/mod.rs"]
mod support;
mod train;
mod walkthrough;
