//! The windows in the forms that the experiments need: as given and without faults, with and without the reserved
//! recordings.

use std::collections::BTreeSet;

use super::change::Change;
use super::cleaning::{CleanedData, RecordingFault};
use super::experiment::Experiment;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::inspection::Inspection;
use crate::train::diagnose::request::DiagnosisRequest;
use crate::train::fit::epoch::FitError;
use crate::train::options::FitOptions;

/// The windows in every form.
#[derive(Debug)]
pub(crate) struct PreparedData {
    /// The recordings that choose nothing, by index.
    pub reserved: BTreeSet<usize>,
    /// The windows as they were given, with those of the reserved recordings.
    pub given_whole: CleanedData,
    /// The windows without faults, with those of the reserved recordings.
    pub cleaned_whole: CleanedData,
    /// The windows as they were given.
    pub given: CleanedData,
    /// The windows without faults.
    pub cleaned: CleanedData,
    /// The windows without each fault alone, in the order of the faults.
    pub without: Vec<CleanedData>,
    /// The windows without faults, cut at the default hop; `None` if the hop is about as small.
    pub finer: Option<Dataset>,
    /// The same with those of the reserved recordings.
    pub finer_whole: Option<Dataset>,
    /// Windows of `cleaned` with values far outside of all others, by index.
    pub outliers: BTreeSet<usize>,
}

impl PreparedData {
    pub(crate) fn new(
        request: &DiagnosisRequest<'_>,
        inspection: &Inspection,
        faults: &[RecordingFault],
        reserved: BTreeSet<usize>,
    ) -> Self {
        let dataset = request.dataset;
        let kept = dataset.windows_without(&reserved);
        let all: Vec<&RecordingFault> = faults.iter().collect();
        let without = |faults: &[&RecordingFault]| CleanedData::without(dataset, faults, inspection);
        let (given_whole, cleaned_whole) = (without(&[]), without(&all));
        let each = faults.iter().map(|fault| without(&[fault]).with_windows(&kept));
        // The windows to be dropped are numbered as in `dataset`, and nobody knows which of the finer ones they are.
        let drops_windows = faults.iter().any(|fault| !fault.untrained.is_empty());
        let finer_whole = request.finer.filter(|_| !drops_windows);
        let finer_whole = finer_whole.map(|finer| CleanedData::without(finer, &all, inspection).dataset);
        let finer = finer_whole.as_ref().map(|finer| finer.with_windows(&finer.windows_without(&reserved)));
        let outliers =
            kept.iter().enumerate().filter(|(_, window)| inspection.outlier_windows.contains(window));
        Self {
            given: given_whole.with_windows(&kept),
            cleaned: cleaned_whole.with_windows(&kept),
            without: each.collect(),
            outliers: outliers.map(|(index, _)| index).collect(),
            given_whole,
            cleaned_whole,
            finer,
            finer_whole,
            reserved,
        }
    }

    /// The given settings without the channels that are stuck.
    pub(crate) fn own_settings(&self, given: &FitOptions, faults: &[RecordingFault]) -> FitOptions {
        if !faults.iter().any(|fault| matches!(fault.change, Change::LiveChannels { .. })) {
            return given.clone();
        }
        let live = self.cleaned.dataset.card.channels.iter().map(|channel| channel.name.clone()).collect();
        FitOptions { channels: live, ..given.clone() }
    }

    /// The settings that `fit` has without flags, and how long one window takes with them in one epoch, in seconds.
    ///
    /// # Errors
    /// [`FitError::Threads`] if the threads cannot be started.
    pub(crate) fn default_settings(
        &self,
        request: &DiagnosisRequest<'_>,
    ) -> Result<(FitOptions, f64), FitError> {
        let dataset = self.finer.as_ref().unwrap_or(&self.cleaned.dataset);
        let given = request.options;
        let options = FitOptions {
            rate: given.rate,
            window: given.window,
            folds: Some(0),
            validation: given.validation,
            seed: given.seed,
            threads: given.threads,
            ..FitOptions::default()
        };
        let options = options.resolved(dataset);
        let split = Split::for_one(dataset, options.validation(), options.seed);
        let time = request.epoch_time(&options, dataset, &split)?.max(1e-5);
        Ok((options, time / split.training.len().max(1) as f64))
    }

    /// The run as it was and the run with the chosen settings, scored on the reserved drives or, without any, on
    /// those that each seed holds out. `chosen` are the settings with the time that one window takes in one epoch, and
    /// `own` is the same time for the run as it was; `finer` says whether the chosen settings are for the finer windows.
    pub(crate) fn sides<'a>(
        &'a self,
        given: &FitOptions,
        own: f64,
        chosen: (&FitOptions, f64),
        finer: bool,
    ) -> [Experiment<'a>; 2] {
        let held_out = (!self.reserved.is_empty()).then_some(&self.reserved);
        // Wrong labels score nothing on either side, but the run as it was is trained on them.
        let CleanedData { dataset, untrained, unscored } = &self.cleaned_whole;
        let before = Experiment::new(given.clone(), &self.given_whole.dataset, own);
        let before = Experiment { unscored: unscored.clone(), held_out, ..before };
        let (options, time) = chosen;
        let after = match self.finer_whole.as_ref().filter(|_| finer) {
            Some(finer) => Experiment::new(options.clone(), finer, time),
            None => Experiment {
                untrained: untrained.clone(),
                unscored: unscored.clone(),
                ..Experiment::new(options.clone(), dataset, time)
            },
        };
        [before, Experiment { held_out, ..after }]
    }
}
