//! The source of samples from JetStream: the task that requests messages and sends their samples to the pipeline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::connection::NatsConnection;
use super::fault::NatsFault;
use super::nodes::Nodes;
use super::options::NatsOptions;
use super::publisher::NatsPublisher;
use super::reader::Reader;
use super::setup;
use crate::decision::PublishedSurfaces;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::signal::StreamId;
use crate::source::backoff::backoff;
use crate::source::handle::SourceHandle;

/// A JetStream stream as a source of any number of streams of samples.
#[derive(Clone, Debug)]
pub(crate) struct NatsSource {
    options: NatsOptions,
    /// Publishes over the same connection.
    publisher: NatsPublisher,
    /// Where the surfaces are kept that other nodes publish; `None` for a daemon that decides nothing.
    published: Option<Arc<PublishedSurfaces>>,
}

impl NatsSource {
    /// A source with these options, over whose connection `publisher` publishes.
    pub(crate) fn new(options: NatsOptions, publisher: NatsPublisher) -> Self {
        Self { options, publisher, published: None }
    }

    /// Keeps the surfaces that other nodes publish.
    pub(crate) fn keep_published(&mut self, published: Arc<PublishedSurfaces>) {
        self.published = Some(published);
    }

    /// What publishes over its connection.
    pub(crate) fn publisher(&self) -> &NatsPublisher {
        &self.publisher
    }

    /// Connects, and checks that the stream and its consumers are as they have to be. No message is read, because that
    /// would take it from the nodes. Returns what was found, in words.
    ///
    /// # Errors
    /// [`NatsFault`] if something is not as it has to be.
    pub(crate) async fn check(&self) -> Result<String, NatsFault> {
        let connection = NatsConnection::new(&self.options.config, &self.options.node).await?;
        setup::check_stream(&self.options, &connection).await?;
        let consumers = setup::consumers(&self.options, &connection).await?;
        let exist = consumers.iter().filter(|consumer| consumer.exists()).count();
        Ok(format!(
            "the JetStream stream \"{}\" has messages of {}; {exist} of {} consumers exist, and a node makes the others. \
             No sample is read, because that would take it from the nodes that run",
            self.options.jetstream,
            self.options.subject.filter_of_all(),
            self.options.partitions
        ))
    }

    /// Reads until the shutdown. What is wrong is logged once, and reported as a problem of the source until it has ended.
    pub(crate) async fn run(self, handle: SourceHandle, mut shutdown: Shutdown) {
        let mut delays = backoff();
        let mut reported = None;
        loop {
            handle.set_state(SourceState::Connecting);
            let started = Instant::now();
            let fault = tokio::select! {
                reader = self.open(&handle) => match reader {
                    Ok(reader) => match reader.run(shutdown.clone()).await {
                        Ok(()) => return,
                        Err(fault) => fault,
                    },
                    Err(fault) => fault,
                },
                () = shutdown.requested() => return,
            };
            if started.elapsed() > self.options.config.failover {
                delays = backoff();
            }
            let name = StreamId::from_text(handle.name());
            handle.set_problem(&name, "refused", fault.to_string());
            if reported.as_ref() != Some(&fault) {
                tracing::warn!(source = handle.name(), "{fault}; trying again");
                reported = Some(fault);
            }
            tokio::select! {
                () = sleep(delays.next().unwrap_or(Duration::from_secs(10))) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    /// Connects, and makes the consumers that do not exist yet.
    async fn open(&self, handle: &SourceHandle) -> Result<Reader, NatsFault> {
        let connection = NatsConnection::new(&self.options.config, &self.options.node).await?;
        let stream = setup::check_stream(&self.options, &connection).await?;
        setup::make_consumers(&self.options, &connection).await?;
        self.publisher.connected(connection.client.clone());
        let (client, surfaces) = (connection.client.clone(), self.publisher.surfaces());
        let nodes = Nodes::new(&self.options, client, &stream, surfaces, self.published.clone()).await;
        let nodes = nodes.map_err(|why| self.options.not_subscribed(&why))?;
        Reader::new(self.options.clone(), connection, handle.clone(), nodes).await
    }
}
