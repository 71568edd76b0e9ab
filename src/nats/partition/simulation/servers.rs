//! The servers of a simulation, with one partition of a stream and its consumer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::phase::{IDLE, NO_LEADER, TIMED_OUT, WRONG_PIN};
use super::super::{BATCH, Delivery};
use super::millis;
use crate::nats::event::PartitionEvent;
use crate::nats::timing::Timing;

/// The answer to a request for messages that are there if there is none.
const NO_MESSAGES: u16 = 404;

/// What a node asks of the servers.
pub(super) enum Asked {
    /// Messages, under this pin.
    Pull(Option<String>),
    /// Those that are there already.
    PullGroup(Option<String>),
    /// Nothing: this message and all before it are acknowledged.
    Acknowledge(u64),
    /// Up to which message everything is acknowledged.
    Floor,
    /// The messages of the stream itself from this number on.
    Read(u64),
    /// That another node gets the messages.
    Unpin,
}

/// A request of a node that lasts.
struct Pull {
    node: usize,
    pin: Option<String>,
    left: usize,
    /// When it ends; `None` if it ends when there are no messages.
    until: Option<u64>,
}

impl Pull {
    fn ended(&self, code: u16) -> (usize, PartitionEvent) {
        (self.node, PartitionEvent::Status(code, self.left))
    }
}

/// The servers. They do what those of NATS 2.15 do with a pinned consumer whose acknowledgements cover all messages before: what
/// was not acknowledged for a while is delivered again, and newer messages may come first.
pub(super) struct Servers {
    timing: Timing,
    pub stream: BTreeSet<u64>,
    /// The newest message that the consumer has delivered.
    delivered: u64,
    deliveries: u64,
    floor: u64,
    /// The messages without an acknowledgement, and when each was delivered.
    pending: BTreeMap<u64, u64>,
    /// The messages that are to be delivered again.
    again: VecDeque<u64>,
    /// The pin, and since when nothing was asked under it.
    pin: Option<(String, u64)>,
    pins: u64,
    pulls: VecDeque<Pull>,
    /// Until when the consumer has no leader.
    leaderless: u64,
}

impl Servers {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            stream: BTreeSet::new(),
            delivered: 0,
            deliveries: 0,
            floor: 0,
            pending: BTreeMap::new(),
            again: VecDeque::new(),
            pin: None,
            pins: 0,
            pulls: VecDeque::new(),
            leaderless: 0,
        }
    }

    /// The leader of the consumer is lost, and there is another one from this time on, which knows no pin.
    pub(super) fn lose_leader(&mut self, until: u64) {
        (self.leaderless, self.pin) = (until, None);
        self.again.clear();
    }

    /// Answers a node; the server that is asked for messages of the stream may be behind by so many numbers.
    pub(super) fn ask(&mut self, node: usize, asked: Asked, lag: u64, now: u64) -> Vec<PartitionEvent> {
        match asked {
            Asked::Read(from) => return self.read(from, lag),
            Asked::Pull(_) | Asked::PullGroup(_) if now < self.leaderless => {
                return vec![PartitionEvent::Status(NO_LEADER, 0)];
            }
            _ if now < self.leaderless => {}
            Asked::Pull(ref pin) | Asked::PullGroup(ref pin) => {
                if let Some((current, since)) = &mut self.pin {
                    if pin.as_ref() == Some(&*current) {
                        *since = now;
                    } else if pin.is_some() {
                        return vec![PartitionEvent::Status(WRONG_PIN, BATCH)];
                    }
                }
                let is_group = matches!(asked, Asked::PullGroup(_));
                let pending = self.again.len() + self.stream.range(self.delivered + 1..).count();
                if is_group && pending == 0 {
                    return vec![PartitionEvent::Status(NO_MESSAGES, 0)];
                }
                if is_group && pending < self.pulls.iter().map(|pull| pull.left).sum() {
                    return vec![PartitionEvent::Status(TIMED_OUT, 0)];
                }
                let until = (!is_group).then(|| now + millis(self.timing.pull));
                self.pulls.push_back(Pull { node, pin: pin.clone(), left: BATCH, until });
            }
            Asked::Acknowledge(sequence) if sequence <= self.delivered => {
                self.floor = self.floor.max(sequence);
                self.pending.retain(|pending, _| *pending > sequence);
                self.again.retain(|again| *again > sequence);
            }
            Asked::Acknowledge(_) => {}
            Asked::Floor => return vec![PartitionEvent::Floor(self.floor)],
            Asked::Unpin => self.pin = None,
        }
        Vec::new()
    }

    fn read(&self, from: u64, lag: u64) -> Vec<PartitionEvent> {
        let newest = self.stream.last().copied().unwrap_or(0).saturating_sub(lag);
        let found = || self.stream.range(from..).take_while(|sequence| **sequence <= newest);
        let mut before = from - 1;
        let stored = found().take(BATCH).map(|sequence| {
            let message = Delivery { reply: String::new(), ..message(*sequence) };
            PartitionEvent::Stored(message, std::mem::replace(&mut before, *sequence))
        });
        let mut answer: Vec<_> = stored.collect();
        answer.push(PartitionEvent::StoredEnd(before, found().skip(BATCH).count() as u64));
        answer
    }

    /// Delivers what can be delivered now, and ends the requests that have lasted their time.
    pub(super) fn serve(&mut self, now: u64) -> Vec<(usize, PartitionEvent)> {
        if now < self.leaderless {
            // What was asked of the leader that is lost is not known to the next one.
            self.pulls.clear();
            return Vec::new();
        }
        self.pin.take_if(|(_, since)| now > *since + millis(self.timing.pinned));
        let acknowledge = millis(self.timing.acknowledge);
        for (sequence, delivered) in &mut self.pending {
            if now > *delivered + acknowledge && !self.again.contains(sequence) {
                *delivered = now;
                self.again.push_back(*sequence);
            }
        }
        let mut sent = self.end(TIMED_OUT, |pull| pull.until.is_some_and(|until| now >= until));
        while let Some(sequence) = self.next() {
            let pin = self.pin.as_ref().map(|(pin, _)| pin.clone());
            sent.extend(self.end(WRONG_PIN, |pull| pull.pin.is_some() && pull.pin != pin));
            let Some(at) = self.pulls.iter().position(|pull| pull.pin == pin) else { break };
            let pin = pin.unwrap_or_else(|| {
                self.pins += 1;
                format!("pin {}", self.pins)
            });
            self.pin.get_or_insert((pin.clone(), now));
            let pull = &mut self.pulls[at];
            (pull.pin, pull.left) = (Some(pin.clone()), pull.left - 1);
            self.again.retain(|again| *again != sequence);
            self.delivered = self.delivered.max(sequence);
            self.pending.insert(sequence, now);
            self.deliveries += 1;
            let message = Delivery { delivery: self.deliveries, pin, ..message(sequence) };
            sent.push((pull.node, PartitionEvent::Delivered(message)));
            self.pulls.retain(|pull| pull.left > 0);
        }
        sent.extend(self.end(TIMED_OUT, |pull| pull.until.is_none()));
        if now.is_multiple_of(millis(self.timing.idle)) {
            let has_pin =
                |pull: &&Pull| self.pin.as_ref().is_some_and(|(pin, _)| pull.pin.as_ref() == Some(pin));
            sent.extend(
                self.pulls.iter().find(has_pin).map(|pull| (pull.node, PartitionEvent::Status(IDLE, 0))),
            );
        }
        sent
    }

    /// The message that is delivered next: one again, or a new one.
    fn next(&self) -> Option<u64> {
        let new = || self.stream.range(self.delivered + 1..).next().copied();
        let is_full = self.pending.len() >= 4 * BATCH;
        self.again.front().copied().or_else(|| new().filter(|_| !is_full))
    }

    /// Ends requests with this status.
    fn end(&mut self, code: u16, is_over: impl Fn(&Pull) -> bool) -> Vec<(usize, PartitionEvent)> {
        let (ended, lasting) = self.pulls.drain(..).partition::<Vec<_>, _>(is_over);
        self.pulls = lasting.into();
        ended.iter().map(|pull| pull.ended(code)).collect()
    }
}

fn message(sequence: u64) -> Delivery {
    let (subject, reply) = ("fleet.1.robots.a.current".into(), format!("ack {sequence}"));
    Delivery {
        subject,
        payload: bytes::Bytes::new(),
        reply,
        sequence,
        time: 0,
        delivery: 0,
        pin: String::new(),
    }
}
