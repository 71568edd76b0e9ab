//! The decided surface of every stream.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::batch::InferredBatch;
use super::context::ServingContext;
use super::filter::{Decision, DecisionFilter};
use super::outcome::{ENDED, Outcome, Prediction, SurfaceChange};
use super::published_surfaces::{PublishedSurface, PublishedSurfaces};
use super::surface_entry::SurfaceEntry;
use super::withheld::Withheld;
use crate::model::answers::Answer;
use crate::receipt::Receipt;
use crate::signal::{StreamId, Time};
use crate::stream::{
    EventKind, Problem, ProblemDelta, Problems, RateFault, ResetReason, StreamEvent, Window,
};

/// Why the surface is unknown when the model's output is NaN or infinite.
const NO_NUMBERS: &str = "the model's answer is not a number";
/// Why the surface is unknown when the model's novelty is not what it should be.
const NO_NOVELTY: &str = "the model's novelty is not a number from 0 to 1";
/// Why the surface is unknown when it is probably one that the model does not know.
const NOVEL: &str = "novel";

/// Why the surface is unknown when another node followed the stream before.
const FAILOVER: &str = "failover";
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
    /// The surfaces that were published last, if other nodes publish some, too.
    published: Option<Arc<PublishedSurfaces>>,
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
            published: None,
        }
    }

    /// Begins new streams with the surfaces that were published last.
    pub(crate) fn with_published(self, published: Option<Arc<PublishedSurfaces>>) -> Self {
        Self { published, ..self }
    }

    /// How the problems of the streams' input changed since this was last called. `None` if they did not.
    pub fn problem_delta(&mut self) -> Option<ProblemDelta> {
        self.problems.delta()
    }

    /// Adds a batch, and emits the outcomes of every batch whose turn it is. Returns the receipts of what is decided.
    pub fn push(&mut self, batch: InferredBatch, mut emit: impl FnMut(Outcome)) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        let (published, mut context) = (self.published.clone(), self.context.clone());
        let mut emit = |outcome: Outcome| {
            match (&published, &outcome) {
                (Some(published), Outcome::Change(change)) => published.note(change, &context.card.labels),
                (_, Outcome::Context(next)) => context = next.clone(),
                _ => {}
            }
            emit(outcome);
        };
        self.out_of_order.insert(batch.sequence, batch);
        while let Some(batch) = self.out_of_order.remove(&self.next_sequence) {
            self.next_sequence += 1;
            if let Some(context) = batch.context {
                self.replace_context(*context, &mut emit);
            }
            let labels = self.context.card.labels.len();
            let mut answers = batch.answers.rows(labels);
            for event in batch.events {
                self.handle(event, &mut answers, &mut emit);
            }
            receipts.extend(batch.receipts);
        }
        receipts
    }

    /// Handles one event. `answers` are those to the windows that have not been handled yet.
    fn handle<'a>(
        &mut self,
        StreamEvent { stream, kind }: StreamEvent,
        answers: &mut impl Iterator<Item = Answer<'a>>,
        emit: &mut impl FnMut(Outcome),
    ) {
        self.problems.update(&stream, &kind, &self.context.card);
        match kind {
            EventKind::Start { time } => self.start(stream, time, emit),
            EventKind::Window { window, arrived } => {
                let answer = answers.next().unwrap_or_default();
                self.window(stream, window, answer, arrived, emit);
            }
            EventKind::Reset { time, reason } => {
                if let Some(entry) = self.streams.get_mut(&stream) {
                    entry.filter.reset();
                    if reason == ResetReason::Restart {
                        entry.published_until = None;
                    }
                    let reason = match reason {
                        ResetReason::Gap => "samples are missing",
                        ResetReason::Restart => "the clock started again",
                        ResetReason::Silence => "no samples arrive",
                        ResetReason::Missing(_) => "a channel is silent",
                        ResetReason::Rate(_) => RateFault::NAME,
                        ResetReason::Model => "another model took over",
                    };
                    entry.change(time, Decision::UNKNOWN, Some(reason.into()), None, emit);
                }
            }
            EventKind::End { time } => {
                if let Some(mut entry) = self.streams.remove(&stream) {
                    entry.change(time, Decision::UNKNOWN, Some(ENDED.into()), None, emit);
                }
                emit(Outcome::End(stream));
            }
            EventKind::Moved => {
                self.streams.remove(&stream);
                emit(Outcome::Moved(stream));
            }
        }
    }

    fn start(&mut self, stream: StreamId, time: Time, emit: &mut impl FnMut(Outcome)) {
        let mut filter = self.initial_filter.clone();
        let published = self.published.as_ref().and_then(|published| published.get(&stream));
        let (mut last_change, mut published_until) =
            (SurfaceChange::unknown(stream.clone(), time, "no window is complete yet"), None);
        if let Some(published) = published {
            let is_later = published.is_later_than(time);
            let PublishedSurface { surface, time: until } = published;
            let index = self.context.card.labels.iter().position(|label| **label == *surface);
            index.into_iter().for_each(|index| filter.expect(index));
            last_change.reason = Some(FAILOVER.into());
            last_change.previous = Some(index);
            if is_later || until == time {
                // The change follows the one that was published, whatever samples come again.
                (last_change.time, last_change.since) = (until, until);
                published_until = Some(until);
            }
        }
        emit(Outcome::Change(last_change.clone()));
        self.streams.insert(stream, SurfaceEntry { filter, time, last_change, published_until });
    }

    fn window(
        &mut self,
        stream: StreamId,
        Window { time, quality, .. }: Window,
        answer: Answer<'_>,
        arrived: Instant,
        emit: &mut impl FnMut(Outcome),
    ) {
        if !self.streams.contains_key(&stream) {
            // The stream's start event was dropped because of overload.
            self.start(stream.clone(), time, emit);
        }
        let Some(entry) = self.streams.get_mut(&stream) else { return };
        entry.time = time;
        let blocked = quality.blocking_reason().map(|reason| (Withheld::Fault, reason));
        let blocked = blocked.or_else(|| Some((Withheld::NoNumber, broken(&answer)?.to_owned())));
        let (decision, withheld, decided) = match blocked {
            None => {
                let decision = entry.filter.step(time, answer);
                let withheld = match decision {
                    Decision { surface: Some(_), .. } => None,
                    Decision { is_novel: true, .. } => Some((Withheld::Novel, NOVEL.to_owned())),
                    _ => Some((Withheld::Unlikely, "no surface is likely enough".to_owned())),
                };
                (decision, withheld, Some((answer, self.context.card.candidates)))
            }
            blocked => {
                entry.filter.reset();
                (Decision::UNKNOWN, blocked, None)
            }
        };
        let (withheld, reason) = withheld.unzip();
        entry.change(time, decision, reason, decided, emit);
        let novel = (withheld == Some(Withheld::Novel)).then(|| novel(&entry.last_change));
        self.problems.window(&stream, &quality, &self.context.card, novel);
        emit(Outcome::Prediction(Prediction {
            stream,
            time,
            surface: decision.surface,
            withheld,
            confidence: decision.confidence,
            probabilities: answer.probabilities.to_vec(),
            novelty: answer.novelty.filter(|novelty| (0.0..=1.0).contains(novelty)),
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
                (last.novelty, last.candidates) = (None, None);
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

/// What is wrong with an answer, if anything is.
fn broken(answer: &Answer<'_>) -> Option<&'static str> {
    match answer.probabilities.iter().all(|probability| probability.is_finite()) {
        _ if answer.is_valid() => None,
        true => Some(NO_NOVELTY),
        false => Some(NO_NUMBERS),
    }
}

/// The problem of a stream that is on a surface that the model does not know since this change.
fn novel(change: &SurfaceChange) -> Problem {
    let novelty = change.novelty.unwrap_or_default();
    Problem {
        stream: change.stream.clone(),
        channel: None,
        problem: NOVEL,
        detail: format!(
            "its windows are unlike the training data (novelty {novelty:.3} at the decision), so it is probably on a surface \
             that the model does not know; record it with its label and fit the model again"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::batch::BatchSlot;
    use crate::decision::filter::DecisionOptions;
    use crate::model::answers::Answers;
    use crate::model::card::Card;
    use crate::signal::Channel;
    use crate::stream::{ChannelFault, FaultKind, Quality};

    fn context(model: &str, labels: &[&str]) -> ServingContext {
        let card = Card::of_test(10, 1, labels);
        ServingContext { card, model: model.into(), node: None, hop: 1, decision: DecisionOptions::default() }
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
            receipts: Vec::new(),
            answers: Answers { probabilities: probabilities.to_vec(), novelty: Vec::new() },
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
    fn a_node_that_takes_over_begins_with_what_was_published_and_publishes_nothing_older() {
        let published = Arc::new(PublishedSurfaces::new(8));
        let at = |seconds: f64| Time::from_seconds(seconds).unwrap();
        let (stream, surface) = (StreamId::new("rover").unwrap(), "b".into());
        published.set(stream, PublishedSurface { surface, time: at(2.0) });
        let mut surfaces = surfaces().with_published(Some(published));
        let mut found = Vec::new();
        // The samples of the first two windows are delivered again.
        let kinds = vec![EventKind::Start { time: at(0.5) }, window(1.5), window(2.0), window(2.5)];
        surfaces.push(batch(0, kinds, &[0.9, 0.1, 0.9, 0.1, 0.1, 0.9]), |outcome| {
            if let Outcome::Change(change) = outcome {
                found.push((change.surface, change.time, change.reason));
            }
        });
        assert_eq!(found, [(None, at(2.0), Some("failover".into())), (Some(1), at(2.5), None)]);
        // Another node follows the stream again: nothing is said, and it is only forgotten.
        let mut outcomes = Vec::new();
        surfaces.push(batch(1, vec![EventKind::Moved], &[]), |outcome| outcomes.push(outcome));
        assert!(matches!(outcomes.as_slice(), [Outcome::Moved(_)]), "{outcomes:?}");
    }

    #[test]
    fn a_node_that_gets_a_stream_back_knows_what_it_has_published_itself() {
        let at = |seconds: f64| Time::from_seconds(seconds).unwrap();
        let mut surfaces = surfaces().with_published(Some(Arc::new(PublishedSurfaces::new(8))));
        let kinds = vec![EventKind::Start { time: at(0.5) }, window(9.0), EventKind::Moved];
        surfaces.push(batch(0, kinds, &[0.9, 0.1]), |_| {});
        let mut found = Vec::new();
        let kinds = vec![EventKind::Start { time: at(7.5) }, window(8.5), window(9.5)];
        surfaces.push(batch(1, kinds, &[0.1, 0.9].repeat(2)), |outcome| {
            if let Outcome::Change(change) = outcome {
                found.push((change.surface, change.time, change.previous));
            }
        });
        assert_eq!(found, [(None, at(9.0), Some(Some(0))), (Some(1), at(9.5), Some(None))]);
    }

    #[test]
    fn a_published_surface_of_before_a_restart_of_the_clock_holds_nothing_back() {
        let published = Arc::new(PublishedSurfaces::new(8));
        let at = |seconds: f64| Time::from_seconds(seconds).unwrap();
        let surface = PublishedSurface { surface: "b".into(), time: at(5000.0) };
        published.set(StreamId::new("rover").unwrap(), surface);
        let mut surfaces = surfaces().with_published(Some(published));
        let kinds = vec![EventKind::Start { time: at(0.5) }, window(1.5)];
        assert_eq!(changes(&mut surfaces, vec![batch(0, kinds, &[0.9, 0.1])]), [None, Some(0)]);
    }

    #[test]
    fn receipts_come_back_when_everything_before_them_is_decided() {
        let released = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let receipt = || {
            let released = released.clone();
            Receipt::new(move || {
                released.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            })
        };
        let with = |sequence| InferredBatch { receipts: vec![receipt()], ..batch(sequence, vec![], &[]) };
        let mut surfaces = surfaces();
        assert!(surfaces.push(with(1), |_| {}).is_empty(), "a batch before it is still on its way");
        assert_eq!(surfaces.push(with(0), |_| {}).len(), 2);
        assert_eq!(released.load(std::sync::atomic::Ordering::Relaxed), 2);
    }

    /// The outcomes of windows a second apart with these answers, of a model with candidates.
    fn outcomes(surfaces: &mut SurfaceTable, answers: Answers) -> Vec<Outcome> {
        let kinds = (1..=answers.novelty.len()).map(|second| window(second as f64)).collect();
        let mut outcomes = Vec::new();
        let batch = InferredBatch { answers, ..batch(0, kinds, &[]) };
        surfaces.push(batch, |outcome| outcomes.push(outcome));
        outcomes
    }

    fn surfaces_with_candidates() -> SurfaceTable {
        let mut context = context("first", &["a", "b"]);
        context.card.candidates = Some(0.125);
        SurfaceTable::new(context)
    }

    #[test]
    fn a_novel_surface_is_unknown_with_its_novelty_and_candidates_and_is_a_problem() {
        let mut surfaces = surfaces_with_candidates();
        let novelty = vec![0.5, 0.5, 0.999, 0.999, 0.999, 0.999];
        let probabilities = [[0.9, 0.1], [0.75, 0.25]].concat().repeat(3);
        let (mut changes, mut withheld) = (Vec::new(), Vec::new());
        for outcome in outcomes(&mut surfaces, Answers { probabilities, novelty }) {
            match outcome {
                Outcome::Change(change) => changes.push(change),
                Outcome::Prediction(prediction) => withheld.push(prediction.withheld),
                _ => {}
            }
        }
        let [start, named, novel] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((start.novelty, &start.candidates), (None, &None));
        assert_eq!((named.surface, named.novelty), (Some(0), Some(0.5)));
        assert_eq!(named.candidates, Some(vec![0]));
        assert_eq!((novel.surface, novel.reason.as_deref()), (None, Some("novel")));
        assert_eq!((novel.novelty, &novel.candidates), (Some(0.999), &Some(vec![0, 1])));
        assert_eq!(
            withheld,
            [None, None, None, Some(Withheld::Novel), Some(Withheld::Novel), Some(Withheld::Novel)]
        );
        let delta = surfaces.problem_delta().unwrap();
        assert_eq!((delta.begun.len(), delta.count, delta.current[0].problem), (1, 1, "novel"));
        assert!(delta.current[0].detail.contains("(novelty 0.999 at the decision)"), "{delta:?}");
    }

    #[test]
    fn a_novelty_that_is_no_number_from_0_to_1_makes_the_surface_unknown_and_is_not_passed_on() {
        for (wrong, probability, expected) in
            [(f32::NAN, 0.9, NO_NOVELTY), (1.5, 0.9, NO_NOVELTY), (0.5, f32::NAN, NO_NUMBERS)]
        {
            let answers = Answers { probabilities: vec![probability, 0.1], novelty: vec![wrong] };
            let emitted = outcomes(&mut surfaces_with_candidates(), answers);
            let [_, Outcome::Change(change), Outcome::Prediction(prediction)] = emitted.as_slice() else {
                panic!("{emitted:?}")
            };
            assert_eq!((change.surface, change.reason.as_deref()), (None, Some(expected)));
            assert_eq!((change.novelty, &change.candidates), (None, &None));
            assert_eq!(prediction.withheld, Some(Withheld::NoNumber));
            assert_eq!(prediction.novelty, (wrong == 0.5).then_some(wrong));
        }
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
