//! Which messages of a partition are used, and in which order.

use super::delivery::Delivery;

/// Maximum size of the messages that wait for those delivered again, in bytes, and their number.
const MAX_HELD: (usize, usize) = (4 << 20, 2048);

/// The messages of a partition that were used, and those that wait until it is known which ones come before them.
#[derive(Debug, Default)]
pub(super) struct MessageOrder {
    /// The number of the newest message that was used; 0 if there is none.
    newest: u64,
    /// The number of the newest message that is acknowledged.
    acknowledged: u64,
    /// The messages that wait until everything that is delivered again is here; `None` once it is.
    held: Option<Vec<Delivery>>,
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
    /// The messages to be used, in order.
    pub messages: Vec<Delivery>,
    /// The number of messages that were delivered again although they or newer ones were used.
    pub repeated: u64,
    /// A message to be acknowledged that is decided already: it was read from the stream itself before the consumer delivered
    /// it, or this node had decided it before it lost the partition.
    pub used_before: Option<Delivery>,
}

impl MessageOrder {
    /// Begins anew at a takeover: messages wait until everything is here that is delivered again.
    pub(super) fn take_over(&mut self) {
        self.go_on_after(self.decided);
        self.held = Some(Vec::new());
    }

    /// Begins anew after everything up to this number was decided, here or elsewhere: what the consumer delivers of it again
    /// was used before.
    pub(super) fn go_on_after(&mut self, decided: u64) {
        let own = self.decided;
        *self = Self { newest: decided, acknowledged: decided, held: None, read: decided, decided: own };
    }

    /// Forgets everything but what this node has decided.
    pub(super) fn forget(&mut self) {
        *self = Self { decided: self.decided, ..Self::default() };
    }

    /// The number of the newest message that this node has decided, also before it lost the partition; 0 if there is none.
    pub(super) fn decided(&self) -> u64 {
        self.decided
    }

    /// The number of the newest message that was used; `None` while it is not known which ones come before it.
    pub(super) fn newest(&self) -> Option<u64> {
        (self.newest > 0 && self.held.is_none()).then_some(self.newest)
    }

    /// Whether everything that was used is acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged >= self.newest
    }

    /// Notes that everything up to this number is acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.acknowledged = self.acknowledged.max(sequence);
        self.decided = self.decided.max(sequence);
    }

    /// Takes a message of the consumer.
    pub(super) fn delivered(&mut self, message: Delivery, taken: &mut Taken) {
        let Some(held) = &mut self.held else { return self.take(message, taken) };
        // New messages come after everything that is delivered again.
        let is_last = message.count == 1;
        held.push(message);
        let bytes: usize = held.iter().map(|message| message.payload.len()).sum();
        if is_last || bytes > MAX_HELD.0 || held.len() > MAX_HELD.1 {
            self.settle(taken);
        }
    }

    /// Takes a message of the stream itself.
    pub(super) fn stored(&mut self, message: Delivery, taken: &mut Taken) {
        if message.sequence > self.newest {
            self.read = message.sequence;
            self.take(message, taken);
        }
    }

    /// Puts the messages that wait in order, and passes them on.
    pub(super) fn settle(&mut self, taken: &mut Taken) {
        let mut held = self.held.take().unwrap_or_default();
        held.sort_by_key(|message| message.sequence);
        held.into_iter().for_each(|message| self.take(message, taken));
    }

    /// Drops the messages that wait. They are not acknowledged, so that the next node gets them.
    pub(super) fn leave(&mut self) {
        self.held = None;
    }

    fn take(&mut self, message: Delivery, taken: &mut Taken) {
        if message.sequence > self.newest {
            self.newest = message.sequence;
            taken.messages.push(message);
        } else if message.sequence <= self.read {
            taken.used_before = Some(message);
        } else {
            taken.repeated += 1;
        }
    }
}
