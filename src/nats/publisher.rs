//! Publishes over the connection of a source: predictions, and what the other nodes are to know of surfaces.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::Client;
use async_nats::connection::State;
use futures_util::FutureExt;

use crate::config::subject::StreamSubject;
use crate::signal::StreamId;

/// Publishes over the connection of a source.
///
/// Surfaces are told to the other nodes beside the broker, because the MQTT gateway of NATS may be seconds behind: a node that
/// takes over a stream then knows already which surface was published last.
#[derive(Clone, Debug)]
pub(crate) struct NatsPublisher {
    /// The subjects of `nats.predictions`; `None` if predictions go elsewhere.
    predictions: Option<StreamSubject>,
    /// The subjects on which nodes tell each other their surfaces.
    surfaces: StreamSubject,
    /// The connection; `None` before the first one.
    client: Arc<Mutex<Option<Client>>>,
}

impl NatsPublisher {
    /// A publisher on these subjects, without a connection yet.
    pub(crate) fn new(predictions: Option<StreamSubject>, surfaces: StreamSubject) -> Self {
        Self { predictions, surfaces, client: Arc::default() }
    }

    /// Whether it publishes predictions.
    pub(crate) fn has_predictions(&self) -> bool {
        self.predictions.is_some()
    }

    /// The subjects on which nodes tell each other their surfaces.
    pub(super) fn surfaces(&self) -> &StreamSubject {
        &self.surfaces
    }

    /// Publishes over this connection from here on.
    pub(super) fn connected(&self, client: Client) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    /// Publishes a prediction of a stream without waiting. Returns false if it was not sent, because there is no connection
    /// or too much waits for it, or because the stream cannot be named in a subject.
    pub(crate) fn prediction(&self, stream: &StreamId, payload: Vec<u8>) -> bool {
        self.predictions.as_ref().is_some_and(|subject| self.send(subject, stream, payload))
    }

    /// Tells the other nodes a surface of a stream without waiting, if there is a connection. They learn it from the broker, too.
    pub(crate) fn surface(&self, stream: &StreamId, payload: Vec<u8>) {
        self.send(&self.surfaces, stream, payload);
    }

    fn send(&self, subject: &StreamSubject, stream: &StreamId, payload: Vec<u8>) -> bool {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = client.as_ref().filter(|client| client.connection_state() == State::Connected);
        let Some((client, subject)) = connected.zip(subject.of(stream.as_str())) else { return false };
        // Without the runtime's limit, which would hold back one of many messages that are sent at once.
        let sent = tokio::task::unconstrained(client.publish(subject, payload.into()));
        sent.now_or_never().is_some_and(|sent| sent.is_ok())
    }
}
