//! The loop of a node: requests and messages, acknowledgements, and the words of the other nodes.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;

use super::beat::Beat;
use super::connection::Connection;
use super::delivery::{Delivery, numbers};
use super::fault::NatsFault;
use super::members::Members;
use super::partition::{BATCH, Partition, Step, Taken};
use super::setup::GROUP;
use super::source::NatsSource;
use super::timing::Timing;
use crate::health::SourceState;
use crate::shutdown::Shutdown;
use crate::signal::{DropReason, Drops, Receipt, StreamId};
use crate::source::handle::{PipelineClosed, SourceHandle};
use crate::source::message_decoder::MessageDecoder;

/// Messages that are handled before acknowledgements and the words of other nodes get their turn.
const AT_ONCE: usize = 512;

/// An acknowledgement that may be sent: the partition, the number of the message, and the subject.
type Released = (usize, u64, String);

/// A node that reads some of the partitions.
pub(super) struct Reader {
    source: NatsSource,
    connection: Connection,
    decoder: MessageDecoder,
    timing: Timing,
    /// When the node started. All times are counted from here.
    started: Instant,
    partitions: Vec<Partition>,
    /// The streams of each partition that were seen since this node has it.
    streams: Vec<HashSet<StreamId>>,
    members: Members,
    /// This process in the words to the others.
    process: String,
    /// Whether it was said that another process has this node's name.
    is_namesake_told: bool,
    /// The first part of the subjects on which messages are delivered; the partition is the last one.
    inbox: String,
    messages: Subscriber,
    beats: Subscriber,
    releases: mpsc::UnboundedSender<Released>,
    released: mpsc::UnboundedReceiver<Released>,
}

impl Reader {
    /// Subscribes to the messages and to the words of the other nodes.
    ///
    /// # Errors
    /// [`NatsFault`] if the servers do not take the subscriptions.
    pub(super) async fn new(
        source: NatsSource,
        connection: Connection,
        handle: SourceHandle,
    ) -> Result<Self, NatsFault> {
        let inbox = connection.client.new_inbox();
        let fault = |why: String| NatsFault::NoAnswer {
            url: source.config.url.clone().unwrap_or_default(),
            subject: "SUB".into(),
            why: Some(why),
        };
        let messages = connection.client.subscribe(format!("{inbox}.*")).await;
        let messages = messages.map_err(|why| fault(why.to_string()))?;
        let beats = connection.client.subscribe(source.beats()).await;
        let beats = beats.map_err(|why| fault(why.to_string()))?;
        let timing = Timing::new(source.config.failover);
        let (releases, released) = mpsc::unbounded_channel();
        let count = usize::from(source.partitions);
        handle.set_state(SourceState::Silent);
        Ok(Self {
            decoder: MessageDecoder::new(source.format, source.input.clone(), None, handle),
            timing,
            started: Instant::now(),
            partitions: (0..count).map(|_| Partition::new(timing)).collect(),
            streams: vec![HashSet::new(); count],
            members: Members::new(&source.node, timing.gone),
            process: connection.client.new_inbox(),
            is_namesake_told: false,
            inbox,
            messages,
            beats,
            releases,
            released,
            source,
            connection,
        })
    }

    /// Reads until the shutdown, and then leaves: what was delivered is decided and acknowledged, and the partitions are
    /// free for other nodes at once.
    ///
    /// # Errors
    /// [`NatsFault`] if the connection has ended for good.
    pub(super) async fn run(mut self, mut shutdown: Shutdown) -> Result<(), NatsFault> {
        let mut ticks = tokio::time::interval(self.timing.beat / 2);
        let (mut leaving, mut beat) = (None, true);
        loop {
            let done = tokio::select! {
                () = shutdown.requested(), if leaving.is_none() => {
                    leaving = Some(self.now());
                    self.beat(true).await;
                    Ok(())
                }
                message = self.messages.next() => match message {
                    Some(message) => self.receive(message).await,
                    None => return Err(self.ended()),
                },
                Some(released) = self.released.recv() => {
                    self.acknowledge(released).await;
                    Ok(())
                }
                Some(message) = self.beats.next() => {
                    self.hear(&message);
                    Ok(())
                }
                _ = ticks.tick() => {
                    beat = !beat;
                    if !beat && leaving.is_none() {
                        self.beat(false).await;
                    }
                    self.tick(leaving.is_some()).await
                }
            };
            let is_over = leaving.is_some_and(|since| self.now() > since + 2 * self.timing.give_up);
            let is_left = leaving.is_some() && !self.partitions.iter().any(Partition::is_read);
            // The pipeline has ended, and with it everything that was to be said.
            if done.is_err() || is_over || is_left {
                let _ = tokio::time::timeout(self.timing.give_up, self.connection.client.flush()).await;
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
        for name in self.members.expire(now) {
            tracing::warn!(node = name, "a node is gone; the others read its robots");
        }
        // Until the others have had time to say that they are there, it is not known what is theirs.
        let knows_others = now > self.timing.gone;
        let wanted = self.members.wanted(self.source.partitions);
        for (partition, wanted) in self.partitions.iter_mut().zip(wanted) {
            partition.want(wanted && knows_others && !leaves, now);
        }
        for index in 0..self.partitions.len() {
            self.step(index).await?;
        }
        Ok(())
    }

    /// Does what one partition needs now.
    async fn step(&mut self, index: usize) -> Result<(), PipelineClosed> {
        let now = self.now();
        let Some(partition) = self.partitions.get_mut(index) else { return Ok(()) };
        match partition.step(now) {
            None => {}
            Some(Step::Pull) => {
                let pin = partition.pin().map(str::to_owned);
                self.pull(index, pin.as_deref()).await;
            }
            Some(Step::GiveUp) => {
                tracing::debug!(partition = index, "nothing is heard of a partition; it is given up");
                self.forget(index).await?;
            }
            Some(Step::Release) => {
                // Without another node, the streams end with this daemon, which is said then.
                if self.members.len() > 1 {
                    self.forget(index).await?;
                }
                let subject =
                    format!("$JS.API.CONSUMER.UNPIN.{}.{}", self.source.jetstream, self.consumer(index));
                let body = json!({ "group": GROUP }).to_string();
                let _ = self.connection.client.publish(subject, body.into()).await;
            }
        }
        Ok(())
    }

    /// Requests messages of a partition.
    async fn pull(&self, index: usize, pin: Option<&str>) {
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
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.source.jetstream, self.consumer(index));
        let reply = format!("{}.{index}", self.inbox);
        // Without a connection it is lost, and asked again when its time has passed.
        let _ = self.connection.client.publish_with_reply(subject, reply, body.to_string().into()).await;
    }

    fn consumer(&self, index: usize) -> String {
        self.source.consumer(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// Takes a message and those that are there already, sends their samples to the pipeline, and a receipt for each
    /// partition behind them.
    async fn receive(&mut self, first: Message) -> Result<(), PipelineClosed> {
        let mut newest: BTreeMap<usize, (u64, String)> = BTreeMap::new();
        let mut next = Some(first);
        for _ in 0..AT_ONCE {
            let Some(message) = next else { break };
            self.take(message, &mut newest).await?;
            next = self.messages.next().now_or_never().flatten();
        }
        if let Some(message) = next {
            self.take(message, &mut newest).await?;
        }
        for (index, (sequence, reply)) in newest {
            let releases = self.releases.clone();
            // This fails only if the reader has ended.
            let release = move || drop(releases.send((index, sequence, reply)));
            self.decoder.handle().receipt(Receipt::new(release)).await?;
            self.step(index).await?;
        }
        Ok(())
    }

    /// Takes a message, or a word of the servers about a request.
    async fn take(
        &mut self,
        message: Message,
        newest: &mut BTreeMap<usize, (u64, String)>,
    ) -> Result<(), PipelineClosed> {
        let now = self.now();
        let header = |name: &str| message.headers.as_ref()?.get(name).map(|value| value.as_str().to_owned());
        let (index, taken) = match message.status {
            Some(status) => {
                let index = message.subject.rsplit('.').next().and_then(|token| token.parse::<usize>().ok());
                let Some((index, partition)) =
                    index.and_then(|index| Some((index, self.partitions.get_mut(index)?)))
                else {
                    return Ok(());
                };
                let pending =
                    header("Nats-Pending-Messages").and_then(|count| count.parse().ok()).unwrap_or(0);
                (index, partition.status(status.as_u16(), pending, now))
            }
            None => {
                let pin = header("Nats-Pin-Id").unwrap_or_default();
                let reply = message.reply.map(|reply| reply.to_string()).unwrap_or_default();
                let index =
                    self.source.subject.names(&message.subject).map(|(partition, _)| usize::from(partition));
                let Some(((count, sequence), index)) = numbers(&reply).zip(index) else { return Ok(()) };
                let Some(partition) = self.partitions.get_mut(index) else { return Ok(()) };
                let (subject, payload) = (message.subject.to_string(), message.payload);
                let delivery = Delivery { subject, payload, reply, sequence, count, pin };
                (index, partition.delivered(delivery, now))
            }
        };
        self.pass(index, taken, newest).await
    }

    /// Passes the messages of a partition on to the pipeline.
    async fn pass(
        &mut self,
        index: usize,
        Taken { has_moved, messages, repeated }: Taken,
        newest: &mut BTreeMap<usize, (u64, String)>,
    ) -> Result<(), PipelineClosed> {
        if has_moved {
            self.forget(index).await?;
        }
        let mut drops = Drops::default();
        drops.add_many(DropReason::Redelivered, repeated, || {
            format!("messages of the partition {index} were delivered again, because they were acknowledged too late")
        });
        for message in messages {
            newest.insert(index, (message.sequence, message.reply));
            let name = self.source.subject.names(&message.subject).map_or("", |(_, stream)| stream);
            match StreamId::new(name) {
                Err(why) => drops.add(DropReason::StreamName, || why.to_string()),
                Ok(stream) if message.payload.len() > self.source.max_payload => {
                    drops.add(DropReason::TooLarge, || {
                        let (bytes, most) = (message.payload.len(), self.source.max_payload);
                        format!(
                            "a payload of {bytes} bytes for stream \"{stream}\" is larger than limits.payload = {most}; send \
                             fewer samples at once, or raise limits.payload"
                        )
                    });
                }
                Ok(stream) => {
                    let has_room =
                        self.streams.iter().map(HashSet::len).sum::<usize>() < self.source.max_streams;
                    if let Some(streams) = self.streams.get_mut(index).filter(|_| has_room) {
                        streams.insert(stream.clone());
                    }
                    self.decoder.take(stream, None, &message.payload).await?;
                }
            }
        }
        self.decoder.handle().dropped(&mut drops);
        Ok(())
    }

    /// Forgets the streams of a partition, which another node reads from here on.
    async fn forget(&mut self, index: usize) -> Result<(), PipelineClosed> {
        let streams = self.streams.get_mut(index).map(std::mem::take).unwrap_or_default();
        for stream in streams {
            self.decoder.handle().moved(stream).await?;
        }
        Ok(())
    }

    /// Acknowledges a message and all before it in its partition.
    async fn acknowledge(&mut self, (index, sequence, reply): Released) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        partition.acknowledged(sequence);
        // Without a connection it is lost, and the message is delivered again.
        let _ = self.connection.client.publish(reply, "+ACK".into()).await;
    }

    /// Says that this node is there, or that it leaves.
    async fn beat(&self, leaves: bool) {
        let beat = Beat { node: self.source.node.clone(), process: self.process.clone(), leaves };
        let _ = self.connection.client.publish(self.source.beats(), beat.bytes().into()).await;
    }

    /// Takes the word of a node.
    fn hear(&mut self, message: &Message) {
        let Some(Beat { node, process, leaves }) = Beat::read(&message.payload) else { return };
        if node == self.source.node {
            if process != self.process && !std::mem::replace(&mut self.is_namesake_told, true) {
                tracing::error!(
                    node,
                    "another daemon has this node's name, and takes its robots from it; give each a node.name of its own"
                );
            }
        } else if leaves {
            if self.members.left(&node) {
                tracing::info!(node, "a node leaves; the others read its robots");
            }
        } else if self.members.beat(&node, self.now()) {
            tracing::info!(node, "a node is there, and reads its share of the robots");
        }
    }

    fn ended(&self) -> NatsFault {
        NatsFault::Unreachable {
            url: self.source.config.url.clone().unwrap_or_default(),
            why: "the connection has ended".into(),
        }
    }
}
