//! Experiments: the training run is repeated with one thing changed at a time, over several seeds.
//!
//! - [`change`]: the changes that can be tried, with a description of each.
//! - [`plan`]: which changes apply to a training run, and the experiment for each.
//! - [`experiment`]: one training run with its settings and windows; [`outcome`]: its figures.
//! - [`runner`]: runs several experiments over several seeds.
//! - [`effect`]: what a change did, compared seed by seed with the unchanged run; [`trial`]: a change with its
//!   effect.
//! - [`round`]: plans and runs all experiments within the time available; [`round_result`]: what was measured.

pub(crate) mod change;
#[cfg(test)]
mod coverage;
pub(crate) mod effect;
pub(crate) mod experiment;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod round;
pub(crate) mod round_result;
pub(crate) mod runner;
pub(crate) mod trial;
