//! The tools beside the daemon.
//!
//! - `replay`: runs recordings through a model,
//! - `record`: records samples for training,
//! - `simulate`: produces samples of a simulated robot,
//! - `demo`: shows the pipeline at work on simulated robots,
//! - `watch`: shows the surfaces of all robots live,
//! - `forget`: removes retired robots from the broker,
//! - `model`: prints and writes model cards.

pub(crate) mod broker;
pub mod demo;
pub mod forget;
pub mod model;
pub mod record;
pub mod replay;
pub mod simulate;
pub mod watch;
