//! What surfaces are decided by: a model's card and name, the hop that it is served with, and the decision's settings.

use serde::Serialize;

use super::filter::DecisionOptions;
use crate::model::card::Card;
use crate::signal::Channel;

/// What surfaces are decided by, until something else takes over.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingContext {
    /// The model's card.
    pub card: Card,
    /// What surfaces say they were decided by.
    pub model: String,
    /// Steps between two windows.
    pub hop: usize,
    /// How probabilities become a surface.
    pub decide: DecisionOptions,
}

#[cfg(test)]
impl ServingContext {
    /// Of a model of these labels.
    pub(crate) fn of_test(labels: &[&str], model: &str) -> Self {
        let card = Card::of_test(10, 1, labels);
        Self { card, model: model.into(), hop: 1, decide: DecisionOptions::default() }
    }
}

impl ServingContext {
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
