//! Simulated drives, for tests, demonstrations and a first training without a robot.
//!
//! A small physical model, not a recording: what a model scores on it says nothing about a real robot.

pub(crate) mod dataset;
pub(crate) mod drive;
pub(crate) mod surface;
pub(crate) mod wire;
