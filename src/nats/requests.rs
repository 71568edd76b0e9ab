//! What a node sends to the servers: requests for messages, and acknowledgements.

use bytes::Bytes;
use serde_json::json;

use super::connection::NatsConnection;
use super::event::{FLOOR, READ};
use super::options::NatsOptions;
use super::partition::BATCH;
use super::setup::GROUP;
use super::timing::Timing;

/// Maximum size of the messages that the stream itself answers with at once, in bytes.
const MAX_READ: usize = 4 << 20;

/// Sends what a node has to say. Without a connection it is lost: what needs an answer is sent again when that does not
/// come.
pub(super) struct Requests {
    connection: NatsConnection,
    options: NatsOptions,
    timing: Timing,
    /// The first part of the subjects on which messages are delivered; the partition is the last one.
    inbox: String,
}

impl Requests {
    /// Sends over this connection. The messages are delivered on the subjects of [`Requests::deliveries`].
    pub(super) fn new(connection: NatsConnection, options: NatsOptions) -> Self {
        let inbox = connection.client.new_inbox();
        let timing = Timing::new(options.config.failover);
        Self { connection, options, timing, inbox }
    }

    /// The subjects on which messages are delivered, those of all partitions.
    pub(super) fn deliveries(&self) -> String {
        format!("{}.*", self.inbox)
    }

    /// The connection.
    pub(super) fn connection(&self) -> NatsConnection {
        self.connection.clone()
    }

    /// How often the connection was made.
    pub(super) fn connections(&self) -> u64 {
        self.connection.connections()
    }

    /// Requests messages of a partition, under the name by which the servers know this node, if they have given one.
    pub(super) async fn pull(&self, partition: usize, pin: Option<&str>) {
        let Timing { pull, idle, .. } = self.timing;
        let mut body = json!({
            "batch": BATCH,
            "expires": pull.as_nanos() as u64,
            "idle_heartbeat": idle.as_nanos() as u64,
            "group": GROUP,
        });
        if let (Some(pin), Some(body)) = (pin, body.as_object_mut()) {
            body.insert("id".into(), pin.into());
        }
        let subject =
            format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.options.jetstream, self.consumer(partition));
        let reply = format!("{}.{partition}", self.inbox);
        let _ = self.connection.client.publish_with_reply(subject, reply, body.to_string().into()).await;
    }

    /// Asks the stream itself for the messages of a partition from this number on.
    pub(super) async fn read(&self, partition: usize, sequence: u64) {
        let filter = self.options.subject.filter(number(partition));
        let body = json!({ "seq": sequence, "batch": BATCH, "max_bytes": MAX_READ, "next_by_subj": filter })
            .to_string();
        let subject = format!("$JS.API.DIRECT.GET.{}", self.options.jetstream);
        let reply = format!("{}.{READ}{partition}-{sequence}", self.inbox);
        let _ = self.connection.client.publish_with_reply(subject, reply, body.into()).await;
    }

    /// Asks up to which message everything is acknowledged in a partition.
    pub(super) async fn floor(&self, partition: usize) {
        let subject =
            format!("$JS.API.CONSUMER.INFO.{}.{}", self.options.jetstream, self.consumer(partition));
        let reply = format!("{}.{FLOOR}{partition}", self.inbox);
        let _ = self.connection.client.publish_with_reply(subject, reply, Bytes::new()).await;
    }

    /// Tells the servers that a partition is free for another node.
    pub(super) async fn unpin(&self, partition: usize) {
        let subject =
            format!("$JS.API.CONSUMER.UNPIN.{}.{}", self.options.jetstream, self.consumer(partition));
        let body = json!({ "group": GROUP }).to_string();
        let _ = self.connection.client.publish(subject, body.into()).await;
    }

    /// Acknowledges a message and all before it in its partition.
    pub(super) async fn acknowledge(&self, reply: String) {
        let _ = self.connection.client.publish(reply, "+ACK".into()).await;
    }

    /// Waits until everything is sent, for a bounded time.
    pub(super) async fn flush(&self) {
        let _ = tokio::time::timeout(self.timing.give_up, self.connection.client.flush()).await;
    }

    fn consumer(&self, partition: usize) -> String {
        self.options.consumer(number(partition))
    }
}

/// The number of a partition by its index.
fn number(partition: usize) -> u16 {
    u16::try_from(partition).unwrap_or(u16::MAX)
}
