//! Reading the messages of a partition from the stream itself, while its consumer does not deliver all of them in order.

use std::time::Duration;

use super::delivery::Delivery;
use crate::nats::timing::Timing;

/// How far a node is that reads the messages of a partition from the stream itself.
///
/// A node that takes a partition over reads what is not acknowledged in this way, because the consumer may deliver newer messages
/// before it delivers those again. When a server dies, the consumers that it led deliver nothing until another server leads them,
/// which takes from 4 to 9 s; meanwhile, every server that has the messages can be asked for them (ADR-31 of NATS). The messages
/// come in their order and without a gap, so that the node can go on with the consumer.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    /// When the servers were last asked; `None` before the first time.
    asked: Option<Duration>,
    /// Whether the answer to that has ended. There is one request at a time: each makes a server count the messages that are left,
    /// and many of them keep servers that are busy from storing new messages.
    is_answered: bool,
    /// Whether there is something to ask for that the last request may not have covered.
    is_wanted: bool,
    /// When the last message was read; before the first one, when the consumer was last heard.
    read: Duration,
    /// Whether it is known after which message to begin.
    is_begun: bool,
    /// Whether the consumer was heard since this began.
    is_heard: bool,
    /// The newest message that the consumer has delivered meanwhile, which was not used.
    delivered: Option<Delivery>,
    /// Since when the node has no pin; `None` while it has one.
    unpinned: Option<Duration>,
}

impl Direct {
    /// Begins to read after what was used; the consumer was last heard at this time.
    pub(super) fn new(heard: Duration) -> Self {
        Self {
            asked: None,
            is_answered: false,
            is_wanted: false,
            read: heard,
            is_begun: true,
            is_heard: false,
            delivered: None,
            unpinned: None,
        }
    }

    /// Begins to take a partition over, of which it is not known yet what is acknowledged.
    pub(super) fn taking_over(now: Duration) -> Self {
        Self { is_begun: false, ..Self::new(now) }
    }

    /// Notes that it is known after which message to begin.
    pub(super) fn begin(&mut self) {
        self.is_begun = true;
        self.ask_again();
    }

    /// Whether the servers are to be asked now, which is noted: for messages, or first for what is acknowledged.
    pub(super) fn ask(&mut self, timing: &Timing, now: Duration) -> bool {
        let pause = match (self.is_answered, self.is_wanted) {
            (false, _) => timing.answer,
            (true, false) => timing.direct,
            (true, true) => Duration::ZERO,
        };
        let is_due = self.asked.is_none_or(|asked| now >= asked + pause);
        if is_due {
            (self.asked, self.is_answered, self.is_wanted) = (Some(now), false, false);
        }
        is_due
    }

    /// Notes that what was asked for does not come, or is not what is to be asked for now.
    pub(super) fn ask_again(&mut self) {
        (self.is_answered, self.is_wanted) = (true, true);
    }

    /// Notes a message of an answer.
    pub(super) fn received(&mut self, now: Duration) {
        self.read = now;
    }

    /// Notes that the consumer is there. The servers are asked once more, for what it has delivered before.
    pub(super) fn heard(&mut self) {
        if !std::mem::replace(&mut self.is_heard, true) {
            self.is_wanted |= self.is_begun;
        }
    }

    /// Takes a message that the consumer has delivered before it was read. The servers are asked for what is before it.
    pub(super) fn delivered(&mut self, message: Delivery) {
        self.heard();
        if self.delivered.as_ref().is_none_or(|newest| newest.sequence < message.sequence) {
            self.delivered = Some(message);
            self.is_wanted |= self.is_begun;
        }
    }

    /// Whether the consumer was silent since this began.
    pub(super) fn is_silent(&self) -> bool {
        !self.is_heard
    }

    /// Notes that the consumer has given the node a pin.
    pub(super) fn pinned(&mut self) {
        self.unpinned = None;
    }

    /// Notes that the consumer does not know the pin of the node.
    pub(super) fn unpinned(&mut self, now: Duration) {
        self.unpinned.get_or_insert(now);
    }

    /// Notes the end of an answer, after which there is more to be asked for, or not. Returns whether the node can go on with the
    /// consumer: it is there, and everything up to what it has delivered was used, the newest of it with this number.
    pub(super) fn ended(&mut self, is_more: bool, newest: u64) -> bool {
        self.is_answered = true;
        self.is_wanted |= is_more;
        let has_all = self.delivered.as_ref().is_none_or(|message| message.sequence <= newest);
        // An answer says nothing about what came after its request.
        !self.is_wanted && has_all && self.is_begun && self.is_heard && self.unpinned.is_none()
    }

    /// The newest message that the consumer has delivered meanwhile, and that was not used.
    pub(super) fn into_delivered(self) -> Option<Delivery> {
        self.delivered
    }

    /// Whether nothing came for so long, or the node had no pin, that another node may have the partition.
    pub(super) fn is_lost(&self, timing: &Timing, now: Duration) -> bool {
        let since = self.unpinned.map_or(self.read, |unpinned| unpinned.min(self.read));
        now > since + timing.give_up
    }
}
