//! The experiments that show what the faults of the recordings do.

use std::collections::BTreeSet;

use super::change::Change;
use super::cleaning::{CleanedData, RecordingFault};
use super::experiment::Experiment;
use super::plan::Base;
use crate::train::diagnose::cause::Cause;
use crate::train::options::FitOptions;

/// What an experiment of a round is for.
#[derive(Clone, Debug)]
pub(super) enum ExperimentRole {
    /// The unchanged run.
    Control,
    /// The unchanged run on the recordings as they were given.
    Given,
    /// The unchanged run on the recordings as they were given, in which the windows with a suspected label are not
    /// scored.
    GivenUnscored,
    /// The run without the fault with this index.
    Fault(usize),
    /// A change, the cause that it would fix, and whether it is expected to help.
    Change(Change, Option<Cause>, bool),
}

/// The faults of the recordings, with the data as it was given and without each of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultTrials<'a> {
    pub given: &'a CleanedData,
    pub faults: &'a [RecordingFault],
    /// The data without each fault, in the order of `faults`.
    pub without: &'a [CleanedData],
}

impl<'a> FaultTrials<'a> {
    /// The runs that show what each fault does.
    pub(super) fn experiments(&self, base: &Base<'a>) -> Vec<(ExperimentRole, Experiment<'a>)> {
        if self.faults.is_empty() {
            return Vec::new();
        }
        let of = |data: &'a CleanedData| {
            let names = data.dataset.card.channels.iter().map(|channel| channel.name.clone()).collect();
            let options = FitOptions { channels: names, ..base.options.clone() };
            let experiment = Experiment::new(options, &data.dataset, base.window_time);
            let (untrained, unscored) = (data.untrained.clone(), data.unscored.clone());
            Experiment { untrained, unscored, ..experiment }
        };
        let mut experiments = vec![(ExperimentRole::Given, of(self.given))];
        let unscored: BTreeSet<usize> =
            self.faults.iter().zip(self.without).flat_map(|(_, data)| data.unscored.clone()).collect();
        if !unscored.is_empty() {
            experiments.push((ExperimentRole::GivenUnscored, Experiment { unscored, ..of(self.given) }));
        }
        if self.faults.len() > 1 {
            let without = self.without.iter().enumerate();
            experiments.extend(without.map(|(index, data)| (ExperimentRole::Fault(index), of(data))));
        }
        experiments
    }
}
