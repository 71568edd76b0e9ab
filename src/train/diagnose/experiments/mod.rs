//! Experiments: the training is repeated with one thing changed at a time, over several seeds.
//!
//! - [`change`]: the changes that can be tried, with their words.
//! - [`plan`]: which changes apply to a training, and the experiment for each.
//! - [`experiment`]: one training with its settings and windows, and how it is run; [`outcome`]: its figures.
//! - [`runner`]: runs several experiments over several seeds.
//! - [`effect`]: what a change did, compared seed by seed with the unchanged training.
//! - [`trial`]: plans, runs and compares all changes within the time that there is.

pub(crate) mod change;
pub(crate) mod effect;
pub(crate) mod experiment;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod runner;
pub(crate) mod trial;
