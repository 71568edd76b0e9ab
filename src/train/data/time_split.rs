//! Splits in time: recordings are held out that were made later, or in another session.
//!
//! A robot changes over hours and days. The split by recording holds out drives from among those trained on, so its
//! scores are those of the same sitting.

use std::collections::{BTreeMap, BTreeSet};

use super::dataset::Dataset;
use super::split::Split;
use crate::signal::Time;

/// The share of each surface's recordings that is trained on, the earliest first.
const EARLIER: f64 = 0.6;

/// The windows of a recording, and when it was started, if that is known.
struct DatedRecording {
    start: Option<Time>,
    windows: Vec<usize>,
}

/// These windows by the index of their recording.
fn by_recording(dataset: &Dataset, windows: impl IntoIterator<Item = usize>) -> BTreeMap<usize, Vec<usize>> {
    let mut by_recording: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for window in windows {
        by_recording.entry(dataset.recording_of_window[window]).or_default().push(window);
    }
    by_recording
}

/// The position at which recordings in the order of their start times are cut into earlier and later ones: the one
/// closest to the share trained on of those between two different start times. `None` if there is none.
fn cut(starts: &[Time]) -> Option<usize> {
    let ideal = EARLIER * starts.len() as f64;
    let cuts = (1..starts.len()).filter(|cut| starts.get(cut - 1) < starts.get(*cut));
    cuts.min_by(|one, other| (*one as f64 - ideal).abs().total_cmp(&(*other as f64 - ideal).abs()))
}

impl Split {
    /// Holds out the last 40 % of each label's recordings in the order of their start times. A recording's label is
    /// its most frequent one. `None` if that holds out nothing.
    ///
    /// A label with a single recording, or with none that has a start time, is trained on and not held out. Other
    /// recordings without a start time are neither trained on nor held out, since they may be later than those held
    /// out, and neither are held-out windows of a label that is not trained on.
    pub(crate) fn later(dataset: &Dataset) -> Option<Self> {
        Self::later_within(dataset, 0..dataset.len())
    }

    /// As [`Split::later`], but of these windows alone.
    pub(crate) fn later_within(dataset: &Dataset, windows: impl IntoIterator<Item = usize>) -> Option<Self> {
        let mut by_label: BTreeMap<usize, Vec<DatedRecording>> = BTreeMap::new();
        for (recording, windows) in by_recording(dataset, windows) {
            let label = dataset.most_frequent_label(&windows);
            let start = dataset.recordings[recording].span.map(|[start, _]| start);
            by_label.entry(label).or_default().push(DatedRecording { start, windows });
        }
        let (mut training, mut validation) = (Vec::new(), Vec::new());
        let windows_of = |recordings: Vec<DatedRecording>| recordings.into_iter().flat_map(|one| one.windows);
        for recordings in by_label.into_values() {
            let (mut timed, unknown): (Vec<_>, Vec<_>) =
                recordings.into_iter().partition(|recording| recording.start.is_some());
            timed.sort_by_key(|recording| recording.start);
            let starts: Vec<Time> = timed.iter().filter_map(|recording| recording.start).collect();
            if timed.is_empty() {
                training.extend(windows_of(unknown));
            }
            let later = timed.split_off(cut(&starts).unwrap_or(timed.len()));
            training.extend(windows_of(timed));
            validation.extend(windows_of(later));
        }
        Self::in_time(dataset, training, validation)
    }

    /// The splits of a cross-validation over sessions: the sessions are dealt out over up to `parts` parts, and each
    /// split holds out one part, or only the first part is held out if `parts` is 1. Empty if no label was recorded in
    /// two sessions.
    ///
    /// Sessions that only have labels of a single session are always trained on. Groups of recordings that are partly
    /// held out are not trained on, and recordings of unknown sessions are only if there are no others of a label.
    pub(crate) fn by_session(dataset: &Dataset, parts: usize) -> Vec<Self> {
        let sessions = SessionWindows::of(dataset);
        let dealt = sessions.deal(parts.max(2));
        let split = |held_out: usize| {
            let is_held_out = |session: &str| dealt.get(session) == Some(&held_out);
            let (mut training, mut validation) = (sessions.always_trained.clone(), Vec::new());
            for (session, windows) in &sessions.windows {
                if is_held_out(session) { validation.extend(windows) } else { training.extend(windows) }
            }
            let group = |window: usize| &dataset.recordings[dataset.recording_of_window[window]].group;
            let groups: BTreeSet<&String> = validation.iter().map(|window| group(*window)).collect();
            training.retain(|window| !groups.contains(group(*window)));
            Self::in_time(dataset, training, validation)
        };
        (0..parts.max(2)).filter_map(split).take(parts).collect()
    }

    /// A split with only those held-out windows whose label is trained on. `None` if there are none, or fewer than two
    /// labels to choose from.
    fn in_time(dataset: &Dataset, mut training: Vec<usize>, mut validation: Vec<usize>) -> Option<Self> {
        training.sort_unstable();
        validation.sort_unstable();
        let counts = dataset.count(training.iter().copied());
        validation.retain(|window| counts[dataset.labels[*window]] > 0);
        let labels = counts.iter().filter(|count| **count > 0).count();
        let enough = labels >= 2 && training.len() >= counts.len() && !validation.is_empty();
        enough.then_some(Self { training, validation, warnings: Vec::new() })
    }
}

/// The windows of each session.
struct SessionWindows<'a> {
    dataset: &'a Dataset,
    windows: BTreeMap<&'a str, Vec<usize>>,
    /// The windows of unknown sessions with a label that has no others.
    always_trained: Vec<usize>,
}

impl<'a> SessionWindows<'a> {
    fn of(dataset: &'a Dataset) -> Self {
        let mut windows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut unknown = Vec::new();
        for (window, recording) in dataset.recording_of_window.iter().enumerate() {
            match &dataset.recordings[*recording].session {
                Some(session) => windows.entry(session).or_default().push(window),
                None => unknown.push(window),
            }
        }
        let known = dataset.count(windows.values().flatten().copied());
        unknown.retain(|window| known[dataset.labels[*window]] == 0);
        Self { dataset, windows, always_trained: unknown }
    }

    /// The part of each session that can be held out. The sessions of each label go to different parts as far as
    /// possible.
    fn deal(&self, parts: usize) -> BTreeMap<&'a str, usize> {
        let counts = |windows: &[usize]| self.dataset.count(windows.iter().copied());
        let of_session: BTreeMap<&str, Vec<usize>> =
            self.windows.iter().map(|(session, windows)| (*session, counts(windows))).collect();
        let labels = self.dataset.card.labels.len();
        let repeated: Vec<usize> = (0..labels)
            .filter(|label| of_session.values().filter(|counts| counts[*label] > 0).count() > 1)
            .collect();
        let totals = counts(&self.windows.values().flatten().copied().collect::<Vec<_>>());
        // The share of each repeated label's windows that a session has.
        let shares = |counts: &[usize]| -> Vec<f64> {
            repeated.iter().map(|label| counts[*label] as f64 / totals[*label].max(1) as f64).collect()
        };
        let mut sessions: Vec<(&str, Vec<f64>)> =
            of_session.iter().map(|(session, counts)| (*session, shares(counts))).collect();
        sessions.retain(|(_, shares)| shares.iter().any(|share| *share > 0.0));
        // The largest first; the sort keeps the order of the names.
        let size = |shares: &[f64]| shares.iter().sum::<f64>();
        sessions.sort_by(|(_, one), (_, other)| size(other).total_cmp(&size(one)));
        let mut filled = vec![vec![0.0; repeated.len()]; parts];
        let mut dealt = BTreeMap::new();
        for (session, shares) in sessions {
            let overlap = |part: &Vec<f64>| {
                part.iter()
                    .zip(&shares)
                    .filter(|(_, share)| **share > 0.0)
                    .map(|(there, share)| there + share)
                    .sum()
            };
            let part = (0..parts).min_by(|one, other| {
                let of = |part: &usize| -> (f64, f64) { (overlap(&filled[*part]), size(&filled[*part])) };
                let (one, other) = (of(one), of(other));
                one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
            });
            let Some(part) = part else { continue };
            filled[part].iter_mut().zip(&shares).for_each(|(there, share)| *there += share);
            dealt.insert(session, part);
        }
        dealt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tests::sine_waves;

    /// A data set in which recording `index` of each label was started at `start(label, index)`, in hours.
    fn timed(labels: usize, groups: usize, start: impl Fn(usize, usize) -> Option<f64>) -> Dataset {
        let mut dataset = sine_waves(labels, groups, 4);
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            let start = start(index / groups, index % groups).map(|hours| 1.7e9 + 3600.0 * hours);
            recording.span = start.and_then(Time::from_seconds).map(|start| [start, start]);
        }
        dataset
    }

    /// A data set in which recording `index` of each label is of session `session(label, index)`.
    fn in_sessions(
        labels: usize,
        groups: usize,
        session: impl Fn(usize, usize) -> Option<&'static str>,
    ) -> Dataset {
        let mut dataset = sine_waves(labels, groups, 4);
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            recording.session = session(index / groups, index % groups).map(Into::into);
        }
        dataset
    }

    fn names<'a>(dataset: &'a Dataset, windows: &[usize]) -> Vec<&'a str> {
        let recordings: BTreeSet<usize> =
            windows.iter().map(|window| dataset.recording_of_window[*window]).collect();
        recordings.into_iter().map(|recording| dataset.recordings[recording].name.as_str()).collect()
    }

    #[test]
    fn the_last_two_fifths_by_time_of_each_label_are_held_out() {
        // The later recordings have the smaller numbers.
        let dataset = timed(2, 5, |_, index| Some(-(index as f64)));
        let split = Split::later(&dataset).unwrap();
        assert_eq!(names(&dataset, &split.training), ["s0/2", "s0/3", "s0/4", "s1/2", "s1/3", "s1/4"]);
        assert_eq!(names(&dataset, &split.validation), ["s0/0", "s0/1", "s1/0", "s1/1"]);
    }

    #[test]
    fn recordings_that_began_together_stay_together_and_those_without_a_time_are_left_out() {
        let start = |label: usize, index: usize| match (label, index) {
            (0, 0) => Some(1.0),
            (0, 4) => None,
            (0, _) => Some(2.0),
            (1, 0) => Some(5.0),
            _ => None,
        };
        let dataset = timed(3, 5, start);
        let split = Split::later(&dataset).unwrap();
        // The third label has no times, and the second a single one.
        let third = ["s2/0", "s2/1", "s2/2", "s2/3", "s2/4"];
        assert_eq!(names(&dataset, &split.training), [&["s0/0", "s1/0"][..], &third].concat());
        assert_eq!(names(&dataset, &split.validation), ["s0/1", "s0/2", "s0/3"]);
        assert_eq!(Split::later(&timed(2, 5, |_, _| None)), None);
        assert_eq!(Split::later(&timed(2, 5, |_, _| Some(1.0))), None, "all began together");
    }

    #[test]
    fn whole_sessions_are_held_out_and_every_label_is_trained_on() {
        let sessions = ["mon", "tue", "wed", "thu"];
        let dataset = in_sessions(3, 4, |_, index| sessions.get(index).copied());
        for parts in [2, 3, 9] {
            let splits = Split::by_session(&dataset, parts);
            assert_eq!(splits.len(), parts.min(4));
            let mut held_out: Vec<usize> = splits.iter().flat_map(|split| split.validation.clone()).collect();
            held_out.sort_unstable();
            assert_eq!(held_out, (0..dataset.len()).collect::<Vec<_>>(), "each window is held out once");
            for split in &splits {
                let session =
                    |window: &usize| dataset.recordings[dataset.recording_of_window[*window]].session.clone();
                let one: BTreeSet<_> = split.training.iter().map(session).collect();
                assert!(split.validation.iter().map(session).all(|held_out| !one.contains(&held_out)));
                assert!(dataset.count(split.training.iter().copied()).iter().all(|count| *count > 0));
            }
        }
        assert_eq!(Split::by_session(&dataset, 1).len(), 1);
    }

    #[test]
    fn labels_of_one_session_are_not_scored_and_sessions_of_their_own_give_no_split() {
        // The first label was recorded in two sessions, the second in one of them, the third in one of its own.
        let session = |label: usize, index: usize| match (label, index) {
            (0, 0) | (1, _) => Some("mon"),
            (0, _) => Some("tue"),
            _ => Some("wed"),
        };
        let dataset = in_sessions(3, 2, session);
        let splits = Split::by_session(&dataset, 3);
        assert_eq!(splits.len(), 2);
        for split in &splits {
            assert!(split.validation.iter().all(|window| dataset.labels[*window] == 0));
            assert!(names(&dataset, &split.training).contains(&"s2/0"));
        }
        let confounded = in_sessions(2, 3, |label, _| ["mon", "tue"].get(label).copied());
        assert_eq!(Split::by_session(&confounded, 3), []);
        assert_eq!(Split::by_session(&in_sessions(2, 3, |_, _| Some("mon")), 3), []);
        assert_eq!(Split::by_session(&in_sessions(2, 3, |_, _| None), 3), []);
    }
}
