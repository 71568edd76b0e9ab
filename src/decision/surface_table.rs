//! Every stream's decided surface, from probabilities in order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::batch::InferredBatch;
use super::context::ServingContext;
use super::filter::{Decision, DecisionFilter};
use super::outcome::{Outcome, Prediction, SurfaceChange};
use crate::signal::{StreamId, Time};
use crate::stream::{ProblemDelta, Problems, ResetReason, Task, Window, Work};

/// The deciders of all streams. It does no I/O and reads no clock.
#[derive(Debug)]
pub struct SurfaceTable {
    context: Arc<ServingContext>,
    /// A stream before its first window.
    fresh: DecisionFilter,
    streams: HashMap<StreamId, SurfaceEntry>,
    problems: Problems,
    /// Batches that came before one with a lower ticket; no more of them than threads of inference.
    early: BTreeMap<u64, InferredBatch>,
    next: u64,
}

#[derive(Debug)]
struct SurfaceEntry {
    decider: DecisionFilter,
    /// The stream's newest window, or its start.
    time: Time,
    last: SurfaceChange,
}

impl SurfaceTable {
    /// No stream yet.
    pub fn new(context: ServingContext) -> Self {
        let fresh = fresh(&context);
        Self {
            context: Arc::new(context),
            fresh,
            streams: HashMap::new(),
            problems: Problems::default(),
            early: BTreeMap::new(),
            next: 0,
        }
    }

    /// What changed in what is wrong with the streams, since this was last asked.
    pub fn delta(&mut self) -> Option<ProblemDelta> {
        self.problems.delta()
    }

    /// Takes a batch and gives what follows from it, in the order of tickets.
    pub fn push(&mut self, inferred: InferredBatch, mut emit: impl FnMut(Outcome)) {
        self.early.insert(inferred.ticket, inferred);
        while let Some(inferred) = self.early.remove(&self.next) {
            self.next += 1;
            if let Some(context) = inferred.context {
                self.take_over(*context, &mut emit);
            }
            let labels = self.context.card.labels.len();
            let mut rows = inferred.probabilities.chunks_exact(labels);
            for work in inferred.work {
                self.work(work, &mut rows, &mut emit);
            }
        }
    }

    fn work<'a>(
        &mut self,
        Work { stream, task }: Work,
        rows: &mut impl Iterator<Item = &'a [f32]>,
        emit: &mut impl FnMut(Outcome),
    ) {
        self.problems.take(&stream, &task, &self.context.card.channels);
        match task {
            Task::Start { time } => self.start(stream, time, emit),
            Task::Window { window, arrived } => {
                let row = rows.next().unwrap_or_default();
                self.window(stream, window, row, arrived, emit);
            }
            Task::Reset { time, why } => {
                if let Some(entry) = self.streams.get_mut(&stream) {
                    entry.decider.reset();
                    let reason = match why {
                        ResetReason::Gap => "samples are missing",
                        ResetReason::Restart => "the clock started again",
                        ResetReason::Silence => "no sample comes",
                        ResetReason::Missing(_) => "a channel is silent",
                        ResetReason::Model => "another model took over",
                    };
                    entry.change(time, Decision::UNKNOWN, Some(reason.into()), emit);
                }
            }
            Task::End { time } => {
                if let Some(mut entry) = self.streams.remove(&stream) {
                    entry.change(time, Decision::UNKNOWN, Some("the stream ended".into()), emit);
                }
                emit(Outcome::End(stream));
            }
        }
    }

    fn start(&mut self, stream: StreamId, time: Time, emit: &mut impl FnMut(Outcome)) {
        let last = SurfaceChange {
            stream: stream.clone(),
            time,
            since: time,
            surface: None,
            confidence: 0.0,
            previous: None,
            reason: Some("no window is complete yet".into()),
        };
        emit(Outcome::Change(last.clone()));
        self.streams.insert(stream, SurfaceEntry { decider: self.fresh.clone(), time, last });
    }

    fn window(
        &mut self,
        stream: StreamId,
        Window { time, quality, .. }: Window,
        probabilities: &[f32],
        arrived: Instant,
        emit: &mut impl FnMut(Outcome),
    ) {
        if !self.streams.contains_key(&stream) {
            // Its start was dropped under overload.
            self.start(stream.clone(), time, emit);
        }
        let Some(entry) = self.streams.get_mut(&stream) else { return };
        entry.time = time;
        let (decision, reason) = match quality.withheld() {
            None => {
                let decision = entry.decider.step(time, probabilities);
                (decision, decision.surface.is_none().then(|| "no surface is likely enough".to_owned()))
            }
            Some(fault) => {
                entry.decider.reset();
                (Decision::UNKNOWN, Some(fault.reason()))
            }
        };
        entry.change(time, decision, reason, emit);
        emit(Outcome::Prediction(Prediction {
            stream,
            time,
            surface: decision.surface,
            confidence: decision.confidence,
            probabilities: probabilities.to_vec(),
            quality,
            arrived,
        }));
    }

    /// Decides by other terms from here on. Beliefs are kept where the labels are; else each surface is unknown until the stream's
    /// next window. Where another model takes over, every surface is told again.
    fn take_over(&mut self, context: ServingContext, emit: &mut impl FnMut(Outcome)) {
        let before = std::mem::replace(&mut self.context, Arc::new(context));
        let (old, new) = (&before.card.labels, &self.context.card.labels);
        self.fresh = fresh(&self.context);
        emit(Outcome::Context(self.context.clone()));
        let same_model = before.card == self.context.card && before.model == self.context.model;
        for entry in self.streams.values_mut() {
            if old == new {
                entry.decider.adopt(&self.fresh);
            } else {
                entry.decider = self.fresh.clone();
                // What it was, as far as the other labels have it.
                let previous = entry.last.surface.and_then(|surface| old.get(surface));
                entry.last.previous = Some(previous.and_then(|name| new.iter().position(|own| own == name)));
                entry.last.surface = None;
                entry.last.confidence = 0.0;
                (entry.last.time, entry.last.since) = (entry.time, entry.time);
                entry.last.reason = Some("another model took over".into());
            }
            if !same_model {
                emit(Outcome::Change(entry.last.clone()));
            }
        }
    }
}

fn fresh(context: &ServingContext) -> DecisionFilter {
    DecisionFilter::new(context.decide, &context.card, context.hop)
}

impl SurfaceEntry {
    /// Where the surface stays unknown, another reason is told, too.
    fn change(
        &mut self,
        time: Time,
        decision: Decision,
        reason: Option<String>,
        emit: &mut impl FnMut(Outcome),
    ) {
        if decision.surface == self.last.surface {
            if reason != self.last.reason {
                (self.last.time, self.last.reason) = (time, reason);
                emit(Outcome::Change(self.last.clone()));
            }
            return;
        }
        let previous = Some(self.last.surface);
        let Decision { surface, confidence } = decision;
        let stream = self.last.stream.clone();
        self.last = SurfaceChange { stream, time, since: time, surface, confidence, previous, reason };
        emit(Outcome::Change(self.last.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::filter::DecisionOptions;
    use crate::model::card::Card;
    use crate::signal::Channel;
    use crate::stream::{ChannelFault, FaultKind, Quality};

    fn context(model: &str, labels: &[&str]) -> ServingContext {
        let card = Card::of_test(10, 1, labels);
        ServingContext { card, model: model.into(), hop: 1, decide: DecisionOptions::default() }
    }

    fn surfaces() -> SurfaceTable {
        SurfaceTable::new(context("first", &["a", "b"]))
    }

    fn batch(ticket: u64, tasks: Vec<Task>, probabilities: &[f32]) -> InferredBatch {
        let stream = StreamId::new("rover").unwrap();
        let work = tasks.into_iter().map(|task| Work { stream: stream.clone(), task }).collect();
        InferredBatch { ticket, context: None, work, probabilities: probabilities.to_vec() }
    }

    fn window(seconds: f64) -> Task {
        let time = Time::from_seconds(seconds).unwrap();
        let window = Window { time, values: vec![], quality: Quality::default() };
        Task::Window { window, arrived: Instant::now() }
    }

    fn changes(surfaces: &mut SurfaceTable, batches: Vec<InferredBatch>) -> Vec<Option<usize>> {
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
            Task::Reset { time, why: ResetReason::Gap },
            window(2.0),
            Task::End { time },
        ];
        let found = changes(&mut surfaces(), vec![batch(0, tasks, &[0.9, 0.1, 0.1, 0.9])]);
        assert_eq!(found, [None, Some(0), None, Some(1), None]);
    }

    #[test]
    fn a_fault_withholds_the_surface_with_its_reason_and_is_news() {
        let time = Time::from_seconds(0.0).unwrap();
        let channel = Channel::in_ampere("left");
        let fault = ChannelFault { channel, kind: FaultKind::Stuck { value: 1.0 }, withholds: true };
        let stuck = |fault: &ChannelFault| {
            let quality = Quality { faults: vec![fault.clone()], ..Quality::default() };
            let window = Window { time: Time::from_seconds(1.1).unwrap(), values: vec![], quality };
            Task::Window { window, arrived: Instant::now() }
        };
        let told = ChannelFault { withholds: false, ..fault.clone() };
        let tasks = vec![Task::Start { time }, window(1.0), stuck(&told), stuck(&fault), window(1.2)];
        let (mut surfaces, mut found) = (surfaces(), Vec::new());
        surfaces.push(batch(0, tasks, &[0.9, 0.1].repeat(4)), |outcome| {
            if let Outcome::Change(change) = outcome {
                found.push((change.surface, change.reason.unwrap_or_default()));
            }
        });
        let unknown = |reason: &str| (None, reason.to_owned());
        let named = (Some(0), String::new());
        assert_eq!(
            found,
            [unknown("no window is complete yet"), named.clone(), unknown("left is stuck"), named]
        );
        let delta = surfaces.delta().unwrap();
        assert_eq!((delta.begun.len(), delta.ended.len(), delta.count), (1, 1, 0));
    }

    #[test]
    fn a_surface_that_stays_unknown_tells_another_reason() {
        let time = Time::from_seconds(0.0).unwrap();
        let mut found = Vec::new();
        let tasks = vec![Task::Start { time }, window(1.0), window(2.0)];
        let mut unsure = context("first", &["a", "b"]);
        unsure.decide.min_confidence = 0.9;
        SurfaceTable::new(unsure).push(batch(0, tasks, &[0.5; 4]), |outcome| {
            if let Outcome::Change(change) = outcome {
                found.push((change.since, change.reason.unwrap_or_default()));
            }
        });
        let reasons = ["no window is complete yet", "no surface is likely enough"];
        assert_eq!(found, reasons.map(|reason| (time, reason.to_owned())));
    }

    #[test]
    fn batches_that_threads_finish_out_of_order_are_put_in_order() {
        let time = Time::from_seconds(0.0).unwrap();
        let second = batch(1, vec![window(1.0)], &[0.1, 0.9]);
        let first = batch(0, vec![Task::Start { time }], &[]);
        assert_eq!(changes(&mut surfaces(), vec![second, first]), [None, Some(1)]);
    }

    #[test]
    fn another_model_with_the_same_labels_keeps_the_surface_and_tells_it_again() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![Task::Start { time }, window(1.0)], &[0.9, 0.1]);
        let other = InferredBatch {
            context: Some(Box::new(context("second", &["a", "b"]))),
            ..batch(1, vec![window(1.1)], &[0.8, 0.2])
        };
        assert_eq!(changes(&mut surfaces(), vec![first, other]), [None, Some(0), Some(0)]);
    }

    #[test]
    fn another_decision_alone_changes_no_surface() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![Task::Start { time }, window(1.0)], &[0.9, 0.1]);
        let mut strict = context("first", &["a", "b"]);
        strict.decide = DecisionOptions { min_confidence: 0.9999, hysteresis: 0.0, ..strict.decide };
        let other = InferredBatch { context: Some(Box::new(strict)), ..batch(1, vec![], &[]) };
        let next = batch(2, vec![window(1.1)], &[0.9, 0.1]);
        assert_eq!(changes(&mut surfaces(), vec![first, other, next]), [None, Some(0), None]);
    }

    #[test]
    fn with_other_labels_a_surface_is_unknown_until_the_next_window() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![Task::Start { time }, window(1.0)], &[0.1, 0.9]);
        let other = InferredBatch {
            context: Some(Box::new(context("second", &["b", "c", "d"]))),
            ..batch(1, vec![window(1.1)], &[0.1, 0.1, 0.8])
        };
        let mut outcomes = Vec::new();
        let mut surfaces = surfaces();
        for batch in [first, other] {
            surfaces.push(batch, |outcome| outcomes.push(outcome));
        }
        let [
            _,
            _,
            _,
            Outcome::Context(context),
            Outcome::Change(unknown),
            Outcome::Change(named),
            Outcome::Prediction(prediction),
        ] = outcomes.as_slice()
        else {
            panic!("{outcomes:?}")
        };
        assert_eq!(context.model, "second");
        // "b" is the first of the new labels.
        assert_eq!((unknown.surface, unknown.previous), (None, Some(Some(0))));
        assert_eq!((named.surface, named.previous), (Some(2), Some(None)));
        assert_eq!(prediction.probabilities.len(), 3);
    }
}
