//! The decisions of one model on one recording.

use crate::decision::Outcome;
use crate::model::answers::Answers;
use crate::model::card::Card;
use crate::recordings::labels::Labels;
use crate::recordings::{Recording, RecordingError};
use crate::signal::Time;
use crate::train::decisions::{ReadingNotes, decide};

/// A decision with the time for which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeldDecision {
    /// How often the clock of the recording had gone back before. Times can only be compared within a run.
    run: usize,
    from: Time,
    /// The end of the time, which is no longer part of it.
    until: Time,
    /// The index of the surface among the model's labels; `None` if it is unknown.
    surface: Option<usize>,
}

/// The decisions of one model on one recording, in the order in which the daemon makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecisionTrace {
    /// The time between two decisions, in nanoseconds.
    hop: i64,
    decisions: Vec<HeldDecision>,
}

/// A stretch of time in which neither of two models changed its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedStretch {
    pub from: Time,
    /// Its length.
    pub nanos: u64,
    /// The surface that each model decided, as an index into its labels; `None` if it is unknown.
    pub surfaces: [Option<usize>; 2],
}

impl DecisionTrace {
    /// No decisions so far, of a model that makes one after each `hop` (nanoseconds).
    pub(crate) fn new(hop: i64) -> Self {
        Self { hop: hop.max(1), decisions: Vec::new() }
    }

    /// Adds a decision. It ends the one before, unless that one has ended already.
    pub(crate) fn push(&mut self, time: Time, surface: Option<usize>) {
        let run = match self.decisions.last_mut() {
            None => 0,
            Some(last) if time < last.from => last.run + 1,
            Some(last) => {
                last.until = last.until.min(time);
                last.run
            }
        };
        self.decisions.push(HeldDecision { run, from: time, until: time.offset(self.hop), surface });
    }

    /// Reads a recording as the daemon would with the model that this card is of. `answer` returns the model's answers to
    /// windows, each row-major [W, C]. Returns also the labels of the recording, and what there is to say about it.
    ///
    /// # Errors
    /// If the recording cannot be read, or `answer` fails.
    pub(crate) fn read<E: From<RecordingError>>(
        card: &Card,
        recording: &Recording,
        answer: impl FnMut(&[&[f32]]) -> Result<Answers, E>,
    ) -> Result<(Self, Labels, ReadingNotes), E> {
        let mut trace = Self::new((card.hop as f64 / card.rate * 1e9).round() as i64);
        let mut labels = Labels::default();
        let keep = |outcome: &Outcome| {
            if let Outcome::Prediction(prediction) = outcome {
                trace.push(prediction.time, prediction.surface);
            }
        };
        let notes = decide(card, recording, answer, |known| labels = known, keep)?;
        Ok((trace, labels, notes))
    }

    /// The times at which both models have decided, divided where one of them decides anew.
    pub(crate) fn shared(&self, other: &Self) -> Vec<SharedStretch> {
        let mut stretches = Vec::new();
        let (mut own, mut others) = (self.decisions.iter().peekable(), other.decisions.iter().peekable());
        while let (Some(one), Some(other)) = (own.peek(), others.peek()) {
            let from = (one.run, one.from).max((other.run, other.from));
            let (end, other_end) = ((one.run, one.until), (other.run, other.until));
            let until = end.min(other_end);
            if from < until {
                let nanos = until.1.since(from.1).unsigned_abs();
                let surfaces = [one.surface, other.surface];
                stretches.push(SharedStretch { from: from.1, nanos, surfaces });
            }
            // A decision that ended has nothing in common with later ones.
            if end <= other_end {
                own.next();
            }
            if other_end <= end {
                others.next();
            }
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Decisions at these times in milliseconds, of a model with this hop in milliseconds.
    fn trace(hop: i64, decisions: &[(i64, Option<usize>)]) -> DecisionTrace {
        let mut trace = DecisionTrace::new(hop * MS);
        decisions.iter().for_each(|(at, surface)| trace.push(Time::from_nanos(at * MS).unwrap(), *surface));
        trace
    }

    /// The stretches as start and length in milliseconds, and both surfaces.
    fn shared(one: &DecisionTrace, other: &DecisionTrace) -> Vec<(i64, u64, [Option<usize>; 2])> {
        let stretches = one.shared(other);
        stretches.iter().map(|at| (at.from.nanos() / MS, at.nanos / MS as u64, at.surfaces)).collect()
    }

    #[test]
    fn two_models_with_the_same_hop_share_each_decision_for_a_hop() {
        let one = trace(100, &[(1000, Some(0)), (1100, Some(1))]);
        let other = trace(100, &[(1000, Some(0)), (1100, None)]);
        assert_eq!(shared(&one, &other), [(1000, 100, [Some(0), Some(0)]), (1100, 100, [Some(1), None])]);
    }

    #[test]
    fn models_with_other_windows_and_hops_are_compared_while_both_have_decided() {
        let fast = trace(100, &[(1000, Some(0)), (1100, Some(1)), (1200, Some(1)), (1300, Some(1))]);
        let slow = trace(250, &[(1050, Some(2)), (1300, Some(3))]);
        let expected = [
            (1050, 50, [Some(0), Some(2)]),
            (1100, 100, [Some(1), Some(2)]),
            (1200, 100, [Some(1), Some(2)]),
            (1300, 100, [Some(1), Some(3)]),
        ];
        assert_eq!(shared(&fast, &slow), expected);
        let swapped = shared(&slow, &fast);
        assert_eq!(swapped, expected.map(|(at, length, [one, other])| (at, length, [other, one])));
    }

    #[test]
    fn no_decision_holds_across_a_gap() {
        let one = trace(100, &[(0, Some(0)), (5000, Some(1))]);
        let other = trace(200, &[(0, Some(0)), (5100, Some(1))]);
        assert_eq!(shared(&one, &other), [(0, 100, [Some(0), Some(0)])]);
    }

    #[test]
    fn times_before_and_after_a_restart_of_the_clock_are_not_mixed() {
        let one = trace(100, &[(0, Some(0)), (100, Some(0)), (0, Some(1)), (100, Some(1))]);
        let all = shared(&one, &one);
        assert_eq!(all.iter().map(|(_, length, _)| length).sum::<u64>(), 400);
        assert!(all.iter().all(|(.., [one, other])| one == other), "{all:?}");
    }
}
