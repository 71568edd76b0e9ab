//! What is currently wrong with the input of the streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::event::EventKind;
use super::quality::{ChannelFault, Quality};
use super::timing::RateFault;
use super::window::ResetReason;
use crate::model::card::Card;
use crate::signal::{Channel, StreamId};

/// Something that is wrong with the input of one stream. `underfoot/health` lists problems in this form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stream with the problem.
    pub stream: StreamId,
    /// The channel with the problem. `None` if the problem affects the whole stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The kind of problem: `stuck`, `saturated`, `drifted`, `silent`, `rate` or `novel`.
    pub problem: &'static str,
    /// The problem in a sentence, with its numbers and how to fix it.
    pub detail: String,
}

impl Problem {
    /// Whether both are the same kind of problem of the same channel, perhaps with different numbers.
    fn is_same(&self, other: &Problem) -> bool {
        (&self.channel, self.problem) == (&other.channel, other.problem)
    }
}

/// The current problems of all streams, and which of them began or ended since they were last reported.
#[derive(Debug, Default)]
pub struct Problems {
    /// The problems of each stream that has any.
    streams: BTreeMap<StreamId, Vec<Arc<Problem>>>,
    /// The number of problems in `streams`.
    count: usize,
    begun: Vec<Arc<Problem>>,
    ended: Vec<Arc<Problem>>,
    /// Whether anything changed since the last [`Problems::delta`], even if only the numbers in a detail did.
    changed: bool,
}

/// How the problems changed since the previous delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemDelta {
    /// The problems that began.
    pub begun: Vec<Arc<Problem>>,
    /// The problems that ended.
    pub ended: Vec<Arc<Problem>>,
    /// The current problems, at most [`Problems::MAX_LISTED`].
    pub current: Vec<Arc<Problem>>,
    /// The number of all current problems, listed or not.
    pub count: usize,
}

impl Problems {
    /// The maximum number of problems in [`ProblemDelta::current`]. A fleet may have more.
    pub const MAX_LISTED: usize = 100;

    /// Updates the problems of a stream after an event other than a window. `card` is the card of the model that is
    /// served.
    pub fn update(&mut self, stream: &StreamId, event: &EventKind, card: &Card) {
        let silent = |channel: Option<&Channel>, detail: String| Problem {
            stream: stream.clone(),
            channel: channel.map(|channel| channel.name.clone()),
            problem: "silent",
            detail,
        };
        let current: Vec<_> = match event {
            EventKind::Reset { reason: ResetReason::Silence, .. } => {
                vec![silent(None, "no samples arrive; check the board and the network".into())]
            }
            EventKind::Reset { reason: ResetReason::Missing(bits), .. } => {
                let missing =
                    card.channels.iter().enumerate().filter(|(index, _)| bits >> (index % 64) & 1 == 1);
                let detail = |name: &str| {
                    format!("samples arrive without a number for {name}; check the sensor and its wires")
                };
                missing.map(|(_, channel)| silent(Some(channel), detail(&channel.name))).collect()
            }
            EventKind::Reset { reason: ResetReason::Rate(fault), .. } => vec![rate(stream, *fault, card)],
            EventKind::End { .. } | EventKind::Moved => Vec::new(),
            // These events say nothing about the quality of the input. The next window will.
            EventKind::Start { .. } | EventKind::Reset { .. } | EventKind::Window { .. } => return,
        };
        self.replace(stream, current);
    }

    /// Updates the problems of a stream after a window of this quality. `novel` is the problem that the model does not know
    /// the surface.
    pub fn window(&mut self, stream: &StreamId, quality: &Quality, card: &Card, novel: Option<Problem>) {
        let fault = |fault: &ChannelFault| Problem {
            stream: stream.clone(),
            channel: Some(fault.channel.name.clone()),
            problem: fault.kind.name(),
            detail: fault.detail(),
        };
        let rate = quality.rate.map(|fault| rate(stream, fault, card));
        let current = rate.into_iter().chain(quality.faults.iter().map(fault)).chain(novel).collect();
        self.replace(stream, current);
    }

    fn replace(&mut self, stream: &StreamId, current: Vec<Problem>) {
        let previous = match self.streams.get_mut(stream) {
            None if current.is_empty() => return,
            // The same problems are found in every window as long as they last.
            Some(previous) if previous.iter().map(Arc::as_ref).eq(&current) => return,
            Some(previous) => std::mem::take(previous),
            None => Vec::new(),
        };
        let current: Vec<_> = current.into_iter().map(Arc::new).collect();
        let is_in =
            |problem: &Problem, list: &[Arc<Problem>]| list.iter().any(|other| other.is_same(problem));
        self.changed = true;
        self.count = self.count - previous.len() + current.len();
        self.begun.extend(current.iter().filter(|problem| !is_in(problem, &previous)).cloned());
        self.ended.extend(previous.into_iter().filter(|problem| !is_in(problem, &current)));
        if current.is_empty() {
            self.streams.remove(stream);
        } else {
            self.streams.insert(stream.clone(), current);
        }
    }

    /// How the problems changed since this was last called. `None` if they did not.
    pub fn delta(&mut self) -> Option<ProblemDelta> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let (begun, ended) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.ended));
        let current = self.streams.values().flatten().take(Self::MAX_LISTED).cloned().collect();
        Some(ProblemDelta { begun, ended, current, count: self.count })
    }
}

/// The problem of a stream whose samples come at a wrong rate.
fn rate(stream: &StreamId, fault: RateFault, card: &Card) -> Problem {
    Problem {
        stream: stream.clone(),
        channel: None,
        problem: RateFault::NAME,
        detail: fault.detail(card.rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Time;
    use crate::stream::quality::FaultKind;

    /// A window on which a channel is stuck at each of these values.
    fn window(values: &[f32]) -> Quality {
        let fault = |&value: &f32| ChannelFault {
            channel: Channel::in_ampere("left"),
            kind: FaultKind::Stuck { value },
            blocks_decision: true,
        };
        Quality { faults: values.iter().map(fault).collect(), ..Quality::default() }
    }

    fn delta(problems: &mut Problems, change: Result<Quality, EventKind>) -> Option<(usize, usize, usize)> {
        let channels = vec![Channel::in_ampere("left"), Channel::in_ampere("right")];
        let (card, rover) =
            (Card { channels, ..Card::of_test(100, 10, &["gravel"]) }, StreamId::new("rover").unwrap());
        match change {
            Ok(quality) => problems.window(&rover, &quality, &card, None),
            Err(event) => problems.update(&rover, &event, &card),
        }
        problems.delta().map(|delta| (delta.begun.len(), delta.ended.len(), delta.count))
    }

    #[test]
    fn a_problem_begins_once_and_ends_once_and_its_numbers_are_current() {
        let mut problems = Problems::default();
        let time = Time::from_nanos(0).unwrap();
        assert_eq!(delta(&mut problems, Ok(window(&[]))), None);
        assert_eq!(delta(&mut problems, Ok(window(&[1.0]))), Some((1, 0, 1)));
        assert_eq!(delta(&mut problems, Ok(window(&[2.0]))), Some((0, 0, 1)));
        assert_eq!(delta(&mut problems, Ok(window(&[2.0]))), None);
        assert_eq!(delta(&mut problems, Err(EventKind::Reset { time, reason: ResetReason::Gap })), None);
        assert_eq!(
            delta(&mut problems, Err(EventKind::Reset { time, reason: ResetReason::Missing(0b10) })),
            Some((1, 1, 1))
        );
        assert_eq!(problems.streams.values().flatten().next().unwrap().channel.as_deref(), Some("right"));
        assert_eq!(delta(&mut problems, Err(EventKind::End { time })), Some((0, 1, 0)));
        assert!(problems.streams.is_empty());
    }

    #[test]
    fn all_problems_are_counted_and_the_first_hundred_are_listed() {
        let (mut problems, card) = (Problems::default(), Card::of_test(100, 10, &["gravel"]));
        let streams: Vec<_> = (0..150).map(|index| StreamId::new(&format!("r{index:03}")).unwrap()).collect();
        streams.iter().for_each(|stream| problems.window(stream, &window(&[1.0, 2.0]), &card, None));
        let all = problems.delta().unwrap();
        assert_eq!((all.begun.len(), all.current.len(), all.count), (300, Problems::MAX_LISTED, 300));
        streams[..149].iter().for_each(|stream| problems.window(stream, &window(&[]), &card, None));
        let last = problems.delta().unwrap();
        assert_eq!((last.ended.len(), last.current.len(), last.count), (298, 2, 2));
        assert_eq!(last.current[0].stream, streams[149]);
    }
}
