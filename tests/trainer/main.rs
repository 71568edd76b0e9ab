//! Tests of the trainer: its commands, run as users run them, and its numbers, compared with Keras. They are
//! a single test program, so that the library is linked only once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

mod compare;
mod diagnose;
mod documents;
mod elsewhere;
mod keras;
mod keras_parts;
mod programs;
mod recordings;
mod references;
mod refit;
mod sessions;
mod stamp;
#[path = "../support/mod.rs"]
mod support;
mod train;
mod walkthrough;
mod without_a_robot;
