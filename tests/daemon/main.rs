//! Tests of the daemon and its tools, run as users run them. They are a single test program, so that the
//! library is linked only once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

mod broker;
mod broker_faults;
mod channels;
mod config;
mod demo;
mod fleet;
mod fuzz;
mod home_assistant;
mod http;
mod labels;
mod logging;
mod mcap_files;
mod nats;
mod nodes;
mod novel_recordings;
mod novelty;
mod package;
mod page;
mod pipes;
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
