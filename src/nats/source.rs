//! The source of samples from JetStream: the task that requests messages and sends their samples to the pipeline.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::connection::Connection;
use super::fault::NatsFault;
use super::reader::Reader;
use super::setup;
use crate::config::subject::PartitionedSubject;
use crate::config::{NatsConfig, SourceInput};
use crate::decode::message::MessageFormat;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::signal::StreamId;
use crate::source::backoff::backoff;
use crate::source::handle::SourceHandle;

/// A JetStream stream as a source of any number of streams of samples.
#[derive(Clone, Debug)]
pub(crate) struct NatsSource {
    /// The servers, and what this node logs in with.
    pub config: NatsConfig,
    /// The name of this node.
    pub node: String,
    /// The first part of every topic, which tells fleets apart.
    pub base: String,
    /// The name of the stream.
    pub jetstream: String,
    /// The subjects of its messages.
    pub subject: PartitionedSubject,
    /// The number of partitions.
    pub partitions: u16,
    /// The encoding of the payloads.
    pub format: MessageFormat,
    /// The channels of a sample, and where its time is.
    pub input: SourceInput,
    /// The largest payload, in bytes; larger ones are dropped.
    pub max_payload: usize,
    /// Maximum number of streams.
    pub max_streams: usize,
}

impl NatsSource {
    /// Connects, and checks that the stream and its consumers are as they have to be. No message is read, because that
    /// would take it from the nodes. Returns what was found, in words.
    ///
    /// # Errors
    /// [`NatsFault`] if something is not as it has to be.
    pub(crate) async fn check(&self) -> Result<String, NatsFault> {
        let connection = Connection::new(&self.config, &self.node).await?;
        setup::check_stream(self, &connection).await?;
        let consumers = setup::consumers(self, &connection, false).await?;
        Ok(format!(
            "the JetStream stream \"{}\" has messages of {}; {consumers} of {} consumers exist, and a node makes the others. \
             No sample is read, because that would take it from the nodes that run",
            self.jetstream,
            self.subject.filter_of_all(),
            self.partitions
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
            if started.elapsed() > self.config.failover {
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
        let connection = Connection::new(&self.config, &self.node).await?;
        setup::check_stream(self, &connection).await?;
        setup::consumers(self, &connection, true).await?;
        Reader::new(self.clone(), connection, handle.clone()).await
    }

    /// The name of the consumer of a partition.
    pub(super) fn consumer(&self, partition: u16) -> String {
        format!("{}-{partition}", self.prefix())
    }

    /// The subject on which the nodes of the fleet say that they are there.
    pub(super) fn beats(&self) -> String {
        format!("{}.nodes.{}", self.prefix(), self.jetstream)
    }

    /// The base as a part of names at NATS.
    fn prefix(&self) -> String {
        self.base.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
    }
}
