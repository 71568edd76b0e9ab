//! Outcomes for the page, and as counts for the metrics.

pub(crate) mod about;
pub(crate) mod events;
pub(crate) mod trace;

use std::sync::Arc;

use self::events::LiveEvents;
use crate::decision::Outcome;
use crate::health::Health;
use crate::sink::json::JsonWriter;

/// Counts every prediction, and shows outcomes to those who look.
pub struct LiveSink {
    live: LiveEvents,
    json: JsonWriter,
    health: Arc<Health>,
}

impl LiveSink {
    /// A sink that names surfaces as `json` does.
    pub fn new(live: LiveEvents, json: JsonWriter, health: Arc<Health>) -> Self {
        Self { live, json, health }
    }

    /// Takes an outcome.
    pub fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let latency = prediction.arrived.elapsed();
                let surface = self.json.name(prediction.surface);
                self.health.counters.latency.observe(latency);
                self.health.counters.surface(surface, 1);
                self.live.prediction(prediction, surface, latency);
            }
            Outcome::Change(change) => self.live.change(change, self.json.name(change.surface)),
            Outcome::End(stream) => self.live.end(stream),
            Outcome::Context(context) => {
                self.json = JsonWriter::of(context);
                self.live.take_over(context);
            }
        }
    }
}
