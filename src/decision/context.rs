//! The model and the decision settings in force.

use serde::Serialize;

use super::filter::DecisionOptions;
use crate::model::card::Card;
use crate::signal::Channel;

/// The model and the decision settings in force. A reload replaces the whole context.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingContext {
    /// The model's card.
    pub card: Card,
    /// The model's name, which is published with each surface.
    pub model: String,
    /// The name of this daemon among several at one broker, which is published with each surface; `None` without one.
    pub node: Option<String>,
    /// Steps between two windows.
    pub hop: usize,
    /// How probabilities become a surface.
    pub decision: DecisionOptions,
}

#[cfg(test)]
impl ServingContext {
    /// A context for tests, of a model with these labels.
    pub(crate) fn of_test(labels: &[&str], model: &str) -> Self {
        let card = Card::of_test(10, 1, labels);
        Self { card, model: model.into(), node: None, hop: 1, decision: DecisionOptions::default() }
    }
}

impl ServingContext {
    /// The JSON payload of the topic `info`.
    pub fn info(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Info<'a> {
            underfoot: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            node: Option<&'a str>,
            model: &'a str,
            labels: &'a [String],
            channels: &'a [Channel],
            rate: f64,
            window: usize,
            hop: usize,
        }
        let info = Info {
            underfoot: env!("CARGO_PKG_VERSION"),
            node: self.node.as_deref(),
            model: &self.model,
            labels: &self.card.labels,
            channels: &self.card.channels,
            rate: self.card.rate,
            window: self.card.window,
            hop: self.hop,
        };
        // This cannot fail, because there are only numbers, strings and lists.
        serde_json::to_vec(&info).unwrap_or_default()
    }
}
