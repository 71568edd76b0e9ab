//! The sink that feeds the live page and the metrics.

use std::sync::Arc;

use super::events::LiveEvents;
use crate::decision::Outcome;
use crate::health::Health;
use crate::sink::json::JsonWriter;

/// Counts every prediction and its latency, and shows outcomes on the open pages.
pub struct LiveSink {
    live: LiveEvents,
    json: JsonWriter,
    health: Arc<Health>,
}

impl LiveSink {
    /// Creates a sink that uses the surface names of `json`.
    pub fn new(live: LiveEvents, json: JsonWriter, health: Arc<Health>) -> Self {
        Self { live, json, health }
    }

    /// Counts and shows an outcome.
    pub fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let latency = prediction.arrived.elapsed();
                let surface = self.json.name(prediction.surface);
                self.health.counters.latency.observe(latency);
                self.health.counters.surface(surface, 1);
                if let Some(withheld) = prediction.withheld {
                    self.health.counters.withheld(withheld);
                }
                self.live.prediction(prediction, &self.json, latency);
            }
            Outcome::Change(change) => self.live.change(change, &self.json),
            Outcome::End(stream) | Outcome::Moved(stream) => self.live.end(stream),
            Outcome::Context(context) => {
                self.json = JsonWriter::of(context);
                self.live.set_context(context);
            }
        }
    }
}
