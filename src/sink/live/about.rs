//! What the daemon serves, in the words of the page and the metrics.

use serde::Serialize;

use crate::decision::ServingContext;
use crate::signal::Channel;

/// What the daemon serves, in the words of the page and the metrics.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(crate) version: &'static str,
    pub(crate) model: String,
    pub(crate) labels: Vec<String>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) rate: f64,
    pub(crate) window: usize,
    pub(crate) hop: usize,
    pub(crate) max_gap: f64,
    /// The broker's host and port, if there is one.
    pub(crate) broker: Option<String>,
}

impl About {
    /// Surfaces that are decided under these terms, and the broker that they are published by.
    pub(crate) fn new(context: &ServingContext, broker: Option<String>) -> Self {
        let ServingContext { card, model, hop, .. } = context;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model: model.clone(),
            labels: card.labels.clone(),
            channels: card.channels.clone(),
            rate: card.rate,
            window: card.window,
            hop: *hop,
            max_gap: card.resample.max_gap,
            broker,
        }
    }
}
