//! Outcomes for the page, and as counts for the metrics.

use std::sync::Arc;

use crate::health::Health;
use crate::http::Tap;
use crate::prediction::{Json, Outcome};

/// Counts every prediction, and shows outcomes to those who look.
pub struct Page {
    tap: Tap,
    json: Json,
    health: Arc<Health>,
}

impl Page {
    /// A sink that names surfaces as `json` does.
    pub fn new(tap: Tap, json: Json, health: Arc<Health>) -> Self {
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
                self.json = terms.json();
                self.tap.take_over(terms);
            }
        }
    }
}
