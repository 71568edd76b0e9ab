//! Which messages of a partition are used, and in which order.

use super::delivery::Delivery;

/// The messages of a partition that were used.
#[derive(Debug, Default)]
pub(super) struct MessageOrder {
    /// See [`MessageOrder::newest`].
    newest: Option<u64>,
    /// The number of the newest message that is acknowledged.
    acknowledged: u64,
    /// The consumer also delivers messages up to this number that are decided already, or were read from the stream itself.
    read: u64,
    /// See [`MessageOrder::decided`].
    decided: u64,
}

/// What follows from a message or a status of the servers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::nats) struct Taken {
    /// Whether the streams of the partition are to be forgotten first, because another node had it meanwhile.
    pub has_moved: bool,
    /// The message to be used.
    pub message: Option<Delivery>,
    /// The number of messages that were delivered again although they or newer ones were used.
    pub repeated: u64,
    /// A message to be acknowledged that is decided already, or was read from the stream itself before the consumer delivered it.
    pub used_before: Option<Delivery>,
}

impl MessageOrder {
    /// Begins after everything up to this number was decided, here or elsewhere: what the consumer delivers of it again
    /// was used before.
    pub(super) fn begin_after(&mut self, decided: u64) {
        let begin = decided.max(self.decided);
        *self = Self { newest: Some(begin), acknowledged: begin, read: begin, decided: self.decided };
    }

    /// Forgets everything but what this node has decided.
    pub(super) fn forget(&mut self) {
        *self = Self { decided: self.decided, ..Self::default() };
    }

    /// The number of the newest message that this node has decided, also before it lost the partition; 0 if there is none.
    pub(super) fn decided(&self) -> u64 {
        self.decided
    }

    /// The number of the newest message that was used; `None` while it is not known after which one to begin.
    pub(super) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether everything that was used is acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.newest.is_none_or(|newest| self.acknowledged >= newest)
    }

    /// Notes that everything up to this number is acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.acknowledged = self.acknowledged.max(sequence);
        self.decided = self.decided.max(sequence);
    }

    /// Takes a message of the consumer; all before it were used, or are decided.
    pub(super) fn delivered(&mut self, message: Delivery, taken: &mut Taken) {
        if self.newest.is_none_or(|newest| message.sequence > newest) {
            self.newest = Some(message.sequence);
            taken.message = Some(message);
        } else if message.sequence <= self.read {
            taken.used_before = Some(message);
        } else {
            taken.repeated += 1;
        }
    }

    /// Takes a message of the stream itself, and the number of the one before it in the partition. If a message before it did not
    /// arrive, this one is not used: both are asked for again.
    pub(super) fn stored(&mut self, message: Delivery, before: u64, taken: &mut Taken) {
        if self.newest.is_some_and(|newest| before <= newest && newest < message.sequence) {
            self.read = message.sequence;
            self.delivered(message, taken);
        }
    }
}
