//! Publishes outcomes over MQTT.
//!
//! Below the base topic, each prediction goes to `<stream>/prediction` and each surface change, retained, to
//! `<stream>/surface`. The daemon's topic `info`, retained, describes the model in use. The connection itself is in
//! [`crate::mqtt`].

use super::home_assistant::HomeAssistantDiscovery;
use super::json::JsonWriter;
use crate::decision::{Outcome, ServingContext};
use crate::mqtt::Publisher;
use crate::receipt::Receipt;
use crate::signal::{DropReason, Drops};

/// Publishes predictions and surface changes, and announces streams to Home Assistant if that is enabled.
pub struct MqttSink {
    publisher: Publisher,
    json: JsonWriter,
    home_assistant: Option<HomeAssistantDiscovery>,
    /// Whether predictions are published; if not, another sink does.
    predictions: bool,
}

impl MqttSink {
    /// Creates a sink that publishes below the publisher's base topic, and publishes `info` for this serving
    /// context.
    pub fn new(publisher: Publisher, context: &ServingContext) -> Self {
        publisher.retain_at(publisher.topics().info(), context.info());
        Self { publisher, json: JsonWriter::of(context), home_assistant: None, predictions: true }
    }

    /// Also announces each stream to Home Assistant, unless `home_assistant` is `None`.
    pub fn with_home_assistant(self, home_assistant: Option<HomeAssistantDiscovery>) -> Self {
        Self { home_assistant, ..self }
    }

    /// Publishes predictions only if `predictions` is true.
    pub fn with_predictions(self, predictions: bool) -> Self {
        Self { predictions, ..self }
    }

    /// Holds receipts until the broker has acknowledged the surfaces so far.
    pub(super) fn hold(&self, receipts: Vec<Receipt>) {
        self.publisher.hold(receipts);
    }

    /// Publishes an outcome. Predictions that the broker cannot take now are dropped and counted.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match outcome {
            Outcome::Prediction(_) if !self.predictions => {}
            Outcome::Prediction(prediction) => {
                let mut payload = Vec::with_capacity(256);
                self.json.prediction(prediction, false, &mut payload);
                if !self.publisher.send(&format!("{}/prediction", prediction.stream), payload) {
                    drops.add(DropReason::NotPublished, || {
                        "the broker cannot be reached or is too slow, so predictions are dropped; surfaces \
                         are published when the connection is back"
                            .into()
                    });
                }
            }
            Outcome::Change(change) => {
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.announce_once(&change.stream);
                }
                let dropped =
                    self.publisher.retain(&format!("{}/surface", change.stream), self.json.change(change));
                drops.add_many(DropReason::NotPublished, dropped, || {
                    "the surfaces of too many streams wait for the broker, so the oldest of streams that have ended are \
                     dropped; check the connection to the broker"
                        .into()
                });
            }
            // The change to `unknown` that came before stays retained on the broker; only the publisher
            // forgets it.
            Outcome::End(stream) => {
                self.publisher.forget(&format!("{stream}/surface"));
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.forget(stream);
                }
            }
            Outcome::Moved(stream) => {
                self.publisher.discard(&format!("{stream}/surface"));
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.forget(stream);
                }
            }
            Outcome::Context(context) => {
                self.json = JsonWriter::of(context);
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.set_context(context);
                }
                let info = self.publisher.topics().info();
                self.publisher.retain_at(info, context.info());
            }
        }
    }
}
