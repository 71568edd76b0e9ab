//! One partition: which of its messages are used, in which order, and when it changes hands.

use std::time::Duration;

use super::delivery::Delivery;
use super::timing::Timing;

/// Messages that one request asks for.
pub(super) const BATCH: usize = 64;
/// Maximum size of the messages that wait for those delivered again, in bytes, and their number.
const MAX_HELD: (usize, usize) = (4 << 20, 2048);

/// The state of one partition on this node. It does no I/O, and times are counted from the start of the node.
///
/// The servers deliver the messages of a partition to one node at a time, the one whose requests have the name that they
/// gave it, its pin. When another node gets the partition, they first deliver again what was not acknowledged, in any
/// order; these messages are put in order before they are used.
#[derive(Debug)]
pub(super) struct Partition {
    timing: Timing,
    phase: Phase,
    /// The name under which the servers deliver the partition to this node; `None` before the first message.
    pin: Option<String>,
    /// The messages that the servers may still deliver for the requests so far.
    open: usize,
    /// Until when the newest request lasts.
    until: Duration,
    /// When the servers last said anything about the partition.
    heard: Duration,
    /// The number of the newest message that was used, and of the newest that is acknowledged.
    newest: u64,
    acknowledged: u64,
    /// The messages that wait until everything that is delivered again is here; `None` once it is.
    held: Option<Vec<Delivery>>,
    /// The number of the newest delivery; `None` if the next one may have any number.
    delivery: Option<u64>,
    /// Until when no message is used, because one was delivered and did not arrive.
    paused: Option<Duration>,
}

/// What a node does with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Another node is to read it.
    Idle,
    /// This node is to read it.
    Reading,
    /// Another node is to read it from this moment on, as soon as what this one has is decided and published. The second
    /// value says how far that is.
    Leaving(Duration, Leaving),
}

/// How far a node is that leaves a partition to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// What was delivered is being decided.
    Deciding,
    /// What was decided is being published.
    Publishing,
    /// Everything is published.
    Published,
}

/// What follows from the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartitionStep {
    /// Request [`BATCH`] messages under the pin, if there is one.
    Pull,
    /// Send a receipt of publishing, and call [`Partition::published`] when it is released.
    AskPublished,
    /// Forget the streams of the partition: another node may have it.
    GiveUp,
    /// Forget the streams of the partition, and tell the servers that it is free for another node.
    Release,
}

/// What follows from a message or a status of the servers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whether the streams of the partition are to be forgotten first, because another node had it meanwhile.
    pub has_moved: bool,
    /// The messages to be used, in order.
    pub messages: Vec<Delivery>,
    /// The number of messages that were delivered again although they or newer ones were used.
    pub repeated: u64,
}

impl Partition {
    /// A partition that another node is to read.
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            phase: Phase::Idle,
            pin: None,
            open: 0,
            until: Duration::ZERO,
            heard: Duration::ZERO,
            newest: 0,
            acknowledged: 0,
            held: None,
            delivery: None,
            paused: None,
        }
    }

    /// The name under which the servers deliver the partition to this node.
    pub(super) fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether this node reads the partition.
    pub(super) fn is_read(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Says whether this node is to read the partition.
    pub(super) fn want(&mut self, wanted: bool, now: Duration) {
        self.phase = match (self.phase, wanted) {
            (Phase::Idle, true) => {
                (self.heard, self.until) = (now, now);
                Phase::Reading
            }
            (Phase::Leaving(..), true) => Phase::Reading,
            (Phase::Reading, false) => {
                // They are not acknowledged, so that the next node gets them.
                self.held = None;
                Phase::Leaving(now, Leaving::Deciding)
            }
            (phase, _) => phase,
        };
    }

    /// What is to be done now; `None` if there is nothing to do.
    pub(super) fn step(&mut self, now: Duration) -> Option<PartitionStep> {
        let has_ended = now >= self.until + self.timing.idle;
        if has_ended {
            // The servers say when a request ends; if that status is lost, it has ended all the same.
            self.open = 0;
        }
        if let Some(until) = self.paused {
            if now < until {
                return None;
            }
            // What was not acknowledged is delivered again now, also what did not arrive.
            (self.paused, self.held, self.heard) = (None, Some(Vec::new()), now);
        }
        match self.phase {
            Phase::Idle => None,
            Phase::Reading if self.pin.is_some() && now > self.heard + self.timing.give_up => {
                self.forget();
                Some(PartitionStep::GiveUp)
            }
            Phase::Reading => (self.open < BATCH / 2 || now >= self.until).then(|| {
                self.open += BATCH;
                self.until = now + self.timing.pull;
                PartitionStep::Pull
            }),
            Phase::Leaving(since, _) if now > since + self.timing.give_up => Some(self.release()),
            Phase::Leaving(since, Leaving::Deciding) => {
                let is_decided = self.open == 0 && self.acknowledged >= self.newest;
                is_decided.then(|| {
                    self.phase = Phase::Leaving(since, Leaving::Publishing);
                    PartitionStep::AskPublished
                })
            }
            Phase::Leaving(_, Leaving::Publishing) => None,
            Phase::Leaving(_, Leaving::Published) => Some(self.release()),
        }
    }

    /// Notes that everything is published that was decided before [`PartitionStep::AskPublished`].
    pub(super) fn published(&mut self) {
        if let Phase::Leaving(since, Leaving::Publishing) = self.phase {
            self.phase = Phase::Leaving(since, Leaving::Published);
        }
    }

    fn release(&mut self) -> PartitionStep {
        self.phase = Phase::Idle;
        self.forget();
        PartitionStep::Release
    }

    /// Takes a message.
    pub(super) fn delivered(&mut self, message: Delivery, now: Duration) -> Taken {
        self.heard = now;
        self.open = self.open.saturating_sub(1);
        if self.phase == Phase::Idle || self.paused.is_some() {
            return Taken::default();
        }
        let mut taken = Taken::default();
        if self.pin.as_ref() != Some(&message.pin) {
            taken.has_moved = self.pin.replace(message.pin.clone()).is_some();
            (self.newest, self.acknowledged, self.held) = (0, 0, Some(Vec::new()));
            self.delivery = None;
        }
        // An acknowledgement covers all messages before it, so that one that a server took with it when it died would be
        // lost with the acknowledgement of the next one.
        if self.delivery.is_some_and(|last| message.delivery != last + 1) {
            self.delivery = None;
            self.paused = Some(now + self.timing.acknowledge + self.timing.idle);
            return taken;
        }
        self.delivery = Some(message.delivery);
        match &mut self.held {
            // New messages come after everything that is delivered again.
            Some(held) => {
                let is_last = message.count == 1;
                held.push(message);
                let bytes: usize = held.iter().map(|message| message.payload.len()).sum();
                if is_last || bytes > MAX_HELD.0 || held.len() > MAX_HELD.1 {
                    self.settle(&mut taken);
                }
            }
            None => self.take(message, &mut taken),
        }
        taken
    }

    /// Takes a status of the servers: its code, and how many of the messages that were asked for they
    /// will not deliver any more.
    pub(super) fn status(&mut self, code: u16, pending: usize, now: Duration) -> Taken {
        let mut taken = Taken::default();
        self.heard = now;
        match code {
            // There is no message, so everything that is delivered again is here.
            IDLE => self.settle(&mut taken),
            TIMED_OUT => {
                self.open = self.open.saturating_sub(pending);
                self.settle(&mut taken);
            }
            WRONG_PIN => {
                taken.has_moved = self.pin.is_some();
                self.forget();
            }
            // The request has failed for another reason, such as another leader of the consumer.
            _ => self.open = 0,
        }
        taken
    }

    /// Notes that everything up to this number is acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.acknowledged = self.acknowledged.max(sequence);
    }

    /// Puts the messages that wait in order, and passes them on.
    fn settle(&mut self, taken: &mut Taken) {
        let mut held = self.held.take().unwrap_or_default();
        held.sort_by_key(|message| message.sequence);
        held.into_iter().for_each(|message| self.take(message, taken));
    }

    fn take(&mut self, message: Delivery, taken: &mut Taken) {
        if message.sequence <= self.newest {
            taken.repeated += 1;
        } else {
            self.newest = message.sequence;
            taken.messages.push(message);
        }
    }

    fn forget(&mut self) {
        (self.pin, self.held, self.delivery, self.paused) = (None, None, None, None);
        (self.open, self.newest, self.acknowledged) = (0, 0, 0);
    }
}

/// There is no message now.
const IDLE: u16 = 100;
/// A request has lasted its time.
const TIMED_OUT: u16 = 408;
/// Another node has the partition.
const WRONG_PIN: u16 = 423;

#[cfg(test)]
mod tests {
    use super::*;

    const FAILOVER: Duration = Duration::from_secs(5);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn message(sequence: u64, count: u64, pin: &str) -> Delivery {
        let (subject, reply) = ("fleet.1.robots.a.current".into(), format!("ack {sequence}"));
        let payload = bytes::Bytes::new();
        Delivery { subject, payload, reply, sequence, count, delivery: 0, pin: pin.into() }
    }

    /// A partition that gets messages with consecutive numbers of delivery.
    struct Counting(Partition, u64);

    impl Counting {
        fn delivered(&mut self, message: Delivery, now: Duration) -> Taken {
            self.1 += 1;
            self.0.delivered(Delivery { delivery: self.1, ..message }, now)
        }
    }

    impl std::ops::Deref for Counting {
        type Target = Partition;

        fn deref(&self) -> &Partition {
            &self.0
        }
    }

    impl std::ops::DerefMut for Counting {
        fn deref_mut(&mut self) -> &mut Partition {
            &mut self.0
        }
    }

    /// A partition that is read, with its first request.
    fn read() -> Counting {
        let mut partition = Partition::new(Timing::new(FAILOVER));
        assert_eq!(partition.step(at(0)), None);
        partition.want(true, at(0));
        assert_eq!(partition.step(at(0)), Some(PartitionStep::Pull));
        assert_eq!(partition.step(at(10)), None);
        Counting(partition, 100)
    }

    fn sequences(taken: &Taken) -> Vec<u64> {
        taken.messages.iter().map(|message| message.sequence).collect()
    }

    #[test]
    fn messages_are_used_in_order_and_once() {
        let mut partition = read();
        for sequence in [3, 7, 9] {
            assert_eq!(sequences(&partition.delivered(message(sequence, 1, "p"), at(20))), [sequence]);
        }
        let again = partition.delivered(message(7, 2, "p"), at(30));
        assert_eq!((again.repeated, again.messages.len(), again.has_moved), (1, 0, false));
        assert_eq!(partition.pin(), Some("p"));
    }

    #[test]
    fn what_is_delivered_again_at_a_takeover_is_put_in_order_before_what_is_new() {
        let mut partition = read();
        for sequence in [3, 14, 15, 7, 13] {
            assert_eq!(partition.delivered(message(sequence, 2, "q"), at(20)), Taken::default());
        }
        assert_eq!(sequences(&partition.delivered(message(16, 1, "q"), at(20))), [3, 7, 13, 14, 15, 16]);
        // Without a new message, the servers say that there is none.
        let mut partition = read();
        partition.delivered(message(5, 2, "q"), at(20));
        partition.delivered(message(4, 3, "q"), at(20));
        assert_eq!(sequences(&partition.status(IDLE, 0, at(40))), [4, 5]);
    }

    #[test]
    fn a_message_that_did_not_arrive_is_waited_for_and_used_in_its_place() {
        let mut partition = read();
        assert_eq!(sequences(&partition.delivered(message(3, 1, "p"), at(20))), [3]);
        // The server that had the next one died with it.
        partition.1 += 1;
        for sequence in [7, 9] {
            assert_eq!(partition.delivered(message(sequence, 1, "p"), at(30)), Taken::default());
        }
        let timing = Timing::new(FAILOVER);
        let again = at(30) + timing.acknowledge + timing.idle;
        assert!(again < timing.pinned, "the partition is not given to another node meanwhile");
        assert_eq!(
            partition.step(again - at(1)),
            None,
            "nothing is asked for, and the partition is not given up"
        );
        assert_eq!(partition.step(again), Some(PartitionStep::Pull));
        for sequence in [9, 3, 5, 7] {
            assert_eq!(partition.delivered(message(sequence, 2, "p"), again), Taken::default());
        }
        let taken = partition.delivered(message(10, 1, "p"), again);
        assert_eq!((sequences(&taken), taken.has_moved, taken.repeated), (vec![5, 7, 9, 10], false, 1));
    }

    #[test]
    fn another_request_follows_when_half_is_delivered_or_the_time_has_passed() {
        let mut partition = read();
        for sequence in 1..=BATCH as u64 / 2 {
            assert_eq!(partition.step(at(20)), None);
            partition.delivered(message(sequence, 1, "p"), at(20));
        }
        partition.delivered(message(1000, 1, "p"), at(20));
        assert_eq!(partition.step(at(20)), Some(PartitionStep::Pull));
        assert_eq!(partition.step(at(1019)), None);
        assert_eq!(partition.step(at(1020)), Some(PartitionStep::Pull));
        partition.status(TIMED_OUT, BATCH, at(1030));
        assert_eq!(partition.step(at(1031)), None, "the new one lasts");
        // No word of its end came.
        assert_eq!(partition.step(at(2020)), Some(PartitionStep::Pull));
    }

    #[test]
    fn a_partition_of_which_nothing_is_heard_is_given_up_before_another_node_gets_it() {
        let mut partition = read();
        partition.delivered(message(1, 1, "p"), at(100));
        let timing = Timing::new(FAILOVER);
        let mut steps = Vec::new();
        for millis in (100..3000).step_by(100) {
            steps.extend(partition.step(at(millis)).map(|step| (millis, step)));
        }
        let given_up = steps.iter().find(|(_, step)| *step == PartitionStep::GiveUp).unwrap().0;
        assert!(at(given_up) <= at(200) + timing.give_up, "{steps:?}");
        assert_eq!(partition.pin(), None);
        // It is asked for again, and whoever has it meanwhile is not disturbed.
        assert!(steps.iter().any(|(millis, step)| *millis > given_up && *step == PartitionStep::Pull));
        let back = partition.delivered(message(2, 1, "r"), at(3000));
        assert_eq!((back.has_moved, sequences(&back)), (false, vec![2]), "its streams were forgotten then");
    }

    #[test]
    fn another_pin_means_that_another_node_had_the_partition_meanwhile() {
        let mut partition = read();
        partition.delivered(message(5, 1, "p"), at(10));
        let taken = partition.delivered(message(9, 1, "r"), at(20));
        assert_eq!((taken.has_moved, sequences(&taken)), (true, vec![9]));
        let taken = partition.status(WRONG_PIN, 0, at(30));
        assert_eq!((taken.has_moved, partition.pin()), (true, None));
        assert_eq!(partition.step(at(30)), Some(PartitionStep::Pull));
    }

    #[test]
    fn a_partition_is_released_when_everything_of_it_is_acknowledged_or_after_a_while() {
        let mut partition = read();
        partition.delivered(message(5, 1, "p"), at(10));
        partition.want(false, at(20));
        assert_eq!(partition.step(at(30)), None, "the request lasts, and nothing is acknowledged");
        assert_eq!(sequences(&partition.delivered(message(6, 1, "p"), at(40))), [6]);
        partition.status(TIMED_OUT, BATCH, at(1000));
        partition.acknowledged(5);
        assert_eq!(partition.step(at(1000)), None);
        partition.acknowledged(6);
        assert_eq!(partition.step(at(1010)), Some(PartitionStep::AskPublished));
        assert_eq!(partition.step(at(1011)), None);
        partition.published();
        assert_eq!(partition.step(at(1012)), Some(PartitionStep::Release));
        assert_eq!((partition.step(at(1020)), partition.is_read()), (None, false));
        // A message that was on its way is left to the next node.
        assert_eq!(partition.delivered(message(7, 1, "p"), at(1030)), Taken::default());

        let mut stuck = read();
        stuck.delivered(message(5, 1, "p"), at(10));
        stuck.want(false, at(20));
        assert_eq!(stuck.step(at(2030)), Some(PartitionStep::Release));
    }
}
