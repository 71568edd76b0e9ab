//! The scores of a training in other sessions than those that it was trained on, and later than these.
//!
//! A held-out recording that was made between recordings that were trained on is easier than one of another day, so
//! the scores by recording are those of the same sitting. To measure the others, further networks are trained with
//! the same settings, and extra trees are grown beside them. They are only trained where there is something to learn:
//! from earlier to later if the recordings have start times, and by session if a surface was recorded in several.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use crate::model::card::{Scores, ScoresWithTrees};
use crate::score::Confusion;
use crate::train::baseline::trees_of_splits;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::fit::context::{TrainingContext, pool};
use crate::train::fit::cross_validation::score_splits;
use crate::train::fit::epoch::{Epoch, FitError};
use crate::train::fit::trained::Trained;

/// The maximum number of networks that are trained for the scores by session.
const SESSION_PARTS: usize = 3;

/// A way to hold out recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldOut {
    /// Recordings from among those trained on.
    #[serde(rename = "windows")]
    Recordings,
    /// The last recordings of each surface.
    Later,
    /// Whole sessions.
    Session,
}

/// The scores on recordings that are held out in one way. Each window is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct TimeScore {
    #[serde(flatten)]
    pub scores: ScoresWithTrees,
    /// The number of held-out recordings, and of surfaces among their windows.
    pub recordings: usize,
    pub surfaces: usize,
}

/// The scores in other sessions and later.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TimeScores {
    /// From earlier to later; `None` if it was not measured.
    pub later: Option<TimeScore>,
    /// By session; `None` if it was not measured.
    pub session: Option<TimeScore>,
    /// What cannot be measured, and why, one sentence each.
    pub warnings: Vec<String>,
}

impl TimeScores {
    /// The way of holding out recordings with the lowest balanced accuracy of the network, and that score.
    /// `by_recording` is the one by recording. This is what to expect at another time.
    pub(crate) fn lowest(&self, by_recording: f64) -> (HeldOut, f64) {
        let score = |score: Option<TimeScore>| score.map(|score| score.scores.network.balanced_accuracy);
        let others = [(HeldOut::Session, score(self.session)), (HeldOut::Later, score(self.later))];
        let all = others.into_iter().filter_map(|(held_out, score)| Some((held_out, score?)));
        let all = all.chain([(HeldOut::Recordings, by_recording)]).filter(|(_, score)| score.is_finite());
        all.min_by(|(_, one), (_, other)| one.total_cmp(other)).unwrap_or((HeldOut::Recordings, by_recording))
    }

    /// Whether more than the score by recording was measured.
    pub(crate) fn is_measured(&self) -> bool {
        self.later.is_some() || self.session.is_some()
    }
}

/// The splits that have to be trained for the scores in other sessions and later.
#[derive(Clone, Debug)]
pub(crate) struct TimeSplits {
    later: Vec<Split>,
    session: Vec<Split>,
    /// Whether recordings are grouped by session, so that the scores by recording are those by session.
    is_grouped: bool,
}

impl TimeSplits {
    /// The splits for a model of `members` networks. Fewer networks than the model has are trained for the scores by
    /// session.
    pub(crate) fn of(dataset: &Dataset, members: usize) -> Self {
        let session = Split::by_session(dataset, members.clamp(1, SESSION_PARTS));
        let is_grouped = !session.is_empty() && members > 1 && is_grouped_by_session(dataset);
        Self {
            later: Split::later(dataset).into_iter().collect(),
            session: if is_grouped { Vec::new() } else { session },
            is_grouped,
        }
    }

    /// The number of networks to train.
    pub(crate) fn networks(&self) -> usize {
        self.later.len() + self.session.len()
    }

    /// Trains the networks and scores them. `by_recording` are the scores of `trained`, and of extra trees, on its
    /// held-out windows. The warnings are empty. What was interrupted is missing.
    ///
    /// # Errors
    /// [`FitError`] if the loss is not finite, or the threads cannot be started.
    pub(crate) fn measure(
        &self,
        context: &TrainingContext<'_>,
        trained: &Trained,
        trees: Option<Scores>,
    ) -> Result<TimeScores, FitError> {
        let dataset = context.dataset;
        let session = if self.is_grouped {
            let windows = &trained.out_of_fold.windows;
            Some(score(dataset, windows, &trained.window_confusion(dataset), trees))
        } else {
            of_splits(context, &self.session, 0)?
        };
        let later = of_splits(context, &self.later, self.session.len())?;
        Ok(TimeScores { later, session, warnings: Vec::new() })
    }
}

/// The scores of networks that are trained on these splits, the first of which is number `first` for the progress.
/// `None` without a split, or if it was interrupted.
fn of_splits(
    context: &TrainingContext<'_>,
    splits: &[Split],
    first: usize,
) -> Result<Option<TimeScore>, FitError> {
    let TrainingContext { options, dataset, stop, .. } = *context;
    if splits.is_empty() || stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let progress = |network: usize, epoch: &Epoch| (context.progress)(first + network, epoch);
    let Some(confusion) = score_splits(&TrainingContext { progress: &progress, ..*context }, splits)? else {
        return Ok(None);
    };
    let all: Vec<&Split> = splits.iter().collect();
    let grow = || trees_of_splits(dataset, &all, options.seed, stop);
    let trees = pool(options.threads)?.install(grow);
    let windows: Vec<usize> = splits.iter().flat_map(|split| split.validation.iter().copied()).collect();
    Ok(Some(score(dataset, &windows, &confusion, trees.map(|trees| trees.scores()))))
}

/// The scores of a network on these held-out windows, and of trees on the same.
fn score(dataset: &Dataset, windows: &[usize], network: &Confusion, trees: Option<Scores>) -> TimeScore {
    let recordings: BTreeSet<usize> =
        windows.iter().map(|window| dataset.recording_of_window[*window]).collect();
    let counts = dataset.count(windows.iter().copied());
    TimeScore {
        scores: ScoresWithTrees { network: network.scores(), extra_trees: trees },
        recordings: recordings.len(),
        surfaces: counts.iter().filter(|count| **count > 0).count(),
    }
}

/// Whether all recordings of each session are of one group, so that whole sessions are held out in any case.
fn is_grouped_by_session(dataset: &Dataset) -> bool {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for recording in &dataset.recordings {
        let Some(session) = &recording.session else { return false };
        groups.entry(session).or_default().insert(&recording.group);
    }
    groups.values().all(|groups| groups.len() == 1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::signal::Time;
    use crate::train::fit::cross_validation::cross_validate;
    use crate::train::options::FitOptions;
    use crate::train::tests::sine_waves;

    /// Sine waves in two sessions: the first four recordings of each label, and the others, an hour apart each. In the
    /// second session, every label looks like the one before it did in the first.
    fn drifting() -> Dataset {
        let mut dataset = sine_waves(3, 8, 6);
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            let time = Time::from_seconds(1.7e9 + 3600.0 * (index % 8) as f64).unwrap();
            recording.span = Some([time, time]);
            recording.session = Some(if index % 8 < 4 { "morning" } else { "evening" }.into());
        }
        for window in 0..dataset.len() {
            if dataset.recording_of_window[window] % 8 >= 4 {
                dataset.labels[window] = (dataset.labels[window] + 1) % 3;
            }
        }
        dataset
    }

    /// The scores of a short training: by recording, and in time. `stopped` is whether it is interrupted before the
    /// latter.
    fn measured(dataset: &Dataset, stopped: bool) -> (Trained, TimeScores, usize) {
        let options =
            FitOptions { hidden: Some(8), epochs: Some(8), calibrate: false, ..FitOptions::default() };
        let options = FitOptions { folds: Some(3), learning_rate: 1e-2, ..options }.resolved(dataset);
        let (stop, progress) = (AtomicBool::new(false), |_: usize, _: &Epoch| {});
        let context = TrainingContext { options: &options, dataset, stop: &stop, progress: &progress };
        let trained = cross_validate(&context).unwrap();
        stop.store(stopped, Ordering::Relaxed);
        let splits = TimeSplits::of(dataset, trained.members.len());
        let scores = splits.measure(&context, &trained, None).unwrap();
        (trained, scores, splits.networks())
    }

    #[test]
    fn surfaces_that_change_between_sessions_are_not_recognised_in_another_session_or_later() {
        let dataset = drifting();
        let (_, scores, networks) = measured(&dataset, false);
        assert_eq!(networks, 3, "two sessions, and one from earlier to later");
        let (session, later) = (scores.session.unwrap(), scores.later.unwrap());
        assert_eq!((session.recordings, session.surfaces), (24, 3));
        assert_eq!((later.recordings, later.surfaces), (9, 3));
        for score in [session, later] {
            assert!(score.scores.network.balanced_accuracy < 0.4, "{score:?}");
            assert!(score.scores.extra_trees.unwrap().balanced_accuracy < 0.4, "{score:?}");
        }
        assert!(matches!(scores.lowest(0.9), (HeldOut::Session | HeldOut::Later, score) if score < 0.4));
        assert_eq!(scores.lowest(-0.1), (HeldOut::Recordings, -0.1));
        assert_ne!(scores.lowest(-f64::NAN).0, HeldOut::Recordings, "nothing was held out by recording");
        assert_eq!(measured(&dataset, true).1, TimeScores::default());
    }

    #[test]
    fn scores_by_groups_that_are_sessions_need_no_further_network() {
        let mut dataset = sine_waves(2, 4, 6);
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            recording.group = format!("day {}", index % 4);
            recording.session = Some(recording.group.clone());
        }
        let (trained, scores, networks) = measured(&dataset, false);
        assert_eq!((networks, scores.later), (0, None));
        let by_recording = trained.window_confusion(&dataset).scores();
        assert_eq!(scores.session.unwrap().scores.network, by_recording);
        let unknown = sine_waves(2, 4, 6);
        assert_eq!(TimeSplits::of(&unknown, 3).networks(), 0);
        assert_eq!(TimeScores::default().lowest(0.8), (HeldOut::Recordings, 0.8));
    }
}
