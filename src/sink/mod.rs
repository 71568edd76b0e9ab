//! Where outcomes go.

pub(crate) mod evaluation;
pub(crate) mod home_assistant;
pub(crate) mod json;
pub(crate) mod live;
pub(crate) mod mqtt;
pub mod recorder;
pub(crate) mod text;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use crate::decision::Outcome;
use crate::health::Health;
use crate::signal::Drops;

/// One place that outcomes go to.
pub enum Sink {
    /// The broker.
    Mqtt(mqtt::MqttSink),
    /// Text, such as standard output.
    Lines(text::TextSink),
    /// The page and the metrics.
    Page(live::LiveSink),
    /// Labels that are known, to score against.
    Score(evaluation::EvaluationSink),
    /// A channel, to be watched, with the moment each outcome came out.
    Watch(SyncSender<(Instant, Outcome)>),
}

impl Sink {
    /// Takes an outcome. What cannot go on is counted.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match self {
            Sink::Mqtt(topics) => topics.take(outcome, drops),
            Sink::Lines(lines) => lines.take(outcome, drops),
            Sink::Page(page) => page.take(outcome),
            Sink::Score(score) => score.take(outcome),
            Sink::Watch(sender) => {
                // Who watches a screen does not miss what came too fast to be read.
                let _ = sender.try_send((Instant::now(), outcome.clone()));
            }
        }
    }

    /// Hands on what was gathered from a batch.
    pub fn flush(&mut self, drops: &mut Drops) {
        if let Sink::Lines(lines) = self {
            lines.flush(drops);
        }
    }
}

/// Gives an outcome to every sink and counts what they leave out.
pub(crate) fn take_all(sinks: &mut [Sink], outcome: &Outcome, drops: &mut Drops) {
    for sink in sinks {
        sink.take(outcome, drops);
    }
}

/// Hands on what every sink gathered.
pub(crate) fn flush_all(sinks: &mut [Sink], drops: &mut Drops, health: &Arc<Health>) {
    for sink in sinks {
        sink.flush(drops);
    }
    health.dropped("sinks", drops);
}
