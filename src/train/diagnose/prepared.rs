//! The windows in the forms that the experiments need: as given and without faults, with and without the reserved
//! recordings.

use std::collections::BTreeSet;

use super::cleaning::{CleanedData, Fault};
use super::experiments::change::Change;
use super::inspection::Inspection;
use super::request::DiagnosisRequest;
use crate::train::data::dataset::Dataset;

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
    /// The windows without each fault alone; empty unless there are several.
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
        faults: &[Fault],
        reserved: BTreeSet<usize>,
    ) -> Self {
        let dataset = request.dataset;
        let kept = dataset.windows_without(&reserved);
        let all: Vec<&Fault> = faults.iter().collect();
        let without = |faults: &[&Fault]| CleanedData::without(dataset, faults, inspection);
        let (given_whole, cleaned_whole) = (without(&[]), without(&all));
        let each = faults.iter().map(|fault| without(&[fault]).with_windows(&kept));
        // The windows to be dropped are numbered as in `dataset`, and nobody knows which of the finer ones they are.
        let drops_windows = faults.iter().any(|fault| !fault.untrained.is_empty());
        let finer_whole = request.finer.filter(|_| !drops_windows).map(|finer| {
            let of_dataset: Vec<&Fault> =
                all.iter().filter(|fault| fault.untrained.is_empty()).copied().collect();
            CleanedData::without(finer, &of_dataset, inspection).dataset
        });
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

    /// Whether the faults change anything but the windows that count.
    pub(crate) fn drops_channels(faults: &[Fault]) -> bool {
        faults.iter().any(|fault| matches!(fault.change, Change::LiveChannels { .. }))
    }
}
