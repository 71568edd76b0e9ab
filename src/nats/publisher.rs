//! Publishes predictions over the connection of a source.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::Client;
use async_nats::connection::State;
use futures_util::FutureExt;

use crate::config::subject::StreamSubject;
use crate::signal::StreamId;

/// Publishes predictions on the subject of `nats.predictions`, over the connection of a source.
#[derive(Clone, Debug)]
pub(crate) struct NatsPublisher {
    subject: StreamSubject,
    /// The connection; `None` before the first one.
    client: Arc<Mutex<Option<Client>>>,
}

impl NatsPublisher {
    /// A publisher on these subjects, without a connection yet.
    pub(crate) fn new(subject: StreamSubject) -> Self {
        Self { subject, client: Arc::default() }
    }

    /// Publishes over this connection from here on.
    pub(super) fn connected(&self, client: Client) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    /// Publishes a prediction of a stream without waiting. Returns false if it was not sent, because there is no connection
    /// or too much waits for it, or because the stream cannot be named in a subject.
    pub(crate) fn send(&self, stream: &StreamId, payload: Vec<u8>) -> bool {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = client.as_ref().filter(|client| client.connection_state() == State::Connected);
        let Some((client, subject)) = connected.zip(self.subject.of(stream.as_str())) else { return false };
        // Without the runtime's limit, which would hold back one of many messages that are sent at once.
        let sent = tokio::task::unconstrained(client.publish(subject, payload.into()));
        sent.now_or_never().is_some_and(|sent| sent.is_ok())
    }
}
