//! A trained model, with everything that the report and the model card say about it.

use std::collections::BTreeMap;

use super::calibration::Calibration;
use super::ensemble::Ensemble;
use super::member::{Member, confusion};
use crate::decision::{DecisionFilter, DecisionOptions};
use crate::model::card::Scores;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::options::FitOptions;

/// A trained model.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    /// Every setting, with those filled in that follow from the recordings.
    pub options: FitOptions,
    /// The networks, joined into one model and calibrated.
    pub ensemble: Ensemble,
    /// How each network was trained, in the order of the ensemble.
    pub members: Vec<Member>,
    /// Predictions of held-out windows.
    pub out_of_fold: OutOfFold,
    /// How the confidence was calibrated; `None` if no windows are held out or the settings turn calibration
    /// off.
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

/// Predictions of held-out windows, each by the network that was not trained on it, in the order of the
/// windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutOfFold {
    /// The windows' indices in the dataset, `[N]`.
    pub windows: Vec<usize>,
    /// The index of the network that predicted each window, `[N]`.
    pub members: Vec<usize>,
    /// Probabilities, row-major [N, K], calibrated as the exported model is.
    pub probabilities: Vec<f32>,
}

impl Trained {
    /// Whether the held-out windows chose the settings or the epoch. The scores are then validation scores,
    /// which are higher than those on new recordings.
    pub(crate) fn chosen_on_validation(&self) -> bool {
        self.searched || self.options.patience > 0
    }

    /// Actual against predicted labels of the held-out windows.
    pub(crate) fn window_confusion(&self, dataset: &Dataset) -> Confusion {
        self.out_of_fold.confusion(dataset, |_| true)
    }

    /// The scores of each network on its own held-out windows. Networks without held-out windows are missing.
    pub(crate) fn fold_scores(&self, dataset: &Dataset) -> Vec<Scores> {
        let scores = |member| self.out_of_fold.confusion(dataset, |other| other == member).scores();
        (0..self.members.len()).map(scores).filter(|scores| scores.accuracy.is_finite()).collect()
    }

    /// Actual labels against the surfaces that the decision filter with its default settings decides on,
    /// recording by recording.
    ///
    /// This is what the daemon publishes, except that the filter is not reset at gaps. In a recording of a
    /// single surface the surface never changes, so the score on such recordings is too high.
    pub(crate) fn decision_confusion(&self, dataset: &Dataset) -> Confusion {
        let mut confusion = Confusion::new(&dataset.card.labels);
        let classes = dataset.card.labels.len();
        let mut filters: BTreeMap<usize, DecisionFilter> = BTreeMap::new();
        let rows = self.out_of_fold.probabilities.chunks_exact(classes);
        for (window, probabilities) in self.out_of_fold.windows.iter().zip(rows) {
            let filter = filters.entry(dataset.recording_of_window[*window]).or_insert_with(|| {
                DecisionFilter::new(DecisionOptions::default(), &dataset.card, dataset.card.hop)
            });
            let decision = filter.step(dataset.windows[*window].time, probabilities);
            confusion.add(dataset.labels[*window], decision.surface);
        }
        confusion
    }
}

impl OutOfFold {
    /// Actual against predicted labels of the windows that the chosen networks predicted.
    fn confusion(&self, dataset: &Dataset, chosen: impl Fn(usize) -> bool) -> Confusion {
        let classes = dataset.card.labels.len();
        let rows = self.windows.iter().zip(&self.members).zip(self.probabilities.chunks_exact(classes));
        let rows: Vec<_> = rows.filter(|((_, member), _)| chosen(**member)).collect();
        let probabilities: Vec<f32> = rows.iter().flat_map(|(_, row)| *row).copied().collect();
        let labels = rows.iter().map(|((window, _), _)| dataset.labels[**window]);
        confusion(&dataset.card.labels, &probabilities, labels)
    }
}
