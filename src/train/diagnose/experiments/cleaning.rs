//! The faults of the recordings that the inspection found, and the windows without them.
//!
//! These faults are facts about the recordings, whatever the network makes of them, so they are removed before any
//! setting is tried. Otherwise a fault of the recordings would hide a fault of the settings.

use std::collections::BTreeSet;

use super::change::Change;
use crate::train::data::dataset::Dataset;
use crate::train::diagnose::cause::Cause;
use crate::train::diagnose::inspection::Inspection;
use crate::train::diagnose::inspection::label_errors::LabelledStretch;
use crate::train::diagnose::inspection::overlap::inseparable_pairs;
use crate::train::diagnose::inspection::screening::{group_duplicates, stuck_windows};
use crate::train::diagnose::inspection::wrong_values::in_one_unit;

/// Label errors are a finding if at least this share of the stretches is suspected, and at least
/// [`MIN_SUSPECTED`] of them.
const SUSPECTED_SHARE: f64 = 0.04;
/// The minimum number of suspected stretches; see [`SUSPECTED_SHARE`].
const MIN_SUSPECTED: usize = 3;
/// And most of the stretches that look like another label do so clearly. Drives that differ from each other more than
/// the surfaces do look a little like many labels.
const CLEAR: f64 = 0.6;

/// One fault of the recordings, with what removes it.
#[derive(Clone, Debug)]
pub(crate) struct RecordingFault {
    pub cause: Cause,
    /// What removes the fault.
    pub change: Change,
    /// The windows to be dropped from training, by index.
    pub untrained: BTreeSet<usize>,
    /// The windows to be dropped from scoring, by index.
    pub unscored: BTreeSet<usize>,
}

/// The windows of recordings without the faults that were found.
#[derive(Clone, Debug)]
pub(crate) struct CleanedData {
    pub dataset: Dataset,
    /// The windows to be dropped from training, by index.
    pub untrained: BTreeSet<usize>,
    /// The windows to be dropped from scoring, by index.
    pub unscored: BTreeSet<usize>,
}

/// The faults of the recordings, at most one of each cause. The indices of windows are those of `dataset`.
pub(crate) fn faults(dataset: &Dataset, inspection: &Inspection) -> Vec<RecordingFault> {
    let mut faults = Vec::new();
    let fault = |cause, change| RecordingFault {
        cause,
        change,
        untrained: BTreeSet::new(),
        unscored: BTreeSet::new(),
    };
    if !inspection.mixed_units.is_empty() {
        faults.push(fault(Cause::MixedUnits, Change::OneUnit));
    }
    if !inspection.duplicates.is_empty() {
        faults.push(fault(Cause::LeakySplit, Change::GroupedDrives));
    }
    let (live, channels) = (&inspection.live, dataset.card.channels.len());
    if live.len() < channels {
        if live.is_empty() && channels == 1 {
            let untrained = stuck_windows(dataset, 0);
            faults
                .push(RecordingFault { untrained, ..fault(Cause::DeadChannel, Change::WithoutStuckWindows) });
        } else if !live.is_empty() {
            let names = live.iter().map(|channel| dataset.card.channels[*channel].name.clone()).collect();
            faults.push(fault(Cause::DeadChannel, Change::LiveChannels { names }));
        }
    }
    let suspects = suspects(inspection);
    if labels_are_wrong(suspects.len(), doubtful(inspection), inspection.stretches.len()) {
        let windows: BTreeSet<usize> = suspects.iter().flat_map(|stretch| stretch.windows.clone()).collect();
        let (untrained, unscored) = (windows.clone(), windows);
        faults.push(RecordingFault {
            untrained,
            unscored,
            ..fault(Cause::LabelErrors, Change::WithoutSuspects)
        });
    }
    faults
}

/// The stretches whose label is suspected to be wrong, without those of surfaces that cannot be told apart.
pub(crate) fn suspects(inspection: &Inspection) -> Vec<&LabelledStretch> {
    let pairs = inseparable_pairs(&inspection.stretches);
    let is_pair = |stretch: &LabelledStretch| {
        let (one, other) = (stretch.label.as_str(), stretch.looks_like.as_str());
        pairs.contains(&(one, other)) || pairs.contains(&(other, one))
    };
    inspection.stretches.iter().filter(|stretch| stretch.suspected && !is_pair(stretch)).collect()
}

/// How many stretches look more like another label than like their own.
pub(crate) fn doubtful(inspection: &Inspection) -> usize {
    inspection.stretches.iter().filter(|stretch| stretch.other > stretch.own).count()
}

/// Whether so many of the stretches are suspected that some labels are wrong. If most of them look like another
/// label, it is not possible to say which are wrong.
fn labels_are_wrong(suspected: usize, doubtful: usize, stretches: usize) -> bool {
    let share = suspected as f64 / stretches.max(1) as f64;
    let clear = suspected as f64 >= CLEAR * doubtful as f64;
    suspected >= MIN_SUSPECTED && share >= SUSPECTED_SHARE && clear && 2 * doubtful <= stretches
}

impl CleanedData {
    /// The windows without these faults. `dataset` has the recordings that were inspected, and may have other windows
    /// of them.
    pub(crate) fn without(dataset: &Dataset, faults: &[&RecordingFault], inspection: &Inspection) -> Self {
        let mut cleaned =
            Self { dataset: dataset.clone(), untrained: BTreeSet::new(), unscored: BTreeSet::new() };
        for fault in faults {
            match fault.change {
                Change::OneUnit => {
                    cleaned.dataset = in_one_unit(&cleaned.dataset).unwrap_or(cleaned.dataset);
                }
                Change::GroupedDrives => {
                    cleaned.dataset = group_duplicates(&cleaned.dataset, &inspection.duplicates);
                }
                _ => {}
            }
            cleaned.untrained.extend(&fault.untrained);
            cleaned.unscored.extend(&fault.unscored);
        }
        // The other faults name channels by their index, so channels are dropped last.
        if faults.iter().any(|fault| matches!(fault.change, Change::LiveChannels { .. })) {
            cleaned.dataset = cleaned.dataset.with_channels(&inspection.live);
        }
        cleaned
    }

    /// The same with only the windows with the indices `kept`, which are ascending.
    pub(crate) fn with_windows(&self, kept: &[usize]) -> Self {
        let renumbered = |windows: &BTreeSet<usize>| {
            let among = kept.iter().enumerate().filter(|(_, window)| windows.contains(window));
            among.map(|(index, _)| index).collect()
        };
        Self {
            dataset: self.dataset.with_windows(kept),
            untrained: renumbered(&self.untrained),
            unscored: renumbered(&self.unscored),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_errors_are_a_fault_where_some_drives_look_wrong_and_not_where_most_do() {
        assert!(labels_are_wrong(4, 5, 20) && labels_are_wrong(3, 3, 50));
        assert!(!labels_are_wrong(2, 2, 20), "a few drives may be odd ones");
        assert!(!labels_are_wrong(3, 3, 90), "three of ninety may be odd ones");
        assert!(!labels_are_wrong(4, 8, 36), "the drives are unlike each other");
        assert!(!labels_are_wrong(8, 12, 20), "nothing says which are wrong");
    }
}
