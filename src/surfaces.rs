//! Every stream's decided surface, from probabilities in order.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::decide::{DecideOptions, Decider, Decision};
use crate::infer::Inferred;
use crate::lanes::Task;
use crate::model::card::Card;
use crate::prediction::{Change, Outcome, Prediction};
use crate::sample::{StreamId, Time};

/// The deciders of all streams. It does no I/O and reads no clock.
#[derive(Debug)]
pub struct Surfaces {
    card: Card,
    /// A stream before its first window.
    fresh: Decider,
    streams: HashMap<StreamId, Entry>,
    /// Batches that came before one with a lower ticket; no more of them than threads of inference.
    early: BTreeMap<u64, Inferred>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    decider: Decider,
    surface: Option<usize>,
    since: Time,
}

impl Surfaces {
    /// No stream yet.
    pub fn new(options: DecideOptions, card: &Card, hop: usize) -> Self {
        let fresh = Decider::new(options, card, hop);
        Self { card: card.clone(), fresh, streams: HashMap::new(), early: BTreeMap::new(), next: 0 }
    }

    /// Takes a batch and gives what follows from it, in the order of tickets.
    pub fn push(&mut self, inferred: Inferred, mut emit: impl FnMut(Outcome)) {
        self.early.insert(inferred.ticket, inferred);
        while let Some(inferred) = self.early.remove(&self.next) {
            self.next += 1;
            let mut rows = inferred.probabilities.chunks_exact(self.card.labels.len());
            for work in inferred.work {
                let stream = work.stream;
                match work.task {
                    Task::Start { time } => self.start(stream, time, &mut emit),
                    Task::Window { window, arrived } => {
                        let row = rows.next().unwrap_or_default();
                        self.window(stream, (window.time, window.measured), row, arrived, &mut emit);
                    }
                    Task::Reset { time, .. } => {
                        if let Some(entry) = self.streams.get_mut(&stream) {
                            entry.decider.reset();
                            entry.change(
                                &stream,
                                time,
                                Decision { surface: None, confidence: 0.0 },
                                &mut emit,
                            );
                        }
                    }
                    Task::End { time } => {
                        if let Some(mut entry) = self.streams.remove(&stream) {
                            entry.change(
                                &stream,
                                time,
                                Decision { surface: None, confidence: 0.0 },
                                &mut emit,
                            );
                        }
                        emit(Outcome::End(stream));
                    }
                }
            }
        }
    }

    fn start(&mut self, stream: StreamId, time: Time, emit: &mut impl FnMut(Outcome)) {
        let entry = Entry { decider: self.fresh.clone(), surface: None, since: time };
        self.streams.insert(stream.clone(), entry);
        let change = Change { stream, time, since: time, surface: None, confidence: 0.0, previous: None };
        emit(Outcome::Change(change));
    }

    fn window(
        &mut self,
        stream: StreamId,
        (time, measured): (Time, f64),
        probabilities: &[f32],
        arrived: Instant,
        emit: &mut impl FnMut(Outcome),
    ) {
        if !self.streams.contains_key(&stream) {
            // Its start was dropped under overload.
            self.start(stream.clone(), time, emit);
        }
        let Some(entry) = self.streams.get_mut(&stream) else { return };
        let decision = entry.decider.step(time, probabilities);
        entry.change(&stream, time, decision, emit);
        emit(Outcome::Prediction(Prediction {
            stream,
            time,
            surface: decision.surface,
            confidence: decision.confidence,
            probabilities: probabilities.to_vec(),
            measured,
            arrived,
        }));
    }
}

impl Entry {
    fn change(&mut self, stream: &StreamId, time: Time, decision: Decision, emit: &mut impl FnMut(Outcome)) {
        if decision.surface == self.surface {
            return;
        }
        let previous = std::mem::replace(&mut self.surface, decision.surface);
        self.since = time;
        let Decision { surface, confidence } = decision;
        let change = Change {
            stream: stream.clone(),
            time,
            since: self.since,
            surface,
            confidence,
            previous: Some(previous),
        };
        emit(Outcome::Change(change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Reset, Window};
    use crate::lanes::Work;

    fn surfaces() -> Surfaces {
        let card = Card::of_test(10, 1, &["a", "b"]);
        Surfaces::new(DecideOptions::default(), &card, 1)
    }

    fn batch(ticket: u64, tasks: Vec<Task>, probabilities: &[f32]) -> Inferred {
        let stream = StreamId::new("rover").unwrap();
        let work = tasks.into_iter().map(|task| Work { stream: stream.clone(), task }).collect();
        Inferred { ticket, work, probabilities: probabilities.to_vec() }
    }

    fn window(seconds: f64) -> Task {
        let time = Time::from_seconds(seconds).unwrap();
        Task::Window { window: Window { time, values: vec![], measured: 1.0 }, arrived: Instant::now() }
    }

    fn changes(surfaces: &mut Surfaces, batches: Vec<Inferred>) -> Vec<Option<usize>> {
        let mut changes = Vec::new();
        for batch in batches {
            surfaces.push(batch, |outcome| {
                if let Outcome::Change(change) = outcome {
                    changes.push(change.surface);
                }
            });
        }
        changes
    }

    #[test]
    fn a_surface_is_unknown_first_and_after_a_reset_and_at_the_end() {
        let time = Time::from_seconds(0.0).unwrap();
        let tasks = vec![
            Task::Start { time },
            window(1.0),
            Task::Reset { time, why: Reset::Gap },
            window(2.0),
            Task::End { time },
        ];
        let found = changes(&mut surfaces(), vec![batch(0, tasks, &[0.9, 0.1, 0.1, 0.9])]);
        assert_eq!(found, [None, Some(0), None, Some(1), None]);
    }

    #[test]
    fn batches_that_threads_finish_out_of_order_are_put_in_order() {
        let time = Time::from_seconds(0.0).unwrap();
        let second = batch(1, vec![window(1.0)], &[0.1, 0.9]);
        let first = batch(0, vec![Task::Start { time }], &[]);
        assert_eq!(changes(&mut surfaces(), vec![second, first]), [None, Some(1)]);
    }
}
