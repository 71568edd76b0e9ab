//! Outcomes for the page, and as counts for the metrics.

pub mod about;
pub mod events;
pub mod trace;

use std::sync::Arc;

use self::events::LiveEvents;
use crate::decision::Outcome;
use crate::health::Health;
use crate::sink::json::JsonWriter;

/// Counts every prediction, and shows outcomes to those who look.
pub struct LiveSink {
    tap: LiveEvents,
    json: JsonWriter,
    health: Arc<Health>,
}

impl LiveSink {
    /// A sink that names surfaces as `json` does.
    pub fn new(tap: LiveEvents, json: JsonWriter, health: Arc<Health>) -> Self {
        Self { tap, json, health }
    }

    /// Takes an outcome.
    pub fn take(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let latency = prediction.arrived.elapsed();
                let surface = self.json.name(prediction.surface);
                self.health.counters.latency.observe(latency);
                self.health.counters.surface(surface, 1);
                self.tap.prediction(prediction, surface, latency);
            }
            Outcome::Change(change) => self.tap.change(change, self.json.name(change.surface)),
            Outcome::End(stream) => self.tap.end(stream),
            Outcome::Terms(terms) => {
                self.json = JsonWriter::of(terms);
                self.tap.take_over(terms);
            }
        }
    }
}
