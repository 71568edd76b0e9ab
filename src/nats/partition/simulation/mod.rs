//! Nodes that come, go and are cut off, at servers that lose what is on its way: no message may be lost for good.

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use self::servers::{Asked, Servers};
use super::{Elsewhere, Partition, PartitionStep, Taken};
use crate::nats::event::PartitionEvent;
use crate::nats::timing::Timing;

const NODES: usize = 3;
/// Until when something goes wrong, in milliseconds.
const TROUBLE: u64 = 60_000;
/// Until when messages come.
const MESSAGES: u64 = 65_000;
/// When everything has to be decided.
const END: u64 = 75_000;

/// What is on its way, from a node or to it.
enum Post {
    Asked(usize, Asked),
    Answered(usize, PartitionEvent),
    /// What a node has asked of its own pipeline, in this life.
    Own(usize, u32, Own),
}

/// What the pipeline of a node says.
enum Own {
    /// A message is decided, and whether that is acknowledged.
    Decided(u64, bool),
    Published,
}

struct Node {
    partition: Partition,
    /// Counts its processes: what an earlier one was about to do is not done.
    life: u32,
    is_wanted: bool,
    /// Until when nothing reaches it or comes from it.
    cut_off: u64,
    /// When its last heartbeat was heard, and whether it said that it has the partition.
    heard: (u64, bool),
    /// The newest message that it has used since it took the partition over.
    used: Option<u64>,
    /// The newest message that it has decided and not acknowledged.
    unacknowledged: Option<u64>,
}

struct Simulation {
    timing: Timing,
    random: Pcg64,
    now: u64,
    /// What is on its way, by when it arrives and in which order it was sent.
    post: BTreeMap<(u64, u64), Post>,
    posted: u64,
    servers: Servers,
    nodes: Vec<Node>,
    decided: BTreeSet<u64>,
    /// Up to which message everything is decided, as the heartbeats say.
    said: Option<u64>,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let timing = Timing::new(Duration::from_secs(5));
        let node = |index| Node {
            partition: Partition::new(timing),
            life: 0,
            is_wanted: index == 0,
            cut_off: 0,
            heard: (0, false),
            used: None,
            unacknowledged: None,
        };
        Self {
            timing,
            random: Pcg64::seed_from_u64(seed),
            now: 0,
            post: BTreeMap::new(),
            posted: 0,
            servers: Servers::new(timing),
            nodes: (0..NODES).map(node).collect(),
            decided: BTreeSet::new(),
            said: None,
        }
    }

    /// Runs with so many messages in a millisecond.
    fn run(&mut self, rate: f64) {
        let mut sequence = 0;
        while self.now < END {
            self.now += 1;
            if self.now < MESSAGES && self.random.random_bool(rate) {
                // The numbers between are those of other partitions.
                sequence += self.random.random_range(1..4);
                self.servers.stream.insert(sequence);
            }
            if self.now < TROUBLE && self.random.random_bool(1.0 / 1500.0) {
                self.trouble();
            }
            for (node, event) in self.servers.serve(self.now) {
                self.send(Post::Answered(node, event), 2);
            }
            while let Some(entry) = self.post.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let post = entry.remove();
                self.arrive(post);
            }
            if self.now.is_multiple_of(millis(self.timing.heartbeat) / 2) {
                self.tick();
            }
        }
    }

    /// Something goes wrong, or another node is to read.
    fn trouble(&mut self) {
        let index = self.random.random_range(0..NODES);
        let node = &mut self.nodes[index];
        match self.random.random_range(0..6) {
            // It is killed, and starts again.
            0 => {
                (node.partition, node.used, node.unacknowledged) = (Partition::new(self.timing), None, None);
                (node.life, node.cut_off) = (node.life + 1, self.now + 1000);
            }
            1 => node.cut_off = self.now + self.random.random_range(0..4000),
            // The server that leads the consumer is lost, with what is on its way over it.
            2 => {
                let until = self.now + self.random.random_range(0..6000);
                self.servers.lose_leader(until);
                self.lose_half();
            }
            3 => self.lose_half(),
            _ => (0..).zip(&mut self.nodes).for_each(|(other, node)| node.is_wanted = other == index),
        }
    }

    /// Loses half of what is on its way between nodes and servers.
    fn lose_half(&mut self) {
        let random = &mut self.random;
        self.post.retain(|_, post| matches!(post, Post::Own(..)) || random.random_bool(0.5));
    }

    fn tick(&mut self) {
        let timing = self.timing;
        for node in &mut self.nodes {
            if self.now >= node.cut_off && self.now.is_multiple_of(millis(timing.heartbeat)) {
                node.heard = (self.now, node.partition.is_held());
                let decided = Some(node.partition.decided()).filter(|decided| *decided > 0);
                self.said = self.said.max(decided);
            }
        }
        for index in 0..NODES {
            let now = Duration::from_millis(self.now);
            let node = &mut self.nodes[index];
            node.partition.want(node.is_wanted, now);
            self.step(index);
            self.acknowledge(index);
        }
    }

    fn acknowledge(&mut self, index: usize) {
        if let Some(sequence) = self.nodes[index].unacknowledged.take() {
            self.ask(index, Asked::Acknowledge(sequence));
        }
    }

    fn step(&mut self, index: usize) {
        let gone = millis(self.timing.gone);
        let reads =
            |(other, node): (usize, &Node)| other != index && node.heard.1 && self.now <= node.heard.0 + gone;
        let is_read = self.nodes.iter().enumerate().any(reads);
        let (now, elsewhere) = (Duration::from_millis(self.now), Elsewhere { is_read, decided: self.said });
        loop {
            let node = &mut self.nodes[index];
            node.partition.told(elsewhere);
            match node.partition.step(now) {
                None => break,
                Some(PartitionStep::Pull) => {
                    let pin = node.partition.pin().map(str::to_owned);
                    self.ask(index, Asked::Pull(pin));
                }
                Some(PartitionStep::PullGroup) => {
                    let pin = node.partition.pin().map(str::to_owned);
                    self.ask(index, Asked::PullGroup(pin));
                }
                Some(PartitionStep::AskFloor) => self.ask(index, Asked::Floor),
                Some(PartitionStep::Read(from)) => self.ask(index, Asked::Read(from)),
                Some(PartitionStep::AskPublished) => {
                    let life = node.life;
                    self.send(Post::Own(index, life, Own::Published), 20);
                }
                Some(PartitionStep::GiveUp) => node.used = None,
                Some(PartitionStep::Release { is_pinned }) => {
                    node.used = None;
                    if is_pinned {
                        self.acknowledge(index);
                        self.ask(index, Asked::Unpin);
                    }
                }
            }
        }
    }

    /// Sends something from a node, unless it is cut off.
    fn ask(&mut self, node: usize, asked: Asked) {
        if self.now >= self.nodes[node].cut_off {
            self.send(Post::Asked(node, asked), 2);
        }
    }

    /// Sends something, which arrives after so many milliseconds.
    fn send(&mut self, post: Post, after: u64) {
        self.posted += 1;
        self.post.insert((self.now + after, self.posted), post);
    }

    fn arrive(&mut self, post: Post) {
        match post {
            Post::Asked(node, asked) => {
                let lag = if self.random.random_bool(0.2) { 2 } else { 0 };
                for event in self.servers.ask(node, asked, lag, self.now) {
                    self.send(Post::Answered(node, event), 2);
                }
            }
            Post::Answered(node, event) if self.now >= self.nodes[node].cut_off => self.take(node, event),
            Post::Own(node, life, own) if life == self.nodes[node].life => match own {
                Own::Published => self.nodes[node].partition.published(),
                Own::Decided(sequence, is_acknowledged) => {
                    self.decided.insert(sequence);
                    self.nodes[node].partition.acknowledged(sequence);
                    let unacknowledged = &mut self.nodes[node].unacknowledged;
                    if is_acknowledged && unacknowledged.is_none_or(|newest| newest < sequence) {
                        *unacknowledged = Some(sequence);
                    }
                }
            },
            _ => {}
        }
    }

    /// A node takes what the servers say.
    fn take(&mut self, index: usize, event: PartitionEvent) {
        let now = Duration::from_millis(self.now);
        let partition = &mut self.nodes[index].partition;
        let is_status = matches!(event, PartitionEvent::Status(..));
        let taken = match event {
            PartitionEvent::Delivered(message) => partition.delivered(message, now),
            PartitionEvent::Stored(message, before) => partition.stored(message, before, now),
            PartitionEvent::StoredEnd(last, left) => partition.stored_ended(last, left),
            PartitionEvent::Status(code, pending) => partition.status(code, pending, now),
            PartitionEvent::Floor(floor) => {
                partition.acknowledged_anywhere(floor);
                Taken::default()
            }
        };
        self.decide(index, taken);
        if !is_status {
            self.step(index);
        }
    }

    /// Gives a message to the pipeline of a node.
    fn decide(&mut self, index: usize, taken: Taken) {
        let node = &mut self.nodes[index];
        node.used.take_if(|_| taken.has_moved);
        if let Some(message) = &taken.message {
            let used = node.used.replace(message.sequence);
            assert!(used.is_none_or(|used| used < message.sequence), "{} after {used:?}", message.sequence);
        }
        let life = node.life;
        for message in taken.used_before.into_iter().chain(taken.message) {
            let own = Own::Decided(message.sequence, !message.reply.is_empty());
            self.send(Post::Own(index, life, own), 30);
        }
    }
}

#[test]
fn every_message_is_decided_whatever_is_lost_and_whichever_node_has_the_partition() {
    for seed in 0..24 {
        let mut simulation = Simulation::new(seed);
        // Many messages are asked for in groups, and few one by one.
        simulation.run(if seed % 2 == 0 { 0.03 } else { 0.012 });
        let Simulation { servers: Servers { stream, .. }, decided, .. } = simulation;
        let lost: Vec<_> = stream.difference(&decided).collect();
        assert!(
            stream.len() > 500 && lost.is_empty(),
            "seed {seed}: of {} messages, {lost:?} are lost",
            stream.len()
        );
    }
}
