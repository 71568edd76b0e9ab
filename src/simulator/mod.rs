//! Simulated drives, for tests, demonstrations and a first training run without a robot.
//!
//! The currents come from a small physical model of a robot ([`drive`]) on six surfaces ([`surface`]),
//! and are shared out to single motors in [`motors`].
//! [`dataset`] writes drives as recordings, and [`wire`] encodes them as a board would send them. The scores
//! of a model on simulated drives say nothing about a real robot.

mod axle;
pub(crate) mod dataset;
pub(crate) mod drive;
pub(crate) mod motors;
mod random_process;
mod robot;
pub(crate) mod surface;
pub(crate) mod wire;
