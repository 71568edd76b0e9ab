//! What is to be diagnosed, and how long that may take.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::epoch::FitError;
use crate::train::fit::trainer::Trainer;
use crate::train::options::FitOptions;

/// A training run that misbehaves, with its recordings and the time that the diagnosis may take.
#[derive(Clone, Copy)]
pub(crate) struct DiagnosisRequest<'a> {
    /// The settings that misbehave. Every setting is filled in, and they train a single network.
    pub options: &'a FitOptions,
    /// Whether the user chose the channels; otherwise they are all that the recordings have.
    pub channels_given: bool,
    /// The windows, cut at the hop of `options`.
    pub dataset: &'a Dataset,
    /// The same recordings cut at the default hop; `None` unless that is at most half of the hop of
    /// `dataset`.
    pub finer: Option<&'a Dataset>,
    /// The time that the diagnosis may take.
    pub budget: Duration,
    /// Once this is set, the diagnosis ends and returns what has been measured.
    pub stop: &'a AtomicBool,
    /// Called with a description at the start of each phase, and with `None` after each training run.
    pub progress: &'a (dyn Fn(Option<&str>) + Sync),
}

impl<'a> DiagnosisRequest<'a> {
    /// A trainer for these settings and windows, before its first epoch. It reports no progress.
    pub(crate) fn trainer<'b>(
        &self,
        options: &'b FitOptions,
        dataset: &'b Dataset,
        split: &Split,
    ) -> Trainer<'b>
    where
        'a: 'b,
    {
        let training = TrainingContext { options, dataset, stop: self.stop, progress: &|_, _| {} };
        Trainer::new(&training, split.clone(), 0)
    }

    /// Measures how many seconds one epoch takes on one thread.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn epoch_time(
        &self,
        options: &FitOptions,
        dataset: &Dataset,
        split: &Split,
    ) -> Result<f64, FitError> {
        pool(1)?.install(|| {
            let mut trainer = self.trainer(options, dataset, split);
            // The first epoch also allocates memory, so a second one is measured unless that would take long.
            let first = Instant::now();
            drop(trainer.epoch());
            let first = first.elapsed();
            if first > Duration::from_secs(1) {
                return Ok(first.as_secs_f64());
            }
            let second = Instant::now();
            drop(trainer.epoch());
            Ok(second.elapsed().as_secs_f64())
        })
    }
}

impl std::fmt::Debug for DiagnosisRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiagnosisRequest")
            .field("options", self.options)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
