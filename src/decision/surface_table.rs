//! The decided surface of every stream.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::batch::InferredBatch;
use super::context::ServingContext;
use super::filter::{Decision, DecisionFilter};
use super::outcome::{Outcome, Prediction, SurfaceChange};
use crate::signal::{StreamId, Time};
use crate::stream::{EventKind, ProblemDelta, Problems, RateFault, ResetReason, StreamEvent, Window};

/// Why the surface is unknown when the model's output is NaN or infinite.
const NO_NUMBERS: &str = "the model's answer is not a number";

/// Decides the surfaces of all streams, and collects the problems of their input.
///
/// Batches are handled in the order of their sequence numbers, whatever the order in which inference threads
/// finish them.
#[derive(Debug)]
pub struct SurfaceTable {
    context: Arc<ServingContext>,
    /// The filter that each new stream gets a copy of.
    initial_filter: DecisionFilter,
    streams: HashMap<StreamId, SurfaceEntry>,
    problems: Problems,
    /// Batches that arrived before one with a lower sequence number, by sequence number. The slots of the batches
    /// limit how many there are.
    out_of_order: BTreeMap<u64, InferredBatch>,
    /// The sequence number of the next batch to be handled.
    next_sequence: u64,
}

/// The state of one stream.
#[derive(Debug)]
struct SurfaceEntry {
    filter: DecisionFilter,
    /// The time of the newest window, or of the stream's start.
    time: Time,
    /// The change that was emitted last.
    last_change: SurfaceChange,
}

impl SurfaceTable {
    /// Creates a table without streams.
    pub fn new(context: ServingContext) -> Self {
        let initial_filter = initial_filter(&context);
        Self {
            context: Arc::new(context),
            initial_filter,
            streams: HashMap::new(),
            problems: Problems::default(),
            out_of_order: BTreeMap::new(),
            next_sequence: 0,
        }
    }

    /// How the problems of the streams' input changed since this was last called. `None` if they did not.
    pub fn problem_delta(&mut self) -> Option<ProblemDelta> {
        self.problems.delta()
    }

    /// Adds a batch, and emits the outcomes of every batch whose turn it is.
    pub fn push(&mut self, batch: InferredBatch, mut emit: impl FnMut(Outcome)) {
        self.out_of_order.insert(batch.sequence, batch);
        while let Some(batch) = self.out_of_order.remove(&self.next_sequence) {
            self.next_sequence += 1;
            if let Some(context) = batch.context {
                self.replace_context(*context, &mut emit);
            }
            let labels = self.context.card.labels.len();
            let mut rows = batch.probabilities.chunks_exact(labels);
            for event in batch.events {
                self.handle(event, &mut rows, &mut emit);
            }
        }
    }

    /// Handles one event. `rows` are the probabilities of the windows that have not been handled yet.
    fn handle<'a>(
        &mut self,
        StreamEvent { stream, kind }: StreamEvent,
        rows: &mut impl Iterator<Item = &'a [f32]>,
        emit: &mut impl FnMut(Outcome),
    ) {
        self.problems.update(&stream, &kind, &self.context.card);
        match kind {
            EventKind::Start { time } => self.start(stream, time, emit),
            EventKind::Window { window, arrived } => {
                let row = rows.next().unwrap_or_default();
                self.window(stream, window, row, arrived, emit);
            }
            EventKind::Reset { time, reason } => {
                if let Some(entry) = self.streams.get_mut(&stream) {
                    entry.filter.reset();
                    let reason = match reason {
                        ResetReason::Gap => "samples are missing",
                        ResetReason::Restart => "the clock started again",
                        ResetReason::Silence => "no samples arrive",
                        ResetReason::Missing(_) => "a channel is silent",
                        ResetReason::Rate(_) => RateFault::NAME,
                        ResetReason::Model => "another model took over",
                    };
                    entry.change(time, Decision::UNKNOWN, Some(reason.into()), emit);
                }
            }
            EventKind::End { time } => {
                if let Some(mut entry) = self.streams.remove(&stream) {
                    entry.change(time, Decision::UNKNOWN, Some("the stream ended".into()), emit);
                }
                emit(Outcome::End(stream));
            }
        }
    }

    fn start(&mut self, stream: StreamId, time: Time, emit: &mut impl FnMut(Outcome)) {
        let last_change = SurfaceChange {
            stream: stream.clone(),
            time,
            since: time,
            surface: None,
            confidence: 0.0,
            previous: None,
            reason: Some("no window is complete yet".into()),
        };
        emit(Outcome::Change(last_change.clone()));
        let filter = self.initial_filter.clone();
        self.streams.insert(stream, SurfaceEntry { filter, time, last_change });
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
            // The stream's start event was dropped because of overload.
            self.start(stream.clone(), time, emit);
        }
        let Some(entry) = self.streams.get_mut(&stream) else { return };
        entry.time = time;
        let is_broken = probabilities.iter().any(|probability| !probability.is_finite());
        let blocked = quality.blocking_reason().or_else(|| is_broken.then(|| NO_NUMBERS.to_owned()));
        let (decision, reason) = match blocked {
            None => {
                let decision = entry.filter.step(time, probabilities);
                (decision, decision.surface.is_none().then(|| "no surface is likely enough".to_owned()))
            }
            Some(reason) => {
                entry.filter.reset();
                (Decision::UNKNOWN, Some(reason))
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

    /// Replaces the serving context. If the labels are the same, what is known about the surfaces is kept;
    /// otherwise each surface is unknown until the stream's next window. If the model is another one, every
    /// surface is emitted again, because it is published with the model's name.
    fn replace_context(&mut self, context: ServingContext, emit: &mut impl FnMut(Outcome)) {
        let previous = std::mem::replace(&mut self.context, Arc::new(context));
        let (old_labels, new_labels) = (&previous.card.labels, &self.context.card.labels);
        self.initial_filter = initial_filter(&self.context);
        emit(Outcome::Context(self.context.clone()));
        let same_model = previous.card == self.context.card && previous.model == self.context.model;
        for entry in self.streams.values_mut() {
            if old_labels == new_labels {
                entry.filter.reconfigure(&self.initial_filter);
            } else {
                entry.filter = self.initial_filter.clone();
                let last = &mut entry.last_change;
                // The surface so far, unless the new labels do not have it.
                let surface = last.surface.and_then(|surface| old_labels.get(surface));
                last.previous = Some(surface.and_then(|name| new_labels.iter().position(|new| new == name)));
                last.surface = None;
                last.confidence = 0.0;
                (last.time, last.since) = (entry.time, entry.time);
                last.reason = Some("another model took over".into());
            }
            if !same_model {
                emit(Outcome::Change(entry.last_change.clone()));
            }
        }
    }
}

fn initial_filter(context: &ServingContext) -> DecisionFilter {
    DecisionFilter::new(context.decision, &context.card, context.hop)
}

impl SurfaceEntry {
    /// Emits a change if the surface, or the reason why it is unknown, differs from the last change.
    fn change(
        &mut self,
        time: Time,
        Decision { surface, confidence }: Decision,
        reason: Option<String>,
        emit: &mut impl FnMut(Outcome),
    ) {
        let last = &mut self.last_change;
        if surface == last.surface {
            if reason == last.reason {
                return;
            }
            (last.time, last.reason) = (time, reason);
        } else {
            let (stream, previous) = (last.stream.clone(), Some(last.surface));
            *last = SurfaceChange { stream, time, since: time, surface, confidence, previous, reason };
        }
        emit(Outcome::Change(last.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::batch::BatchSlot;
    use crate::decision::filter::DecisionOptions;
    use crate::model::card::Card;
    use crate::signal::Channel;
    use crate::stream::{ChannelFault, FaultKind, Quality};

    fn context(model: &str, labels: &[&str]) -> ServingContext {
        let card = Card::of_test(10, 1, labels);
        ServingContext { card, model: model.into(), hop: 1, decision: DecisionOptions::default() }
    }

    fn surfaces() -> SurfaceTable {
        SurfaceTable::new(context("first", &["a", "b"]))
    }

    fn batch(sequence: u64, kinds: Vec<EventKind>, probabilities: &[f32]) -> InferredBatch {
        let stream = StreamId::new("rover").unwrap();
        let events = kinds.into_iter().map(|kind| StreamEvent { stream: stream.clone(), kind }).collect();
        InferredBatch {
            sequence,
            context: None,
            events,
            probabilities: probabilities.to_vec(),
            slot: BatchSlot::unlimited(),
        }
    }

    fn window(seconds: f64) -> EventKind {
        let time = Time::from_seconds(seconds).unwrap();
        let window = Window { time, values: vec![], quality: Quality::default() };
        EventKind::Window { window, arrived: Instant::now() }
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
    fn a_surface_is_unknown_at_the_start_and_after_a_reset_and_at_the_end() {
        let time = Time::from_seconds(0.0).unwrap();
        let kinds = vec![
            EventKind::Start { time },
            window(1.0),
            EventKind::Reset { time, reason: ResetReason::Gap },
            window(2.0),
            EventKind::End { time },
        ];
        let found = changes(&mut surfaces(), vec![batch(0, kinds, &[0.9, 0.1, 0.1, 0.9])]);
        assert_eq!(found, [None, Some(0), None, Some(1), None]);
    }

    #[test]
    fn a_fault_makes_the_surface_unknown_with_its_reason_and_is_a_problem() {
        let time = Time::from_seconds(0.0).unwrap();
        let channel = Channel::in_ampere("left");
        let fault = ChannelFault { channel, kind: FaultKind::Stuck { value: 1.0 }, blocks_decision: true };
        let stuck = |fault: &ChannelFault| {
            let quality = Quality { faults: vec![fault.clone()], ..Quality::default() };
            let window = Window { time: Time::from_seconds(1.1).unwrap(), values: vec![], quality };
            EventKind::Window { window, arrived: Instant::now() }
        };
        let reported = ChannelFault { blocks_decision: false, ..fault.clone() };
        let kinds =
            vec![EventKind::Start { time }, window(1.0), stuck(&reported), stuck(&fault), window(1.2)];
        let (mut surfaces, mut found) = (surfaces(), Vec::new());
        surfaces.push(batch(0, kinds, &[0.9, 0.1].repeat(4)), |outcome| {
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
        let delta = surfaces.problem_delta().unwrap();
        assert_eq!((delta.begun.len(), delta.ended.len(), delta.count), (1, 1, 0));
    }

    #[test]
    fn a_change_of_the_reason_alone_is_emitted_too() {
        let time = Time::from_seconds(0.0).unwrap();
        let mut found = Vec::new();
        let kinds = vec![EventKind::Start { time }, window(1.0), window(2.0)];
        let mut demanding = context("first", &["a", "b"]);
        demanding.decision.min_confidence = 0.9;
        SurfaceTable::new(demanding).push(batch(0, kinds, &[0.5; 4]), |outcome| {
            if let Outcome::Change(change) = outcome {
                found.push((change.since, change.reason.unwrap_or_default()));
            }
        });
        let reasons = ["no window is complete yet", "no surface is likely enough"];
        assert_eq!(found, reasons.map(|reason| (time, reason.to_owned())));
    }

    #[test]
    fn batches_that_are_finished_out_of_order_are_handled_in_order() {
        let time = Time::from_seconds(0.0).unwrap();
        let second = batch(1, vec![window(1.0)], &[0.1, 0.9]);
        let first = batch(0, vec![EventKind::Start { time }], &[]);
        assert_eq!(changes(&mut surfaces(), vec![second, first]), [None, Some(1)]);
    }

    #[test]
    fn another_model_with_the_same_labels_keeps_the_surface_and_emits_it_again() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![EventKind::Start { time }, window(1.0)], &[0.9, 0.1]);
        let other = InferredBatch {
            context: Some(Box::new(context("second", &["a", "b"]))),
            ..batch(1, vec![window(1.1)], &[0.8, 0.2])
        };
        assert_eq!(changes(&mut surfaces(), vec![first, other]), [None, Some(0), Some(0)]);
    }

    #[test]
    fn other_decision_settings_alone_emit_no_surface() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![EventKind::Start { time }, window(1.0)], &[0.9, 0.1]);
        let mut strict = context("first", &["a", "b"]);
        strict.decision = DecisionOptions { min_confidence: 1.0, hysteresis: 0.0, ..strict.decision };
        let other = InferredBatch { context: Some(Box::new(strict)), ..batch(1, vec![], &[]) };
        let next = batch(2, vec![window(1.1)], &[0.9, 0.1]);
        assert_eq!(changes(&mut surfaces(), vec![first, other, next]), [None, Some(0), None]);
    }

    #[test]
    fn with_other_labels_a_surface_is_unknown_until_the_next_window() {
        let time = Time::from_seconds(0.0).unwrap();
        let first = batch(0, vec![EventKind::Start { time }, window(1.0)], &[0.1, 0.9]);
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
