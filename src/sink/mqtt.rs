//! Outcomes as MQTT topics.

use super::home_assistant::HomeAssistantDiscovery;
use super::json::JsonWriter;
use crate::decision::{Outcome, ServingContext};
use crate::mqtt::Publisher;
use crate::signal::{DropReason, Drops};

/// Publishes predictions as they come, and keeps each stream's surface retained.
pub struct MqttSink {
    publisher: Publisher,
    json: JsonWriter,
    home_assistant: Option<HomeAssistantDiscovery>,
}

impl MqttSink {
    /// Topics below the publisher's base, of surfaces that are decided under these terms.
    pub fn new(publisher: Publisher, context: &ServingContext) -> Self {
        publisher.retain("info", context.info());
        Self { publisher, json: JsonWriter::of(context), home_assistant: None }
    }

    /// The same, and Home Assistant is told of each stream.
    pub fn announcing(self, home_assistant: Option<HomeAssistantDiscovery>) -> Self {
        Self { home_assistant, ..self }
    }

    /// Publishes an outcome; a prediction that finds no broker is counted.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let mut payload = Vec::with_capacity(256);
                self.json.prediction(prediction, false, &mut payload);
                if !self.publisher.send(&format!("{}/prediction", prediction.stream), payload) {
                    drops.add(DropReason::NotPublished, || {
                        "the broker is away or slow: predictions are not published, surfaces will be".into()
                    });
                }
            }
            Outcome::Change(change) => {
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.see(&change.stream);
                }
                self.publisher.retain(&format!("{}/surface", change.stream), self.json.change(change));
            }
            // The unknown surface came before this; it stays on the broker.
            Outcome::End(stream) => self.publisher.release(&format!("{stream}/surface")),
            Outcome::Context(context) => {
                self.json = JsonWriter::of(context);
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.take_over(context);
                }
                self.publisher.retain("info", context.info());
            }
        }
    }
}
