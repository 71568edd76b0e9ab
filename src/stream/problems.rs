//! What is wrong with the streams' input now, in order and within a bound.

use std::collections::BTreeMap;

use serde::Serialize;

use super::window::ResetReason;
use super::work::Task;
use crate::signal::{Channel, StreamId};

/// What is wrong with one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose.
    pub stream: StreamId,
    /// The channel, where it is not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What is wrong, in a word: `stuck`, `saturated`, `drifted`, `silent`.
    pub problem: &'static str,
    /// What is wrong, with its numbers and its mend.
    pub detail: String,
}

impl Problem {
    fn is_as(&self, other: &Problem) -> bool {
        (&self.channel, self.problem) == (&other.channel, other.problem)
    }
}

/// The problems of all streams that are followed. It does no I/O and reads no clock.
#[derive(Debug, Default)]
pub struct Problems {
    streams: BTreeMap<StreamId, Vec<Problem>>,
    begun: Vec<Problem>,
    ended: Vec<Problem>,
    /// Whether the numbers of one are others.
    moved: bool,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemDelta {
    /// Problems that were not there before.
    pub begun: Vec<Problem>,
    /// Problems that are no more.
    pub ended: Vec<Problem>,
    /// Those that are there now, up to [`Problems::LISTED`].
    pub now: Vec<Problem>,
    /// How many there are now.
    pub count: usize,
}

impl Problems {
    /// As many are listed; a fleet may have more.
    pub const LISTED: usize = 100;

    /// Takes what there is to do for a stream whose channels are these.
    pub fn take(&mut self, stream: &StreamId, task: &Task, channels: &[Channel]) {
        let silent = |channel: Option<&Channel>, detail: String| Problem {
            stream: stream.clone(),
            channel: channel.map(|channel| channel.name.clone()),
            problem: "silent",
            detail,
        };
        let now: Vec<_> = match task {
            Task::Window { window, .. } if window.quality.faults.is_empty() => Vec::new(),
            Task::Window { window, .. } => {
                let problem = |fault: &crate::stream::quality::ChannelFault| Problem {
                    stream: stream.clone(),
                    channel: Some(fault.channel.name.clone()),
                    problem: fault.kind.name(),
                    detail: fault.detail(),
                };
                window.quality.faults.iter().map(problem).collect()
            }
            Task::Reset { why: ResetReason::Silence, .. } => {
                vec![silent(None, "no sample comes any more; check the board and the network".into())]
            }
            Task::Reset { why: ResetReason::Missing(bits), .. } => {
                let missing = channels.iter().enumerate().filter(|(index, _)| bits >> (index % 64) & 1 == 1);
                let detail = |name: &str| {
                    format!("samples come without a number for {name}; check the sensor and its wires")
                };
                missing.map(|(_, channel)| silent(Some(channel), detail(&channel.name))).collect()
            }
            Task::End { .. } => Vec::new(),
            // The next window tells.
            Task::Start { .. } | Task::Reset { .. } => return,
        };
        self.set(stream, now);
    }

    fn set(&mut self, stream: &StreamId, now: Vec<Problem>) {
        if now.is_empty() && !self.streams.contains_key(stream) {
            return;
        }
        let before = self.streams.remove(stream).unwrap_or_default();
        let new = now.iter().filter(|problem| !before.iter().any(|old| old.is_as(problem)));
        self.begun.extend(new.cloned());
        self.moved |= before != now;
        self.ended.extend(before.into_iter().filter(|old| !now.iter().any(|problem| problem.is_as(old))));
        if !now.is_empty() {
            self.streams.insert(stream.clone(), now);
        }
    }

    /// What changed since this was last asked, if anything did.
    pub fn delta(&mut self) -> Option<ProblemDelta> {
        if !std::mem::take(&mut self.moved) {
            return None;
        }
        let (begun, ended) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.ended));
        let now = self.streams.values().flatten().take(Self::LISTED).cloned().collect();
        Some(ProblemDelta { begun, ended, now, count: self.streams.values().map(Vec::len).sum() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::signal::Time;
    use crate::stream::quality::{ChannelFault, FaultKind, Quality};
    use crate::stream::window::Window;

    fn window(values: &[f32]) -> Task {
        let fault = |&value: &f32| ChannelFault {
            channel: Channel::in_ampere("left"),
            kind: FaultKind::Stuck { value },
            withholds: true,
        };
        let quality = Quality { faults: values.iter().map(fault).collect(), ..Quality::default() };
        let window = Window { time: Time::from_nanos(0).unwrap(), values: vec![], quality };
        Task::Window { window, arrived: Instant::now() }
    }

    fn delta(problems: &mut Problems, task: &Task) -> Option<(usize, usize, usize)> {
        let channels = [Channel::in_ampere("left"), Channel::in_ampere("right")];
        problems.take(&StreamId::new("rover").unwrap(), task, &channels);
        problems.delta().map(|delta| (delta.begun.len(), delta.ended.len(), delta.count))
    }

    #[test]
    fn a_problem_begins_once_and_ends_once_and_its_numbers_are_those_of_now() {
        let mut problems = Problems::default();
        let time = Time::from_nanos(0).unwrap();
        assert_eq!(delta(&mut problems, &window(&[])), None);
        assert_eq!(delta(&mut problems, &window(&[1.0])), Some((1, 0, 1)));
        assert_eq!(delta(&mut problems, &window(&[2.0])), Some((0, 0, 1)));
        assert_eq!(delta(&mut problems, &window(&[2.0])), None);
        assert_eq!(delta(&mut problems, &Task::Reset { time, why: ResetReason::Gap }), None);
        assert_eq!(
            delta(&mut problems, &Task::Reset { time, why: ResetReason::Missing(0b10) }),
            Some((1, 1, 1))
        );
        assert_eq!(problems.streams.values().flatten().next().unwrap().channel.as_deref(), Some("right"));
        assert_eq!(delta(&mut problems, &Task::End { time }), Some((0, 1, 0)));
        assert!(problems.streams.is_empty());
    }
}
