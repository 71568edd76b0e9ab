//! `underfoot demo`: the real pipeline on simulated robots, shown live.
//!
//! The samples go through a private MQTT broker if mosquitto is installed, and directly into the pipeline
//! otherwise. The [`board`] compares what the pipeline decides with the surface that each robot is really on.

pub(crate) mod board;
pub(crate) mod broker;
mod command;
mod pipeline;
mod robots;

pub use self::command::DemoArgs;
