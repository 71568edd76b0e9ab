//! What trainings share: settings, windows, the stop flag and the receiver of progress.

use std::sync::atomic::AtomicBool;

use super::epoch::{Epoch, FitError};
use crate::train::data::dataset::Dataset;
use crate::train::options::FitOptions;

/// What several networks are trained with.
#[derive(Clone, Copy)]
pub(crate) struct TrainingContext<'a> {
    /// Every setting, with those that follow from the recordings filled in; see [`FitOptions::resolved`].
    pub options: &'a FitOptions,
    /// The windows.
    pub dataset: &'a Dataset,
    /// Once it is set, training ends at the next batch.
    pub stop: &'a AtomicBool,
    /// Told each epoch, with the network's number.
    pub progress: &'a (dyn Fn(usize, &Epoch) + Sync),
}

/// Starts a pool of so many threads, 0 for one a core.
///
/// # Errors
/// [`FitError::Threads`].
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool, FitError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|why| FitError::Threads { threads, why: why.to_string() })
}
