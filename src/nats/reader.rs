//! The loop of a node: requests and messages, acknowledgements, and the heartbeats of the other nodes.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::connection::NatsConnection;
use super::event::PartitionEvent;
use super::fault::NatsFault;
use super::nodes::Nodes;
use super::options::NatsOptions;
use super::partition::{Delivery, Partition, PartitionStep, Taken};
use super::requests::Requests;
use super::setup::{self, NewestRead};
use super::streams::{PartitionStreams, Released};
use super::timing::Timing;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::source::handle::{PipelineClosed, SourceHandle};

/// Messages that are handled before acknowledgements and the heartbeats of other nodes get their turn.
const AT_ONCE: usize = 512;

/// A node that reads some of the partitions.
pub(super) struct Reader {
    options: NatsOptions,
    requests: Requests,
    timing: Timing,
    /// When the node started. All times are counted from here.
    started: Instant,
    partitions: Vec<Partition>,
    streams: PartitionStreams,
    nodes: Nodes,
    /// The newest message that was read.
    read: Arc<NewestRead>,
    /// How often the connection had been made at the last tick.
    connections: u64,
    /// When it was asked whether what is decided is published, without an answer yet.
    asked: Option<Duration>,
    /// Whether a partition was left or given up since the last heartbeat.
    has_left: bool,
    messages: Subscriber,
    released: mpsc::UnboundedReceiver<Released>,
}

/// The partitions of which messages were just taken, each with the newest one that was used, and where it is acknowledged.
type Touched = BTreeMap<usize, Option<(u64, String)>>;

impl Reader {
    /// Subscribes to the messages.
    ///
    /// # Errors
    /// [`NatsFault`] if the servers do not take the subscription.
    pub(super) async fn new(
        options: NatsOptions,
        connection: NatsConnection,
        handle: SourceHandle,
        nodes: Nodes,
    ) -> Result<Self, NatsFault> {
        let client = connection.client.clone();
        let requests = Requests::new(connection, options.clone());
        let messages = client.subscribe(requests.deliveries()).await;
        let messages = messages.map_err(|why| options.not_subscribed(&why))?;
        let timing = Timing::new(options.config.failover);
        let (releases, released) = mpsc::unbounded_channel();
        handle.set_state(SourceState::Silent);
        Ok(Self {
            requests,
            timing,
            started: Instant::now(),
            partitions: (0..options.partitions).map(|_| Partition::new(timing)).collect(),
            streams: PartitionStreams::new(options.clone(), handle, releases),
            nodes,
            read: Arc::default(),
            connections: 0,
            asked: None,
            has_left: false,
            messages,
            released,
            options,
        })
    }

    /// Reads until the shutdown, and then leaves: what was delivered is decided and acknowledged, and the partitions are free.
    ///
    /// # Errors
    /// [`NatsFault`] if the connection has ended for good, or the servers have begun the stream anew.
    pub(super) async fn run(mut self, mut shutdown: Shutdown) -> Result<(), NatsFault> {
        let mut ticks = tokio::time::interval(self.timing.heartbeat / 2);
        let (options, connection) = (self.options.clone(), self.requests.connection());
        let mut begun_anew = pin!(setup::begun_anew(options, connection, self.read.clone()));
        let (mut leaving, mut heartbeat) = (None, true);
        loop {
            let done = tokio::select! {
                () = shutdown.requested(), if leaving.is_none() => {
                    leaving = Some(self.now());
                    self.say(true).await;
                    Ok(())
                }
                message = self.messages.next() => match message {
                    Some(message) => self.receive(message).await,
                    None => return Err(self.ended()),
                },
                Some(released) = self.released.recv() => {
                    self.released(released).await;
                    Ok(())
                }
                fault = &mut begun_anew => return Err(fault),
                is_there = self.nodes.hear(|| self.started.elapsed()) => {
                    if is_there { Ok(()) } else { return Err(self.ended()) }
                }
                _ = ticks.tick() => {
                    heartbeat = !heartbeat;
                    // Until the others have had time to say that they are there, it is not known what is theirs, and they keep it.
                    let leaves = leaving.is_some() || self.now() <= self.timing.gone;
                    let done = self.tick(leaves).await;
                    // What was left is said at once, so that the next node need not wait.
                    if std::mem::take(&mut self.has_left) || !heartbeat {
                        self.say(leaves).await;
                    }
                    done
                }
            };
            let is_over = leaving.is_some_and(|since| self.now() > since + 2 * self.timing.give_up);
            let is_left = leaving.is_some() && !self.partitions.iter().any(Partition::is_read);
            // The pipeline has ended, and with it everything that was to be said.
            if done.is_err() || is_over || is_left {
                self.say(true).await;
                self.requests.flush().await;
                return Ok(());
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Decides which partitions this node reads, and asks for their messages.
    async fn tick(&mut self, leaves: bool) -> Result<(), PipelineClosed> {
        let now = self.now();
        let connections = self.requests.connections();
        if std::mem::replace(&mut self.connections, connections) != connections {
            self.partitions.iter_mut().for_each(Partition::reconnected);
        }
        // Surfaces that are still on their way to the broker would come after those of the next node.
        let is_behind = self.asked.is_some_and(|asked| now > asked + self.timing.silent);
        for (partition, wanted) in self.partitions.iter_mut().zip(self.nodes.wanted(now)) {
            let is_kept = *wanted || is_behind && partition.is_held();
            partition.want(is_kept && !leaves, now);
        }
        if self.asked.is_none() {
            self.asked = Some(now);
            self.streams.ask_published(None).await?;
        }
        for index in 0..self.partitions.len() {
            self.step(index).await?;
        }
        self.requests.acknowledge_all().await;
        self.nodes
            .read_directly(self.partitions.iter().filter(|partition| partition.is_read_directly()).count());
        Ok(())
    }

    /// Does what one partition needs now.
    async fn step(&mut self, index: usize) -> Result<(), PipelineClosed> {
        let now = self.now();
        while let Some(partition) = self.partitions.get_mut(index) {
            partition.told(self.nodes.elsewhere(index));
            match partition.step(now) {
                None => break,
                Some(PartitionStep::Pull) => self.requests.pull(index, partition.pin()).await,
                Some(PartitionStep::PullGroup) => self.requests.pull_group(index, partition.pin()).await,
                Some(PartitionStep::AskFloor) => self.requests.floor(index).await,
                Some(PartitionStep::Read(sequence)) => self.requests.read(index, sequence).await,
                Some(PartitionStep::AskPublished) => self.streams.ask_published(Some(index)).await?,
                Some(PartitionStep::GiveUp) => {
                    tracing::debug!(partition = index, "nothing is heard of a partition; it is given up");
                    self.has_left = true;
                    self.streams.forget(index).await?;
                }
                Some(PartitionStep::Release { is_pinned }) => {
                    self.has_left = true;
                    // Without another node, the streams end with this daemon, which is said then.
                    if self.nodes.are_several() {
                        self.streams.forget(index).await?;
                    }
                    if is_pinned {
                        self.requests.unpin(index).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a message and those that are there already, sends their samples to the pipeline, and a receipt for each
    /// partition behind them.
    async fn receive(&mut self, first: Message) -> Result<(), PipelineClosed> {
        let mut touched = Touched::new();
        self.take(first, &mut touched).await?;
        for _ in 1..AT_ONCE {
            let Some(message) = self.messages.next().now_or_never().flatten() else { break };
            self.take(message, &mut touched).await?;
        }
        for (index, newest) in touched {
            if let Some((sequence, reply)) = newest {
                self.streams.ask_decided(index, sequence, reply).await?;
            }
            self.step(index).await?;
        }
        Ok(())
    }

    /// Takes a message, or a status of the servers about a request.
    async fn take(&mut self, message: Message, touched: &mut Touched) -> Result<(), PipelineClosed> {
        let now = self.now();
        let event = PartitionEvent::of(message, &self.options.subject);
        let Some((index, event)) = event else { return Ok(()) };
        let Some(partition) = self.partitions.get_mut(index) else { return Ok(()) };
        let taken = match event {
            PartitionEvent::Delivered(message) => partition.delivered(message, now),
            PartitionEvent::Stored(message, before) => partition.stored(message, before, now),
            PartitionEvent::StoredEnd(last, left) => partition.stored_ended(last, left),
            PartitionEvent::Floor(floor) => {
                partition.acknowledged_anywhere(floor);
                Taken::default()
            }
            // What follows from it is done at the next tick, because the same status may be the answer.
            PartitionEvent::Status(code, pending) => {
                let taken = partition.status(code, pending, now);
                return self.pass(index, taken, touched).await;
            }
        };
        touched.entry(index).or_default();
        self.pass(index, taken, touched).await
    }

    /// Passes the messages of a partition on to the pipeline.
    async fn pass(
        &mut self,
        index: usize,
        Taken { has_moved, message, repeated, used_before }: Taken,
        touched: &mut Touched,
    ) -> Result<(), PipelineClosed> {
        if has_moved {
            tracing::debug!(partition = index, "another node had a partition meanwhile");
            self.streams.forget(index).await?;
        }
        self.streams.repeated(index, repeated);
        // The servers may deliver nothing new before it is acknowledged.
        if let Some(Delivery { sequence, reply, .. }) = used_before {
            self.streams.ask_decided(index, sequence, reply).await?;
        }
        if let Some(message) = message {
            self.read.note(&message);
            self.streams.take(index, &message).await?;
            touched.insert(index, Some((message.sequence, message.reply)));
        }
        Ok(())
    }

    /// Acknowledges a message and all before it in its partition, or goes on with leaving one.
    async fn released(&mut self, released: Released) {
        match released {
            Released::Decided(index, sequence, reply) => {
                self.nodes.decided(index, sequence, self.started.elapsed());
                if let Some(partition) = self.partitions.get_mut(index) {
                    partition.acknowledged(sequence);
                }
                // What was read from the stream itself has no reply, and is acknowledged with what the consumer delivers later.
                self.requests.acknowledge(index, reply).await;
            }
            Released::Published(None) => self.asked = None,
            Released::Published(Some(index)) => {
                self.partitions.get_mut(index).into_iter().for_each(Partition::published)
            }
        }
    }

    /// Tells the other nodes that this one is there or leaves, which partitions it reads, and how far each is decided.
    async fn say(&mut self, leaves: bool) {
        let held = (0..).zip(&self.partitions).filter(|(_, partition)| partition.is_held());
        let held = held.map(|(index, partition)| (index, partition.decided())).collect();
        self.nodes.say(leaves, held, self.started.elapsed()).await;
    }

    fn ended(&self) -> NatsFault {
        NatsFault::Unreachable { url: self.options.url(), why: "the connection has ended".into() }
    }
}
