//! Whether surfaces are told by the sessions that they were recorded in.

use std::collections::{BTreeMap, BTreeSet};

use super::trees::HeldOutTrees;
use crate::score::Confusion;
use crate::train::data::dataset::Dataset;
use crate::train::data::split::Split;
use crate::train::diagnose::statistics::estimate::Estimate;
use crate::train::fit::epoch::FitError;
use crate::train::network::loss::most_probable;
use crate::train::time_scores::HeldOut;

/// The maximum number of parts that sessions are dealt out over.
const PARTS: usize = 3;
/// With so many folds, about as many recordings are held out as from earlier to later.
const LATER_FOLDS: usize = 3;
/// Surfaces were recorded in blocks if at least this share of the recordings is of the same surface as the one before.
const BLOCKS: f64 = 0.8;

/// How much worse trees do on the same recordings if whole sessions, or later recordings, are held out.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct SessionFall {
    /// What is held out.
    pub held_out: HeldOut,
    /// Balanced accuracy of trees on these recordings if single recordings are held out.
    pub by_recording: f64,
    /// Balanced accuracy of trees on the same recordings if they are held out in this way.
    pub in_time: f64,
    /// The fall of the share of a recording's windows that are predicted correctly.
    pub fall: Estimate,
    /// Whether each surface was recorded in sessions of its own, or in blocks of time of its own.
    pub is_apart: bool,
}

/// The fall for the way of holding out that lowers the score the most; `None` if no sessions and start times are
/// known, or there was no time. `grow` predicts the held-out windows of splits. Trees that leave out as large a part of
/// the recordings, chosen at random by `seed`, are what the others are compared with.
///
/// # Errors
/// [`FitError::Threads`] if the threads cannot be started.
pub(crate) fn session_fall(
    dataset: &Dataset,
    seed: u64,
    grow: impl Fn(Vec<Split>) -> Result<HeldOutTrees, FitError>,
) -> Result<Option<SessionFall>, FitError> {
    let later: Vec<Split> = Split::later(dataset).into_iter().collect();
    let is_apart = is_apart(dataset);
    let mut largest: Option<SessionFall> = None;
    for (held_out, splits) in [(HeldOut::Session, Split::by_session(dataset, PARTS)), (HeldOut::Later, later)]
    {
        if splits.is_empty() {
            continue;
        }
        let folds = if held_out == HeldOut::Session { splits.len().max(2) } else { LATER_FOLDS };
        let by_recording = grow(Split::folds(dataset, folds, seed))?.probabilities;
        let in_time = grow(splits)?.probabilities;
        let Some((by_recording, in_time, fall)) = compare(dataset, &by_recording, &in_time) else { continue };
        if largest.is_none_or(|largest| largest.fall.mean < fall.mean) {
            largest = Some(SessionFall { held_out, by_recording, in_time, fall, is_apart });
        }
    }
    Ok(largest)
}

/// The balanced accuracies of two predictions of the windows that have both, and by how much the share of a recording's
/// windows that are predicted correctly falls from one to the other. `None` with fewer than three recordings.
fn compare(
    dataset: &Dataset,
    before: &[Option<Vec<f32>>],
    after: &[Option<Vec<f32>>],
) -> Option<(f64, f64, Estimate)> {
    let mut tables = [Confusion::new(&dataset.card.labels), Confusion::new(&dataset.card.labels)];
    let mut falls: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (window, both) in before.iter().zip(after).enumerate() {
        let (Some(before), Some(after)) = both else { continue };
        let label = dataset.labels[window];
        let [before, after] = [before, after].map(|row| most_probable(row));
        tables[0].add(label, Some(before));
        tables[1].add(label, Some(after));
        let fall = falls.entry(dataset.recording_of_window[window]).or_default();
        fall.0 += f64::from(u8::from(before == label)) - f64::from(u8::from(after == label));
        fall.1 += 1.0;
    }
    let falls: Vec<f64> = falls.into_values().map(|(fall, windows)| fall / windows).collect();
    let [before, after] = tables.map(|table| table.balanced_accuracy());
    Some((before, after, Estimate::of(&falls, 0.0)?))
}

/// Whether each session is of one surface, or most recordings are of the same surface as the one before them.
fn is_apart(dataset: &Dataset) -> bool {
    let mut windows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (window, recording) in dataset.recording_of_window.iter().enumerate() {
        windows.entry(*recording).or_default().push(window);
    }
    let mut sessions: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut in_time = Vec::new();
    for (recording, windows) in windows {
        let (info, label) = (&dataset.recordings[recording], dataset.most_frequent_label(&windows));
        if let Some(session) = &info.session {
            sessions.entry(session).or_default().insert(label);
        }
        in_time.extend(info.span.map(|[start, _]| (start, label)));
    }
    in_time.sort_unstable();
    let pairs = in_time.windows(2).filter(|pair| pair[0].1 == pair[1].1).count();
    let in_blocks = in_time.len() > 1 && pairs as f64 >= BLOCKS * (in_time.len() - 1) as f64;
    in_blocks || sessions.len() > 1 && sessions.values().all(|labels| labels.len() == 1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::signal::Time;
    use crate::train::diagnose::inspection::inspect;
    use crate::train::diagnose::worker_pool::WorkerPool;
    use crate::train::tests::sine_waves;

    /// Three surfaces with eight recordings each, an hour apart. If `drifts`, they differ in their level, and the level of
    /// the last three recordings of each is about that of another surface before. The surfaces were recorded one after the other, or in turns.
    fn recorded(drifts: bool, in_turns: bool) -> Dataset {
        let mut dataset = sine_waves(3, 8, 6);
        let start = |recording: usize| match in_turns {
            true => 3 * (recording % 8) + recording / 8,
            false => recording,
        };
        for (index, recording) in dataset.recordings.iter_mut().enumerate() {
            let time = Time::from_seconds(1.7e9 + 3600.0 * start(index) as f64).unwrap();
            recording.span = Some([time, time]);
        }
        let mut state = 1u64;
        for window in (0..dataset.len()).filter(|_| drifts) {
            let (recording, from) = (dataset.recording_of_window[window], dataset.windows[window].start);
            let moved = if recording % 8 < 5 { 0 } else { 2 };
            let level = ((dataset.labels[window] + moved) % 3) as f32 + 0.2 * moved as f32;
            for value in &mut dataset.steps[from..from + 20] {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *value = level + 0.2 * (state >> 40) as f32 / (1 << 24) as f32;
            }
        }
        dataset
    }

    fn fall(dataset: &Dataset) -> Option<SessionFall> {
        let (stop, job_done) = (AtomicBool::new(false), || ());
        let deadline = Instant::now() + Duration::from_secs(60);
        inspect(dataset, 0, &WorkerPool { threads: 2, deadline, stop: &stop, job_done: &job_done })
            .unwrap()
            .session_fall
    }

    #[test]
    fn trees_fall_from_earlier_to_later_only_where_the_surfaces_change() {
        assert_eq!(fall(&sine_waves(3, 8, 6)), None, "no times are known");
        let steady = fall(&recorded(false, false)).unwrap();
        assert!(steady.fall.mean.abs() < 0.1 && steady.is_apart, "{steady:?}");
        assert!(!fall(&recorded(false, true)).unwrap().is_apart);
        let drifting = fall(&recorded(true, false)).unwrap();
        assert_eq!(drifting.held_out, HeldOut::Later);
        assert!(drifting.fall.low > 0.05 && drifting.by_recording > drifting.in_time + 0.1, "{drifting:?}");
    }
}
