//! What several training runs share: settings, windows, the stop flag, the progress callback and a thread
//! pool.

use std::sync::atomic::AtomicBool;

use super::epoch::{Epoch, FitError};
use crate::train::data::dataset::Dataset;
use crate::train::options::FitOptions;

/// Everything that a training run needs besides its split. Copies are cheap, because all fields are
/// references.
#[derive(Clone, Copy)]
pub(crate) struct TrainingContext<'a> {
    /// Every setting, after [`FitOptions::resolved`] has filled in those that follow from the recordings.
    pub options: &'a FitOptions,
    /// The labelled windows, both for training and held out; a [`Split`](crate::train::data::split::Split)
    /// says which are which.
    pub dataset: &'a Dataset,
    /// Once this is set, training ends before the next batch.
    pub stop: &'a AtomicBool,
    /// Called after each epoch with the index of the network, from 0, and the epoch's figures.
    pub progress: &'a (dyn Fn(usize, &Epoch) + Sync),
}

/// Starts a thread pool; 0 threads means one for each core.
///
/// # Errors
/// [`FitError::Threads`] if the system does not start the threads.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, FitError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|why| FitError::Threads { threads, why: why.to_string() })
}
