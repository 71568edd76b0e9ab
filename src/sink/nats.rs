//! Publishes over the connection of a NATS source.

use super::json::JsonWriter;
use crate::decision::{Outcome, ServingContext};
use crate::nats::NatsPublisher;
use crate::signal::{DropReason, Drops};

/// Publishes predictions on a subject of NATS instead of over MQTT, if one is configured, and tells the other nodes each surface.
///
/// The MQTT gateway of NATS stores retained messages one after the other, and predictions would wait behind surfaces there.
pub struct NatsSink {
    publisher: NatsPublisher,
    json: JsonWriter,
}

impl NatsSink {
    /// Creates a sink that publishes what is decided in this serving context.
    pub(crate) fn new(publisher: NatsPublisher, context: &ServingContext) -> Self {
        Self { publisher, json: JsonWriter::of(context) }
    }

    /// Publishes a prediction or a surface. Predictions that the servers cannot take now are dropped and counted.
    pub(super) fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match outcome {
            Outcome::Prediction(_) if !self.publisher.has_predictions() => {}
            Outcome::Prediction(prediction) => {
                let mut payload = Vec::with_capacity(256);
                self.json.prediction(prediction, false, &mut payload);
                if !self.publisher.prediction(&prediction.stream, payload) {
                    drops.add(DropReason::NotPublished, || {
                        format!(
                            "the NATS servers cannot be reached or are too slow, so predictions are dropped, the last of stream \"{}\"",
                            prediction.stream
                        )
                    });
                }
            }
            Outcome::Context(context) => self.json = JsonWriter::of(context),
            Outcome::Change(change) => self.publisher.surface(&change.stream, self.json.change(change)),
            Outcome::End(_) | Outcome::Moved(_) => {}
        }
    }
}
