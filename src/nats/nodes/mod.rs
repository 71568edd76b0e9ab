//! The other nodes: what they say and what this one tells them.
//!
//! `heartbeat` is what a node says twice a second, `members` decides from it which node is to read which partition, `progress` keeps
//! how far each is decided, `node_surfaces` receives the surfaces that the others publish, and `fleet_log` says what happens.

mod fleet_log;
mod heartbeat;
mod members;
mod node_surfaces;
mod progress;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, SubscribeError, Subscriber};
use futures_util::StreamExt;

use self::fleet_log::FleetLog;
use self::heartbeat::Heartbeat;
use self::members::{MemberNews, Members};
use self::node_surfaces::NodeSurfaces;
use super::options::NatsOptions;
use super::partition::Elsewhere;
use super::setup::StreamState;
use super::timing::Timing;
use crate::config::subject::StreamSubject;
use crate::decision::PublishedSurfaces;

/// The other nodes, as far as they are heard over a connection.
pub(super) struct Nodes {
    /// The subject of the heartbeats.
    subject: String,
    /// The name of this node.
    own: String,
    /// This process in the heartbeats.
    process: String,
    client: Client,
    members: Members,
    log: FleetLog,
    heartbeats: Subscriber,
    surfaces: NodeSurfaces,
}

impl Nodes {
    /// Subscribes to the heartbeats of the nodes that read a stream, which is in this state, and to the surfaces that they publish,
    /// which are kept in `published`.
    ///
    /// # Errors
    /// [`SubscribeError`] if the connection has ended for good.
    pub(super) async fn new(
        options: &NatsOptions,
        client: Client,
        stream: &StreamState,
        surfaces: &StreamSubject,
        published: Option<Arc<PublishedSurfaces>>,
    ) -> Result<Self, SubscribeError> {
        let gone = Timing::new(options.config.failover).gone;
        let subject = options.heartbeats();
        Ok(Self {
            heartbeats: client.subscribe(subject.clone()).await?,
            surfaces: NodeSurfaces::new(surfaces, &client, published).await?,
            own: options.node.clone(),
            process: client.new_inbox(),
            members: Members::new(&options.node, &stream.created, options.partitions, gone),
            log: FleetLog::default(),
            subject,
            client,
        })
    }

    /// Takes the next thing that another node says; `now` is called when it is there. Returns false when the connection has ended
    /// for good.
    ///
    /// This is cancel safe.
    pub(super) async fn hear(&mut self, now: impl Fn() -> Duration) -> bool {
        tokio::select! {
            message = self.heartbeats.next() => match message {
                Some(message) => {
                    Heartbeat::read(&message.payload).into_iter().for_each(|heartbeat| self.take(heartbeat, now()));
                    true
                }
                None => false,
            },
            is_there = self.surfaces.take_next() => is_there,
        }
    }

    fn take(&mut self, heartbeat: Heartbeat, now: Duration) {
        let node = heartbeat.node.clone();
        if node == self.own && heartbeat.process != self.process {
            self.log.namesake(&node);
        }
        match self.members.heartbeat(heartbeat, now) {
            Some(MemberNews::Joined) => self.log.joined(&node),
            Some(MemberNews::Left) => self.log.left(&node),
            None => {}
        }
    }

    /// Tells the others that this node is there or leaves, which partitions it reads, and up to which number it has decided each.
    pub(super) async fn say(&mut self, leaves: bool, reads: BTreeMap<u16, u64>, now: Duration) {
        let heartbeat = self.members.own_heartbeat(&self.process, leaves, &reads, now);
        let _ = self.client.publish(self.subject.clone(), heartbeat.bytes().into()).await;
    }

    /// Whether this node is to read each partition, without the nodes that are gone now.
    pub(super) fn wanted(&mut self, now: Duration) -> &[bool] {
        self.members.expire(now).iter().for_each(|name| self.log.gone(name));
        self.members.wanted()
    }

    /// Whether another node reads partitions, too.
    pub(super) fn are_several(&self) -> bool {
        self.members.len() > 1
    }

    /// Notes that this node has decided everything up to a number in a partition.
    pub(super) fn decided(&mut self, partition: usize, number: u64, now: Duration) {
        self.members.decided(partition, number, now);
    }

    /// What is known about a partition besides what this node reads.
    pub(super) fn elsewhere(&self, partition: usize) -> Elsewhere {
        self.members.elsewhere(partition)
    }

    /// Notes that so many partitions are read from the stream itself.
    pub(super) fn read_directly(&mut self, partitions: usize) {
        self.log.directly(partitions);
    }
}
