//! A model before and after a refit, on windows that the refit left out.

use std::collections::BTreeMap;

use crate::score::Confusion;
use crate::train::diagnose::statistics::estimate::Estimate;

/// How much of the accuracy an old surface has to lose to be named.
const LOSS: f64 = 0.05;

/// The answers to a held-out window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldOutWindow {
    /// The index of its recording.
    pub recording: usize,
    /// Whether the recording is a new one.
    pub is_new: bool,
    /// The index of its label.
    pub label: usize,
    /// The index of the label that the model answered before.
    pub before: usize,
    /// The index of the label that the refit networks answer, none of which was trained on its recording.
    pub after: usize,
}

/// The accuracy before and after.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct AccuracyChange {
    pub before: f64,
    pub after: f64,
    /// The number of windows.
    pub windows: usize,
    /// The number of recordings that they are of.
    pub recordings: usize,
}

/// What the held-out new drives say about a refit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefitJudgement {
    /// The model got better.
    Better,
    /// The model got worse.
    Worse,
    /// The change is within what chance does.
    Unclear,
    /// There are too few drives for an interval.
    TooFew,
    /// No new drive could be held out.
    NotMeasured,
}

/// A model before and after a refit, on windows that the refit left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// The names of the labels.
    pub labels: Vec<String>,
    /// The number of networks that answered each window, before as well as after.
    pub networks: usize,
    /// The held-out windows.
    pub windows: Vec<HeldOutWindow>,
}

impl Comparison {
    /// The accuracy on the new drives, each of which counts once; `None` if none was held out.
    pub(crate) fn drives(&self) -> Option<AccuracyChange> {
        mean(&self.by_drive())
    }

    /// The accuracy on the windows of a label in new or in old recordings, each of which counts once; `None` if there
    /// are none.
    pub(crate) fn of_label(&self, is_new: bool, label: usize) -> Option<AccuracyChange> {
        let own = self.windows.iter().filter(|window| window.is_new == is_new && window.label == label);
        change(own)
    }

    /// The accuracy on old recordings, in which each label counts once; `None` if none was held out.
    pub(crate) fn old(&self) -> Option<AccuracyChange> {
        let labels = (0..self.labels.len()).filter_map(|label| self.of_label(false, label));
        mean(&labels.collect::<Vec<_>>())
    }

    /// The change of the accuracy on a new drive, with its 90 % interval; `None` for fewer than three drives.
    pub(crate) fn change(&self) -> Option<Estimate> {
        let changes: Vec<f64> = self.by_drive().iter().map(|drive| drive.after - drive.before).collect();
        Estimate::of(&changes, 0.0)
    }

    /// What the held-out new drives say.
    pub(crate) fn judgement(&self) -> RefitJudgement {
        match (self.drives(), self.change()) {
            (None, _) => RefitJudgement::NotMeasured,
            (Some(_), None) => RefitJudgement::TooFew,
            (Some(_), Some(change)) if change.low > 0.0 => RefitJudgement::Better,
            (Some(_), Some(change)) if change.high < 0.0 => RefitJudgement::Worse,
            (Some(_), Some(_)) => RefitJudgement::Unclear,
        }
    }

    /// Whether fewer windows of new drives are right after the refit than before.
    pub(crate) fn is_lower(&self) -> bool {
        self.drives().is_some_and(|drives| drives.after < drives.before)
    }

    /// The labels whose old windows the model answers worse than before, by at least 5 points and two windows.
    pub(crate) fn forgotten(&self) -> Vec<(usize, AccuracyChange)> {
        let of_label = |label: usize| Some((label, self.of_label(false, label)?));
        let changes = (0..self.labels.len()).filter_map(of_label);
        let is_forgotten = |(_, change): &(usize, AccuracyChange)| {
            let loss = change.before - change.after;
            loss >= LOSS && loss * change.windows as f64 >= 1.5
        };
        changes.filter(is_forgotten).collect()
    }

    /// Actual against predicted labels of the windows of held-out new drives, after the refit.
    pub(crate) fn confusion(&self) -> Confusion {
        let mut confusion = Confusion::new(&self.labels);
        let new = self.windows.iter().filter(|window| window.is_new);
        new.for_each(|window| confusion.add(window.label, Some(window.after)));
        confusion
    }

    /// The new recordings that were held out, ascending.
    pub(crate) fn recordings(&self) -> Vec<usize> {
        self.new_by_recording().into_keys().collect()
    }

    fn new_by_recording(&self) -> BTreeMap<usize, Vec<&HeldOutWindow>> {
        let mut drives: BTreeMap<usize, Vec<&HeldOutWindow>> = BTreeMap::new();
        let new = self.windows.iter().filter(|window| window.is_new);
        new.for_each(|window| drives.entry(window.recording).or_default().push(window));
        drives
    }

    /// The accuracy on each new drive.
    fn by_drive(&self) -> Vec<AccuracyChange> {
        self.new_by_recording().into_values().filter_map(change).collect()
    }
}

/// The accuracy on some windows; `None` without windows.
fn change<'a>(windows: impl IntoIterator<Item = &'a HeldOutWindow>) -> Option<AccuracyChange> {
    let windows: Vec<&HeldOutWindow> = windows.into_iter().collect();
    let count = Some(windows.len()).filter(|count| *count > 0)?;
    let share = |right: fn(&HeldOutWindow) -> bool| {
        windows.iter().filter(|window| right(window)).count() as f64 / count as f64
    };
    let recordings: std::collections::BTreeSet<usize> =
        windows.iter().map(|window| window.recording).collect();
    Some(AccuracyChange {
        before: share(|window| window.before == window.label),
        after: share(|window| window.after == window.label),
        windows: count,
        recordings: recordings.len(),
    })
}

/// The mean of several accuracies, with the sum of their counts; `None` without any.
fn mean(changes: &[AccuracyChange]) -> Option<AccuracyChange> {
    let count = Some(changes.len()).filter(|count| *count > 0)? as f64;
    Some(AccuracyChange {
        before: changes.iter().map(|change| change.before).sum::<f64>() / count,
        after: changes.iter().map(|change| change.after).sum::<f64>() / count,
        windows: changes.iter().map(|change| change.windows).sum(),
        recordings: changes.iter().map(|change| change.recordings).sum(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A comparison of drives of ten windows. For each drive: whether it is new, its label, and how many of its windows
    /// are right before and after.
    pub(in crate::train::refit) fn compared(drives: &[(bool, usize, usize, usize)]) -> Comparison {
        let mut windows = Vec::new();
        for (recording, (is_new, label, before, after)) in drives.iter().copied().enumerate() {
            for window in 0..10 {
                let answer = |right: usize| if window < right { label } else { 1 - label };
                let (before, after) = (answer(before), answer(after));
                windows.push(HeldOutWindow { recording, is_new, label, before, after });
            }
        }
        Comparison { labels: vec!["tile".into(), "wood".into()], networks: 3, windows }
    }

    #[test]
    fn the_judgement_follows_from_the_interval_over_new_drives() {
        let new = |changes: &[(usize, usize)]| {
            let drives: Vec<_> = changes.iter().map(|(before, after)| (true, 0, *before, *after)).collect();
            compared(&drives).judgement()
        };
        assert_eq!(new(&[(5, 8), (6, 9), (5, 9)]), RefitJudgement::Better);
        assert_eq!(new(&[(8, 5), (9, 6), (9, 5)]), RefitJudgement::Worse);
        assert_eq!(new(&[(5, 9), (9, 6), (9, 9)]), RefitJudgement::Unclear);
        assert_eq!(new(&[(5, 9), (5, 9)]), RefitJudgement::TooFew);
        assert_eq!(compared(&[(false, 0, 5, 9)]).judgement(), RefitJudgement::NotMeasured);
    }

    #[test]
    fn drives_and_old_surfaces_count_once_each() {
        let mut comparison =
            compared(&[(true, 0, 4, 8), (true, 1, 10, 10), (false, 0, 10, 9), (false, 1, 10, 5)]);
        // The second half of the first drive is gone, and with it windows that are wrong.
        comparison.windows.retain(|window| window.recording != 0 || window.before == 0);
        let drives = comparison.drives().unwrap();
        assert_eq!((drives.before, drives.after, drives.windows, drives.recordings), (1.0, 1.0, 14, 2));
        let old = comparison.old().unwrap();
        assert_eq!((old.before, old.after, old.windows), (1.0, 0.7, 20));
        let forgotten = comparison.forgotten();
        assert_eq!(
            (forgotten.len(), forgotten[0].0, forgotten[0].1.after),
            (1, 1, 0.5),
            "one window is chance"
        );
        assert_eq!((comparison.confusion().total(), comparison.recordings()), (14, vec![0, 1]));
        assert!(!comparison.is_lower());
    }
}
