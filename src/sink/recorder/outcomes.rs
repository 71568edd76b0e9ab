//! Passes what is found out about streams to the recorder, for the files that have more than samples.

use std::sync::Arc;

use super::queue::RecordQueue;
use super::streams::Recorder;
use crate::decision::Outcome;
use crate::recordings::RecordingFormat;
use crate::signal::{DropReason, Drops, SourceEvent, StreamId};
use crate::sink::json::JsonWriter;
use crate::sink::mcap::ResultMessage;
use crate::stream::ProblemDelta;

/// Passes the outcomes of streams to the recorder's thread, which writes those of the streams that it records.
pub struct RecordedOutcomes {
    queue: Arc<RecordQueue>,
    names: JsonWriter,
}

impl RecordedOutcomes {
    /// Passes outcomes to this recorder; `None` if the form of its files has none.
    pub(crate) fn new(recorder: &mut Recorder, names: JsonWriter) -> Option<Self> {
        if recorder.options().format != RecordingFormat::Mcap {
            return None;
        }
        recorder.set_outcomes();
        Some(Self { queue: recorder.queue().clone(), names })
    }

    /// Passes on an outcome. What finds no room is counted in `drops`.
    pub(crate) fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        let stream = match outcome {
            Outcome::Prediction(prediction) => &prediction.stream,
            Outcome::Change(change) => &change.stream,
            Outcome::Context(context) => return self.names = JsonWriter::of(context),
            Outcome::End(stream) | Outcome::Moved(stream) => {
                self.queue.push(&SourceEvent::End(stream.clone()), None);
                return;
            }
        };
        // Most streams may not be recorded, and what they do is not written out for nothing.
        if self.queue.is_recorded(stream) {
            let messages = ResultMessage::of_outcome(outcome, &self.names);
            messages.into_iter().for_each(|message| self.push(stream, message, drops));
        }
    }

    /// Passes on which problems began and ended.
    pub(crate) fn problems(&self, delta: &ProblemDelta, drops: &mut Drops) {
        let recorded = ResultMessage::of_problems(delta).filter(|(stream, _)| self.queue.is_recorded(stream));
        recorded.for_each(|(stream, message)| self.push(stream, message, drops));
    }

    fn push(&self, stream: &StreamId, message: ResultMessage, drops: &mut Drops) {
        if !self.queue.push_result(stream, message) {
            drops.add(DropReason::NotRecorded, || {
                "predictions are not recorded: the disk is too slow, full or failing".into()
            });
        }
    }
}
