//! What a node reads from NATS, and what things are called there.

use async_nats::SubscribeError;

use super::fault::NatsFault;
use crate::config::subject::{PartitionedSubject, STREAM};
use crate::config::{NatsConfig, SourceInput};
use crate::decode::message::MessageFormat;

/// What a node reads from NATS.
#[derive(Clone, Debug)]
pub(crate) struct NatsOptions {
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

impl NatsOptions {
    /// The servers, for messages.
    pub(super) fn url(&self) -> String {
        self.config.url.clone().unwrap_or_default()
    }

    /// The name of the consumer of a partition.
    pub(super) fn consumer(&self, partition: u16) -> String {
        format!("{}-{partition}", self.prefix())
    }

    /// The subject on which the nodes of the fleet say that they are there.
    pub(super) fn heartbeats(&self) -> String {
        format!("{}.nodes.{}", self.prefix(), self.jetstream)
    }

    /// The subjects on which the nodes of the fleet tell each other the surfaces that they publish, a pattern with `{stream}`.
    pub(crate) fn surfaces(&self) -> String {
        format!("{}.surfaces.{STREAM}", self.heartbeats())
    }

    /// What is wrong if a subscription is not taken.
    pub(super) fn not_subscribed(&self, why: &SubscribeError) -> NatsFault {
        NatsFault::NoAnswer { url: self.url(), subject: "SUB".into(), why: Some(why.to_string()) }
    }

    /// The base as a part of names at NATS.
    fn prefix(&self) -> String {
        self.base.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
    }
}
