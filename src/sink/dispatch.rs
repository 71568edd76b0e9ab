//! One enum over all kinds of sinks.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use super::evaluation::EvaluationSink;
use super::live::LiveSink;
#[cfg(feature = "mcap")]
use super::mcap::ReplayResults;
use super::mqtt::MqttSink;
#[cfg(feature = "nats")]
use super::nats::NatsSink;
use super::recorder::NovelStreams;
#[cfg(feature = "mcap")]
use super::recorder::RecordedOutcomes;
use super::text::TextSink;
use crate::decision::Outcome;
use crate::health::Health;
use crate::receipt::Receipt;
use crate::signal::Drops;
#[cfg(feature = "mcap")]
use crate::stream::ProblemDelta;

/// A destination for outcomes.
pub enum Sink {
    /// Publishes to the MQTT broker.
    Mqtt(MqttSink),
    /// Publishes predictions on a subject of NATS.
    #[cfg(feature = "nats")]
    Nats(NatsSink),
    /// Writes text, usually to standard output.
    Text(TextSink),
    /// Feeds the live page and the metrics.
    Live(LiveSink),
    /// Scores predictions against known labels.
    Evaluation(EvaluationSink),
    /// Writes the MCAP files of a replay.
    #[cfg(feature = "mcap")]
    Results(ReplayResults),
    /// Passes outcomes to the recorder.
    #[cfg(feature = "mcap")]
    Recorded(RecordedOutcomes),
    /// Tells the recorder which streams are on a surface that the model does not know.
    Novel(NovelStreams),
    /// Sends each outcome to a channel, with the moment at which it was emitted. Outcomes are lost while the
    /// channel is full.
    Channel(SyncSender<(Instant, Outcome)>),
}

impl Sink {
    /// Takes an outcome. Outcomes that the destination cannot take are counted in `drops`.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match self {
            Sink::Mqtt(mqtt) => mqtt.take(outcome, drops),
            #[cfg(feature = "nats")]
            Sink::Nats(nats) => nats.take(outcome, drops),
            Sink::Text(text) => text.take(outcome, drops),
            Sink::Live(live) => live.take(outcome),
            Sink::Evaluation(evaluation) => evaluation.take(outcome),
            #[cfg(feature = "mcap")]
            Sink::Results(results) => results.take(outcome),
            #[cfg(feature = "mcap")]
            Sink::Recorded(recorded) => recorded.take(outcome, drops),
            Sink::Novel(novel) => novel.take(outcome),
            Sink::Channel(sender) => {
                // This channel feeds the display of the demo, where missing a few outcomes does no harm.
                let _ = sender.try_send((Instant::now(), outcome.clone()));
            }
        }
    }

    /// Takes how the problems of the input changed. Only MCAP files have them; a daemon publishes its health.
    #[cfg(feature = "mcap")]
    pub(crate) fn problems(&self, delta: &ProblemDelta, drops: &mut Drops) {
        match self {
            Sink::Results(results) => results.problems(delta),
            Sink::Recorded(recorded) => recorded.problems(delta, drops),
            _ => {}
        }
    }

    /// The text sink, if this is one.
    pub(crate) fn text(&mut self) -> Option<&mut TextSink> {
        match self {
            Sink::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sends on what was buffered since the last call.
    pub fn flush(&mut self, drops: &mut Drops) {
        if let Sink::Text(text) = self {
            text.flush(drops);
        }
    }
}

/// Gives an outcome to every sink.
pub(crate) fn take_all(sinks: &mut [Sink], outcome: &Outcome, drops: &mut Drops) {
    for sink in sinks {
        sink.take(outcome, drops);
    }
}

/// Releases receipts, except those that wait until the outcomes so far are published: these are held until then, if there is
/// a sink that publishes.
pub(crate) fn release(sinks: &[Sink], mut receipts: Vec<Receipt>) {
    receipts.retain(Receipt::is_of_publishing);
    let published = sinks.iter().find_map(|sink| match sink {
        Sink::Mqtt(mqtt) => Some(mqtt),
        _ => None,
    });
    if let Some(mqtt) = published {
        mqtt.hold(receipts);
    }
}

/// Flushes every sink and adds the drops to the daemon's counters.
pub(crate) fn flush_all(sinks: &mut [Sink], drops: &mut Drops, health: &Arc<Health>) {
    for sink in sinks {
        sink.flush(drops);
    }
    health.dropped("sinks", drops);
}
