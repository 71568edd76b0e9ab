//! A description of the running daemon for the page and the metrics.

use serde::Serialize;

use crate::decision::ServingContext;
use crate::signal::Channel;

/// Version, model and broker of the running daemon. Pages receive it in each `hello` event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(crate) version: &'static str,
    /// The name of this daemon among several at one broker; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    /// The name of the model, as surface changes carry it.
    pub(crate) model: String,
    pub(crate) labels: Vec<String>,
    pub(crate) channels: Vec<Channel>,
    /// Resampling rate in Hz.
    pub(crate) rate: f64,
    /// Window length in steps.
    pub(crate) window: usize,
    /// Steps between two predictions.
    pub(crate) hop: usize,
    /// Longest gap that resampling bridges, in seconds.
    pub(crate) max_gap: f64,
    /// Host and port of the broker; `None` if the daemon publishes to no broker.
    pub(crate) broker: Option<String>,
}

impl About {
    /// Describes a daemon that serves under `context` and publishes to `broker`.
    pub(crate) fn new(context: &ServingContext, broker: Option<String>) -> Self {
        let ServingContext { card, model, node, hop, .. } = context;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            node: node.clone(),
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
