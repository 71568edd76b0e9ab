//! The surfaces that the nodes tell each other.

use std::sync::Arc;

use async_nats::{Client, SubscribeError, Subscriber};
use futures_util::StreamExt;

use crate::config::subject::StreamSubject;
use crate::decision::PublishedSurfaces;
use crate::signal::StreamId;

/// Receives the surfaces that the nodes tell each other, for the streams that this one takes over.
pub(super) struct NodeSurfaces {
    subject: StreamSubject,
    messages: Subscriber,
    published: Option<Arc<PublishedSurfaces>>,
}

impl NodeSurfaces {
    /// Subscribes to the surfaces, which are kept in `published`, if there is such.
    ///
    /// # Errors
    /// [`SubscribeError`] if the connection has ended for good.
    pub(super) async fn new(
        subject: &StreamSubject,
        client: &Client,
        published: Option<Arc<PublishedSurfaces>>,
    ) -> Result<Self, SubscribeError> {
        let messages = client.subscribe(subject.filter()).await?;
        Ok(Self { subject: subject.clone(), messages, published })
    }

    /// Takes the next surface. Returns false when the connection has ended for good.
    ///
    /// This is cancel safe.
    pub(super) async fn take_next(&mut self) -> bool {
        let Some(message) = self.messages.next().await else { return false };
        let stream = self.subject.stream(&message.subject).map(|name| StreamId::new(&name));
        if let (Some(published), Some(Ok(stream))) = (&self.published, stream) {
            published.take(stream, &message.payload);
        }
        true
    }
}
