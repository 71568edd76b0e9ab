//! The surfaces that the daemon would publish for recordings, and how often they are right.
//!
//! A recording is read again from its file and passes through the daemon's own parts, with the same settings as
//! in `underfoot replay`: the stream table cuts it into windows and judges their quality, the surface table
//! decides, and the evaluation sink scores the decisions. So windows that lie across two surfaces are decided,
//! too, although they have no label, and gaps and faults of sensors reset a decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::{BatchSlot, DecisionOptions, InferredBatch, Outcome, ServingContext, SurfaceTable};
use crate::model::answers::Answers;
use crate::model::card::Card;
use crate::recordings::labels::Labels;
use crate::recordings::reader::RecordingReader;
use crate::recordings::{Recording, RecordingError};
use crate::score::Confusion;
use crate::signal::{Arrival, Drops, SampleBatch};
use crate::sink::evaluation::{EvaluationSink, UnknownLabel};
use crate::source::file::Truth;
use crate::stream::{EventKind, StreamEvent, StreamTable, StreamTableOptions, WindowerOptions};
use crate::train::data::dataset::Dataset;
use crate::train::fit::ensemble;
use crate::train::fit::trained::Trained;

/// What a score of decisions on recordings of one surface each is worth, in one sentence.
pub(crate) const NO_CHANGES: &str = "each of these recordings is on one surface, so no decision had to follow a \
     change: expect lower scores of decisions on drives over several surfaces";

/// Actual labels against the decisions on recordings so far.
pub(crate) struct Decisions<'a> {
    card: &'a Card,
    truth: Truth,
    evaluation: EvaluationSink,
}

impl<'a> Decisions<'a> {
    /// No decisions so far; they will be those of the daemon for the model with this card.
    pub(crate) fn new(card: &'a Card) -> Self {
        let truth = Truth::default();
        Self { card, evaluation: EvaluationSink::new(card, truth.clone()), truth }
    }

    /// The decisions of a trained model on its held-out recordings. A recording is answered by the networks and
    /// companions that were not trained on it. `found` has the recordings of the dataset, in its order, and
    /// `card` is that of the trained model.
    ///
    /// # Errors
    /// [`RecordingError`] if a recording cannot be read.
    pub(crate) fn held_out(
        trained: &Trained,
        dataset: &Dataset,
        found: &[Recording],
        card: &'a Card,
    ) -> Result<Self, RecordingError> {
        let mut decisions = Self::new(card);
        for (recording, networks) in trained.held_out_recordings(dataset) {
            let Some(recording) = found.get(recording) else { continue };
            decisions.add(recording, |windows| {
                let probabilities = ensemble::probabilities(&networks, windows, card.labels.len());
                // The model's own score, as the daemon has it, although it was fitted to these recordings as well.
                let novelty = trained.ensemble.novelty_of(windows);
                let novelty = novelty.into_iter().map(|novelty| novelty as f32).collect();
                Ok::<_, RecordingError>(Answers { probabilities, novelty })
            })?;
        }
        Ok(decisions)
    }

    /// Adds the decisions on a recording. `answer` returns the answers to windows, each row-major [W, C].
    ///
    /// # Errors
    /// If the recording cannot be read, or `answer` fails.
    pub(crate) fn add<E: From<RecordingError>>(
        &mut self,
        recording: &Recording,
        answer: impl FnMut(&[&[f32]]) -> Result<Answers, E>,
    ) -> Result<(), E> {
        let (stream, truth) = (recording.stream(), self.truth.clone());
        let labels = |labels| truth.set(&stream, labels);
        decide(self.card, recording, answer, labels, |outcome| self.evaluation.take(outcome)).map(|_| ())
    }

    /// The predictions on each label that the model does not know.
    pub(crate) fn unknown_labels(&self) -> &BTreeMap<String, UnknownLabel> {
        self.evaluation.unknown_labels()
    }

    /// Actual labels against decisions, at the last step of each window.
    pub(crate) fn confusion(&self) -> &Confusion {
        self.evaluation.decisions()
    }
}

/// What there is to say about a recording after it has been read to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadingNotes {
    /// The samples that were dropped until the windows were cut, by reason.
    pub drops: Drops,
    /// That the times are not in seconds, if that was worked out.
    pub unit: Option<String>,
    /// What seems to be wrong with the recording although it can be read.
    pub warning: Option<String>,
}

/// Reads a recording through the daemon's own parts, and emits what the daemon would, for a model with this card.
/// `answer` returns the answers to windows, each row-major [W, C]. `labels` gets the labels of the recording each time
/// that more of them may be known, before the outcomes at those times are emitted.
///
/// # Errors
/// If the recording cannot be read, or `answer` fails.
pub(crate) fn decide<E: From<RecordingError>>(
    card: &Card,
    recording: &Recording,
    mut answer: impl FnMut(&[&[f32]]) -> Result<Answers, E>,
    mut labels: impl FnMut(Labels),
    mut emit: impl FnMut(&Outcome),
) -> Result<ReadingNotes, E> {
    let options =
        StreamTableOptions { windower: WindowerOptions::of(card), max_streams: 1, silence_limits: None };
    let context = ServingContext {
        card: card.clone(),
        model: String::new(),
        node: None,
        hop: card.hop,
        decision: DecisionOptions::default(),
    };
    let (mut streams, mut surfaces) = (StreamTable::new(options), SurfaceTable::new(context));
    let (stream, arrived, mut drops) = (recording.stream(), Arrival::now(), Drops::default());
    let mut reader = RecordingReader::open(recording, Some(&card.channels))?;
    let (mut has_more, mut is_open) = (true, true);
    for sequence in 0.. {
        let mut events: Vec<StreamEvent> = Vec::new();
        if has_more {
            let mut samples = reader.samples();
            has_more = reader.next_batch(&mut samples)?;
            // Labels in a column become known while the recording is read.
            labels(reader.labels()?);
            let mut batch = SampleBatch { stream: stream.clone(), samples, arrived, rate: None };
            streams.push(&mut batch, &mut drops, |event| events.push(event));
        } else {
            streams.end(&stream, &mut drops, |event| events.push(event));
            is_open = false;
        }
        let windows = events.iter().filter_map(|event| match &event.kind {
            EventKind::Window { window, .. } => Some(window.values.as_slice()),
            _ => None,
        });
        let windows: Vec<&[f32]> = windows.collect();
        let answers = if windows.is_empty() { Answers::default() } else { answer(&windows)? };
        let slot = BatchSlot::unlimited();
        let batch = InferredBatch { sequence, context: None, events, receipts: Vec::new(), answers, slot };
        surfaces.push(batch, |outcome| emit(&outcome));
        if !is_open {
            break;
        }
    }
    drops.merge(reader.drops());
    Ok(ReadingNotes { drops, unit: reader.unit_conclusion(), warning: reader.warning() })
}

/// The number of recordings with windows of more than one label, among those with the given windows. Only on these
/// does a decision have to follow a change of the surface.
pub(crate) fn recordings_with_changes(dataset: &Dataset, windows: impl IntoIterator<Item = usize>) -> usize {
    let mut labels: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for window in windows {
        labels.entry(dataset.recording_of_window[window]).or_default().insert(dataset.labels[window]);
    }
    labels.values().filter(|labels| labels.len() > 1).count()
}
