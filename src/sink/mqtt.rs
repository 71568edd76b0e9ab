//! Outcomes as MQTT topics.

use super::home_assistant::HomeAssistant;
use crate::drops::{Drops, Reason};
use crate::mqtt::Publisher;
use crate::prediction::{Json, Outcome};
use crate::terms::Terms;

/// Publishes predictions as they come, and keeps each stream's surface retained.
pub struct Topics {
    publisher: Publisher,
    json: Json,
    home_assistant: Option<HomeAssistant>,
}

impl Topics {
    /// Topics below the publisher's base, of surfaces that are decided under these terms.
    pub fn new(publisher: Publisher, terms: &Terms) -> Self {
        publisher.retain("info", terms.info());
        Self { publisher, json: terms.json(), home_assistant: None }
    }

    /// The same, and Home Assistant is told of each stream.
    pub fn announcing(self, home_assistant: Option<HomeAssistant>) -> Self {
        Self { home_assistant, ..self }
    }

    /// Publishes an outcome; a prediction that finds no broker is counted.
    pub fn take(&mut self, outcome: &Outcome, drops: &mut Drops) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let mut payload = Vec::with_capacity(256);
                self.json.prediction(prediction, false, &mut payload);
                if !self.publisher.send(&format!("{}/prediction", prediction.stream), payload) {
                    drops.add(Reason::NotPublished, || {
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
            Outcome::Terms(terms) => {
                self.json = terms.json();
                if let Some(home_assistant) = &mut self.home_assistant {
                    home_assistant.take_over(terms);
                }
                self.publisher.retain("info", terms.info());
            }
        }
    }
}
