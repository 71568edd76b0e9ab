//! What a node sends to the servers: requests for messages, and acknowledgements.

use bytes::Bytes;
use serde_json::{Value, json};

use super::connection::NatsConnection;
use super::event::{FLOOR, READ};
use super::options::NatsOptions;
use super::partition::{Acknowledgement, BATCH};
use super::setup::GROUP;
use super::timing::Timing;

/// Messages that one request asks the stream itself for. The server counts the messages that are left for each request, which takes
/// it longer the more these are.
const READ_BATCH: usize = 512;
/// Maximum size of the messages that the stream itself answers with at once, in bytes.
const MAX_READ: usize = 1 << 20;

/// Sends what a node has to say. Without a connection it is lost: what needs an answer is sent again when that does not
/// come.
pub(super) struct Requests {
    connection: NatsConnection,
    options: NatsOptions,
    timing: Timing,
    /// The first part of the subjects on which messages are delivered; the partition is the last one.
    inbox: String,
    /// Those of each partition that are put off.
    acknowledgements: Vec<Acknowledgement>,
}

impl Requests {
    /// Sends over this connection. The messages are delivered on the subjects of [`Requests::deliveries`].
    pub(super) fn new(connection: NatsConnection, options: NatsOptions) -> Self {
        let inbox = connection.client.new_inbox();
        let timing = Timing::new(options.config.failover);
        let acknowledgements = (0..options.partitions).map(|_| Acknowledgement::default()).collect();
        Self { connection, options, timing, inbox, acknowledgements }
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

    /// Requests messages of a partition, under the name by which the servers know this node, if they have given one: those that
    /// come while the request lasts.
    pub(super) async fn pull(&self, partition: usize, pin: Option<&str>) {
        let Timing { pull, idle, .. } = self.timing;
        let lasts = json!({ "expires": pull.as_nanos() as u64, "idle_heartbeat": idle.as_nanos() as u64 });
        self.request(partition, pin, lasts).await;
    }

    /// Requests those messages of a partition that are there already.
    pub(super) async fn pull_group(&self, partition: usize, pin: Option<&str>) {
        self.request(partition, pin, json!({ "no_wait": true })).await;
    }

    async fn request(&self, partition: usize, pin: Option<&str>, mut body: Value) {
        if let Some(body) = body.as_object_mut() {
            body.extend([("batch".into(), BATCH.into()), ("group".into(), GROUP.into())]);
            body.extend(pin.map(|pin| ("id".into(), pin.into())));
        }
        let subject =
            format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.options.jetstream, self.consumer(partition));
        let reply = format!("{}.{partition}", self.inbox);
        let _ = self.connection.client.publish_with_reply(subject, reply, body.to_string().into()).await;
    }

    /// Asks the stream itself for the messages of a partition from this number on.
    pub(super) async fn read(&self, partition: usize, sequence: u64) {
        let filter = self.options.subject.filter(number(partition));
        let body =
            json!({ "seq": sequence, "batch": READ_BATCH, "max_bytes": MAX_READ, "next_by_subj": filter })
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

    /// Tells the servers what is acknowledged of a partition, and that it is free for another node.
    pub(super) async fn unpin(&mut self, partition: usize) {
        let waiting = self.acknowledgements.get_mut(partition).and_then(Acknowledgement::take);
        self.send(waiting).await;
        let subject =
            format!("$JS.API.CONSUMER.UNPIN.{}.{}", self.options.jetstream, self.consumer(partition));
        let body = json!({ "group": GROUP }).to_string();
        let _ = self.connection.client.publish(subject, body.into()).await;
    }

    /// Acknowledges a message and all before it in its partition, soon: with the next [`Requests::acknowledge_all`] or when there are
    /// many.
    pub(super) async fn acknowledge(&mut self, partition: usize, reply: String) {
        let due = self.acknowledgements.get_mut(partition).and_then(|waiting| waiting.put_off(reply));
        self.send(due).await;
    }

    /// Acknowledges everything that was put off.
    pub(super) async fn acknowledge_all(&mut self) {
        for partition in 0..self.acknowledgements.len() {
            let waiting = self.acknowledgements.get_mut(partition).and_then(Acknowledgement::take);
            self.send(waiting).await;
        }
    }

    async fn send(&self, acknowledgement: Option<String>) {
        if let Some(reply) = acknowledgement {
            let _ = self.connection.client.publish(reply, "+ACK".into()).await;
        }
    }

    /// Waits until everything is sent, for a bounded time.
    pub(super) async fn flush(&mut self) {
        self.acknowledge_all().await;
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
