//! A trained model, with everything that the report and the model card say about it.

use std::collections::{BTreeMap, BTreeSet};

use super::calibration::Calibration;
use super::ensemble::Ensemble;
use super::member::Member;
use super::out_of_fold::OutOfFold;
use crate::model::card::Scores;
use crate::model::validation_choice::ValidationChoice;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::network::Network;
use crate::train::optimize::schedule::Schedule;
use crate::train::options::FitOptions;
use crate::train::rehearsal::RehearsalWindows;

/// A trained model.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    /// Every setting, with those filled in that follow from the recordings.
    pub options: FitOptions,
    /// The networks, joined into one model and calibrated.
    pub ensemble: Ensemble,
    /// How each network was trained, in the order of the ensemble.
    pub members: Vec<Member>,
    /// Networks that answer held-out windows beside those of the model, so that these are answered by several
    /// networks, as the model answers a new recording; see [`companions`](super::companions). Empty if the settings
    /// turn calibration off, for a single network, and if training was interrupted.
    pub companions: Vec<Companion>,
    /// The answers to held-out windows.
    pub out_of_fold: OutOfFold,
    /// What calibration does to the confidence; `None` if the settings turn it off, training was interrupted, or
    /// fewer than two groups of recordings are held out.
    pub calibration: Option<Calibration>,
    /// Whether a search chose these settings by their score on the held-out windows.
    pub searched: bool,
    /// Warnings about the split, one sentence each.
    pub warnings: Vec<String>,
    /// How far training came if it was interrupted; `None` if it came to its end.
    pub interrupted: Option<Interruption>,
}

/// How far an interrupted training came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Interruption {
    /// The last complete epoch of the last network, from 1; 0 if there was none.
    pub epoch: usize,
    /// The epochs that each network was to be trained for.
    pub epochs: usize,
    /// The last network that was trained for at least an epoch, from 1.
    pub network: usize,
    /// The number of networks that were to be trained.
    pub networks: usize,
}

impl std::fmt::Display for Interruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { epoch, epochs, network, networks } = self;
        write!(f, "epoch {epoch} of {epochs}")?;
        if *networks > 1 { write!(f, " of network {network} of {networks}") } else { Ok(()) }
    }
}

/// A network that was trained for calibration only and is not part of the model.
#[derive(Clone, Debug)]
pub(crate) struct Companion {
    /// The network, calibrated as the model is.
    pub network: Network,
    /// Which windows it was trained on, and which it leaves out.
    pub split: Split,
}

impl Trained {
    /// What the held-out recordings were used for besides the scores. The scores are only those of new recordings
    /// if this is empty.
    pub(crate) fn validation_chose(&self) -> Vec<ValidationChoice> {
        let FitOptions { patience, schedule, .. } = self.options;
        let is_validated = !self.out_of_fold.windows.is_empty();
        let choices = [
            (patience > 0, ValidationChoice::Epoch),
            (schedule == Schedule::Plateau, ValidationChoice::LearningRate),
            (self.searched, ValidationChoice::Settings),
        ];
        choices.into_iter().filter(|(chose, _)| *chose && is_validated).map(|(_, choice)| choice).collect()
    }

    /// The windows that some network of the model was trained on, ascending.
    pub(crate) fn training(&self) -> Vec<usize> {
        let windows = self.members.iter().flat_map(|member| member.split.training.iter().copied());
        windows.collect::<BTreeSet<usize>>().into_iter().collect()
    }

    /// The training windows that the model's file keeps for a refit, as many as the settings say.
    pub(crate) fn rehearsal(&self, dataset: &Dataset) -> RehearsalWindows {
        RehearsalWindows::choose(dataset, &self.training(), self.options.rehearsal_windows)
    }

    /// Actual against predicted labels of the held-out windows.
    pub(crate) fn window_confusion(&self, dataset: &Dataset) -> Confusion {
        self.out_of_fold.confusion(dataset, |_| true)
    }

    /// The scores of each part of the recordings that a network of the model leaves out, answered as in
    /// [`OutOfFold`]. Networks without held-out windows are missing.
    pub(crate) fn fold_scores(&self, dataset: &Dataset) -> Vec<Scores> {
        let scores = |member| self.out_of_fold.confusion(dataset, |other| other == member).scores();
        (0..self.members.len()).map(scores).filter(|scores| scores.accuracy.is_finite()).collect()
    }

    /// The recordings with held-out windows, as indices in the dataset, each with the networks and companions
    /// that were not trained on it.
    pub(crate) fn held_out_recordings(&self, dataset: &Dataset) -> BTreeMap<usize, Vec<&Network>> {
        let members = self.members.iter().map(|member| &member.split).zip(self.ensemble.members());
        let companions = self.companions.iter().map(|companion| (&companion.split, &companion.network));
        let mut recordings: BTreeMap<usize, Vec<&Network>> = BTreeMap::new();
        for (split, network) in members.chain(companions) {
            let held_out: BTreeSet<usize> =
                split.validation.iter().map(|window| dataset.recording_of_window[*window]).collect();
            held_out.into_iter().for_each(|recording| recordings.entry(recording).or_default().push(network));
        }
        recordings
    }
}
