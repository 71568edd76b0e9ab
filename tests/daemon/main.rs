//! The daemon and its tools, run as their users run them: one program of tests, so that all of it is linked once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test, all of it")]

mod broker;
mod config;
mod fuzz;
mod home_assistant;
mod http;
mod logging;
mod package;
mod page;
mod quality;
mod record;
mod recordings;
mod reload;
mod replay;
mod runtime;
mod same;
mod serial;
mod service;
mod simulate;
mod sketch;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod watch;
