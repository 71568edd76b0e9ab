//! What surfaces are decided by: a model's card and name, the hop that it is served with, and the decision's settings.

use serde::Serialize;

use crate::channel::Channel;
use crate::decide::DecideOptions;
use crate::model::card::Card;
use crate::prediction::Json;

/// What surfaces are decided by, until something else takes over.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The model's card.
    pub card: Card,
    /// What surfaces say they were decided by.
    pub model: String,
    /// Steps between two windows.
    pub hop: usize,
    /// How probabilities become a surface.
    pub decide: DecideOptions,
}

#[cfg(test)]
impl Terms {
    /// Of a model of these labels.
    pub(crate) fn of_test(labels: &[&str], model: &str) -> Self {
        let card = Card::of_test(10, 1, labels);
        Self { card, model: model.into(), hop: 1, decide: DecideOptions::default() }
    }
}

impl Terms {
    /// The writer of outcomes under these terms.
    pub fn json(&self) -> Json {
        Json::new(&self.card.labels, &self.model)
    }

    /// What the topic `info` says.
    pub fn info(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Info<'a> {
            underfoot: &'static str,
            model: &'a str,
            labels: &'a [String],
            channels: &'a [Channel],
            rate: f64,
            window: usize,
            hop: usize,
        }
        let info = Info {
            underfoot: env!("CARGO_PKG_VERSION"),
            model: &self.model,
            labels: &self.card.labels,
            channels: &self.card.channels,
            rate: self.card.rate,
            window: self.card.window,
            hop: self.hop,
        };
        // Numbers, texts and lists only: there is nothing in it that cannot be written.
        serde_json::to_vec(&info).unwrap_or_default()
    }
}
