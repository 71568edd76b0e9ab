//! Reading the messages of a partition from the stream itself, while its consumer does not deliver them.

use std::time::Duration;

use crate::nats::timing::Timing;

/// How far a node is that reads the messages of a partition from the stream itself.
///
/// When a server dies, the consumers that it led deliver nothing until another server leads them, which takes from 4 to 9 s.
/// Meanwhile, every server that has the messages can be asked for them (ADR-31 of NATS). Those after the newest one that was
/// used are read, in their order and without a gap, so that the node can go on with the consumer when it is back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direct {
    /// When the servers were last asked; `None` if they are to be asked now.
    asked: Option<Duration>,
    /// When the last message was read, or before the first one when the consumer was last heard.
    read: Duration,
    /// The newest message that the consumer has delivered meanwhile, which was not used, or 0 if it has said something else;
    /// `None` while it is silent.
    delivered: Option<u64>,
    /// Since when the node has no pin; `None` while it has one.
    unpinned: Option<Duration>,
}

impl Direct {
    /// Begins to read; the consumer was last heard at this time.
    pub(super) fn new(heard: Duration) -> Self {
        Self { asked: None, read: heard, delivered: None, unpinned: None }
    }

    /// Whether the servers are to be asked for messages now, which is noted.
    pub(super) fn ask(&mut self, timing: &Timing, now: Duration) -> bool {
        let is_due = self.asked.is_none_or(|asked| now >= asked + timing.direct);
        if is_due {
            self.asked = Some(now);
        }
        is_due
    }

    /// Notes that what was asked for does not come.
    pub(super) fn ask_again(&mut self) {
        self.asked = None;
    }

    /// Notes a message of an answer.
    pub(super) fn received(&mut self, now: Duration) {
        self.read = now;
    }

    /// Notes that the consumer is there: the number of a message that it has delivered, or 0. The servers are asked once
    /// more, for what is before it.
    pub(super) fn heard(&mut self, sequence: u64) {
        if self.delivered.is_none_or(|delivered| delivered < sequence) {
            (self.delivered, self.asked) = (Some(sequence), None);
        }
    }

    /// Notes that the consumer has given the node a pin.
    pub(super) fn pinned(&mut self) {
        self.unpinned = None;
    }

    /// Notes that the consumer does not know the pin of the node.
    pub(super) fn unpinned(&mut self, now: Duration) {
        self.unpinned.get_or_insert(now);
    }

    /// Notes the end of an answer, after which so many messages are left in the partition. Returns whether the node can go
    /// on with the consumer: it is back, and everything up to what it has delivered was used.
    pub(super) fn ended(&mut self, left: u64, newest: u64) -> bool {
        if left > 0 {
            self.asked = None;
        }
        let is_back = self.unpinned.is_none() && self.delivered.is_some_and(|delivered| delivered <= newest);
        // An answer to an earlier request says nothing about what came since.
        is_back && left == 0 && self.asked.is_some()
    }

    /// Whether nothing came for so long, or the node had no pin, that another node may have the partition.
    pub(super) fn is_lost(&self, timing: &Timing, now: Duration) -> bool {
        let since = self.unpinned.map_or(self.read, |unpinned| unpinned.min(self.read));
        now > since + timing.give_up
    }
}
