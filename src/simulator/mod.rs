//! Simulated drives, for tests, demonstrations and a first training without a robot.
//!
//! A small physical model, not a recording: what a model scores on it says nothing about a real robot.

pub mod dataset;
pub mod drive;
pub mod surface;
pub mod wire;
