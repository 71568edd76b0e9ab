//! One partition: which of its messages are used, in which order, and when it changes hands.

mod delivery;
mod direct;
mod elsewhere;
mod order;
mod phase;

use std::time::Duration;

pub(super) use self::delivery::{Delivery, numbers};
use self::direct::Direct;
pub(super) use self::elsewhere::Elsewhere;
use self::order::MessageOrder;
pub(super) use self::order::Taken;
pub(super) use self::phase::PartitionStep;
use self::phase::{IDLE, Leaving, NO_LEADER, Phase, TIMED_OUT, WRONG_PIN};
use super::timing::Timing;

/// Messages that one request asks for.
pub(super) const BATCH: usize = 64;

/// The state of one partition on this node. It does no I/O, and times are counted from the start of the node.
///
/// The servers deliver the messages of a partition to one node at a time, the one whose requests have the name that they
/// gave it, its pin. When another node gets the partition, they first deliver again what was not acknowledged, in any
/// order; these messages are put in order before they are used, without those that this node has decided itself.
///
/// While the consumer has no leader, and after a delivery that did not arrive, the messages are read from the stream itself, also
/// by a node that takes over: the others say up to which message the partition is decided, and whether they read it.
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
    /// When the consumer was last heard.
    heard: Duration,
    /// The messages that were used.
    order: MessageOrder,
    /// The number of the newest delivery; `None` if the next one may have any number.
    delivery: Option<u64>,
    /// How far reading from the stream itself is; `None` while the consumer delivers.
    direct: Option<Direct>,
    /// Whether it was read from the stream itself since the consumer was last heard.
    was_direct: bool,
    /// What is known about the partition besides.
    elsewhere: Elsewhere,
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
            order: MessageOrder::default(),
            delivery: None,
            direct: None,
            was_direct: false,
            elsewhere: Elsewhere::default(),
        }
    }

    /// Takes what the other nodes say about the partition.
    pub(super) fn told(&mut self, elsewhere: Elsewhere) {
        self.elsewhere = elsewhere;
    }

    /// Whether this node has the partition: no other node may read it.
    pub(super) fn is_held(&self) -> bool {
        self.pin.is_some() || self.direct.is_some()
    }

    /// The number of the newest message that this node has decided; 0 if there is none.
    pub(super) fn decided(&self) -> u64 {
        self.order.decided()
    }

    /// The name under which the servers deliver the partition to this node.
    pub(super) fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether this node reads the partition.
    pub(super) fn is_read(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Whether its messages are read from the stream itself, because its consumer does not deliver them. It lasts until the
    /// consumer is heard again, also if nothing was read for so long that the node has given the partition up.
    pub(super) fn is_read_directly(&self) -> bool {
        self.direct.is_some() || self.was_direct && self.is_read()
    }

    /// Says whether this node is to read the partition.
    pub(super) fn want(&mut self, wanted: bool, now: Duration) {
        match (self.phase, wanted) {
            (Phase::Idle, true) => (self.heard, self.until) = (now, now),
            (Phase::Reading, false) => self.order.leave(),
            _ => {}
        }
        self.phase = self.phase.wanted(wanted, now);
    }

    /// Notes that the connection was made anew: what was asked for on the old one does not come.
    pub(super) fn reconnected(&mut self) {
        self.open = 0;
        self.direct.iter_mut().for_each(Direct::ask_again);
    }

    /// What is to be done now; `None` if there is nothing to do.
    pub(super) fn step(&mut self, now: Duration) -> Option<PartitionStep> {
        if now >= self.until + self.timing.idle {
            // The servers say when a request ends; if that status is lost, it has ended all the same.
            self.open = 0;
        }
        match self.phase {
            Phase::Idle => None,
            Phase::Reading => self.read(now),
            Phase::Leaving(since, _) if now > since + self.timing.give_up => Some(self.release()),
            Phase::Leaving(since, Leaving::Deciding) => {
                let is_decided = self.open == 0 && self.order.is_acknowledged();
                is_decided.then(|| {
                    self.phase = Phase::Leaving(since, Leaving::Publishing);
                    PartitionStep::AskPublished
                })
            }
            Phase::Leaving(_, Leaving::Publishing) => None,
            Phase::Leaving(_, Leaving::Published) => Some(self.release()),
        }
    }

    fn read(&mut self, now: Duration) -> Option<PartitionStep> {
        // A consumer that is only slow may deliver to another node, so that without a pin silence says nothing.
        if self.pin.is_some() && now > self.heard + self.timing.silent {
            self.read_directly(now);
        }
        let is_lost = match &self.direct {
            Some(direct) => direct.is_lost(&self.timing, now) || self.pin.is_none() && self.elsewhere.is_read,
            None => self.pin.is_some() && now > self.heard + self.timing.give_up,
        };
        if is_lost {
            self.forget();
            return Some(PartitionStep::GiveUp);
        }
        if let Some((direct, newest)) = self.direct.as_mut().zip(self.order.newest())
            && direct.ask(&self.timing, now)
        {
            return Some(PartitionStep::Read(newest + 1));
        }
        (self.open < BATCH / 2 || now >= self.until).then(|| {
            self.open += BATCH;
            self.until = now + self.timing.pull;
            PartitionStep::Pull
        })
    }

    /// Begins to read from the stream itself, if it is known from which message on.
    fn read_directly(&mut self, now: Duration) {
        if self.direct.is_some() {
            return;
        }
        if self.pin.is_some() {
            self.direct = self.order.newest().map(|_| Direct::new(self.heard));
        } else if let Some(decided) = self.elsewhere.free_after().filter(|_| self.phase == Phase::Reading) {
            self.order.go_on_after(decided);
            self.direct = Some(Direct::new(now));
        }
        self.was_direct |= self.direct.is_some();
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

    /// Takes a message that the consumer has delivered.
    pub(super) fn delivered(&mut self, message: Delivery, now: Duration) -> Taken {
        let mut taken = Taken::default();
        (self.heard, self.was_direct) = (now, false);
        self.open = self.open.saturating_sub(1);
        if self.phase == Phase::Idle {
            return taken;
        }
        if self.pin.as_ref() != Some(&message.pin) {
            let had_pin = self.pin.replace(message.pin.clone()).is_some();
            self.delivery = None;
            match &mut self.direct {
                // Whoever had the partition meanwhile, this node has read all of its messages.
                Some(direct) => direct.pinned(),
                None => {
                    taken.has_moved = had_pin;
                    self.order.take_over();
                }
            }
        }
        let is_missing = self.delivery.is_some_and(|last| message.delivery != last + 1);
        self.delivery = Some(message.delivery);
        // A server took the deliveries before this one with it when it died. They must not be skipped: an acknowledgement
        // covers all messages before it.
        if is_missing {
            self.read_directly(now);
            if self.direct.is_none() {
                // All that is not acknowledged is delivered again, under another pin.
                self.forget();
                return taken;
            }
        }
        if let Some(direct) = &mut self.direct {
            direct.heard(message.sequence);
            return taken;
        }
        self.order.delivered(message, &mut taken);
        taken
    }

    /// Takes a message that was read from the stream itself.
    pub(super) fn stored(&mut self, message: Delivery, now: Duration) -> Taken {
        let mut taken = Taken::default();
        if let Some(direct) = self.direct.as_mut().filter(|_| self.phase == Phase::Reading) {
            direct.received(now);
            self.order.stored(message, &mut taken);
        }
        taken
    }

    /// Notes the end of what was read from the stream itself, and how many messages are left there.
    pub(super) fn stored_ended(&mut self, left: u64) {
        let newest = self.order.newest().unwrap_or(0);
        self.direct.take_if(|direct| direct.ended(left, newest));
    }

    /// Takes a status of the consumer, or that there is none: its code, and how many of the messages that were asked for
    /// will not be delivered any more.
    pub(super) fn status(&mut self, code: u16, pending: usize, now: Duration) -> Taken {
        let mut taken = Taken::default();
        if code == NO_LEADER {
            self.open = 0;
            self.read_directly(now);
            return taken;
        }
        (self.heard, self.was_direct) = (now, false);
        match code {
            // There is no message, so everything that is delivered again is here.
            IDLE => self.order.settle(&mut taken),
            TIMED_OUT => {
                self.open = self.open.saturating_sub(pending);
                self.order.settle(&mut taken);
            }
            WRONG_PIN => match &mut self.direct {
                Some(direct) => {
                    direct.unpinned(now);
                    (self.pin, self.open) = (None, 0);
                }
                None => {
                    taken.has_moved = self.pin.is_some();
                    self.forget();
                }
            },
            // The request has failed for another reason, such as another leader of the consumer.
            _ => self.open = 0,
        }
        // Only a consumer that has a leader answers in this way, and only to the node that has the pin.
        if let Some(direct) =
            self.direct.as_mut().filter(|_| matches!(code, IDLE | TIMED_OUT) && self.pin.is_some())
        {
            direct.heard(0);
        }
        taken
    }

    /// Notes that everything up to this number is acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.order.acknowledged(sequence);
    }

    fn forget(&mut self) {
        (self.pin, self.delivery, self.direct) = (None, None, None);
        self.open = 0;
        self.order.forget();
    }
}

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
    fn a_node_that_gets_a_partition_back_acknowledges_what_it_has_decided_and_does_not_use_it_again() {
        let mut partition = read();
        for sequence in [3, 13] {
            partition.delivered(message(sequence, 1, "p"), at(20));
            partition.acknowledged(sequence);
        }
        // The acknowledgements were lost with a server.
        assert!(partition.status(WRONG_PIN, 0, at(30)).has_moved);
        for sequence in [14, 3, 13] {
            assert_eq!(partition.delivered(message(sequence, 2, "q"), at(40)), Taken::default());
        }
        let taken = partition.delivered(message(16, 1, "q"), at(40));
        let used_before = taken.used_before.as_ref().map(|message| message.sequence);
        assert_eq!((sequences(&taken), used_before, taken.repeated), (vec![14, 16], Some(13), 0));
        // Without a newer message, the acknowledgement is sent all the same.
        partition.acknowledged(16);
        partition.status(WRONG_PIN, 0, at(50));
        partition.delivered(message(16, 2, "r"), at(60));
        let taken = partition.status(IDLE, 0, at(70));
        assert_eq!((sequences(&taken), taken.used_before.is_some()), (vec![], true));
    }

    /// A message of the stream itself.
    fn stored(sequence: u64) -> Delivery {
        Delivery { reply: String::new(), ..message(sequence, 1, "") }
    }

    #[test]
    fn a_message_that_did_not_arrive_is_read_from_the_stream_itself() {
        let mut partition = read();
        assert_eq!(sequences(&partition.delivered(message(3, 1, "p"), at(20))), [3]);
        // The server that had the next one died with it.
        partition.1 += 1;
        for sequence in [7, 9] {
            assert_eq!(partition.delivered(message(sequence, 1, "p"), at(30)), Taken::default());
        }
        assert_eq!(partition.step(at(30)), Some(PartitionStep::Read(4)));
        assert_eq!(sequences(&partition.stored(stored(5), at(40))), [5]);
        assert_eq!(sequences(&partition.stored(stored(7), at(40))), [7]);
        // This server does not have the last one yet.
        partition.stored_ended(0);
        assert_eq!(partition.step(at(280)), Some(PartitionStep::Read(8)));
        assert_eq!(sequences(&partition.stored(stored(9), at(290))), [9]);
        partition.stored_ended(0);
        assert_eq!(sequences(&partition.delivered(message(10, 1, "p"), at(300))), [10]);
        // What was not acknowledged is delivered again.
        let again = partition.delivered(message(9, 2, "p"), at(310));
        let used_before = again.used_before.as_ref().map(|message| message.sequence);
        assert_eq!((again.repeated, again.messages.len(), used_before), (0, 0, Some(9)));
    }

    #[test]
    fn without_a_leader_of_the_consumer_the_stream_itself_is_read_and_no_robot_moves() {
        let mut partition = read();
        partition.delivered(message(3, 1, "p"), at(20));
        assert_eq!(partition.status(NO_LEADER, 0, at(100)), Taken::default());
        assert_eq!(partition.step(at(100)), Some(PartitionStep::Read(4)));
        assert_eq!(
            partition.step(at(100)),
            Some(PartitionStep::Pull),
            "a new leader learns that this node is there"
        );
        assert_eq!(sequences(&partition.stored(stored(8), at(110))), [8]);
        partition.stored_ended(5);
        assert_eq!(partition.step(at(110)), Some(PartitionStep::Read(9)), "there are more");
        partition.stored_ended(0);
        assert_eq!(partition.step(at(120)), None);
        for second in 1..8 {
            assert_eq!(partition.step(at(1000 * second)), Some(PartitionStep::Read(8 + second)));
            let taken = partition.stored(stored(8 + second), at(1000 * second));
            assert_eq!(sequences(&taken), [8 + second]);
            partition.stored_ended(0);
        }
        // The new leader does not know the pin, and gives another one.
        assert_eq!(partition.status(409, 0, at(7050)), Taken::default());
        partition.stored_ended(0);
        assert_eq!(partition.status(WRONG_PIN, BATCH, at(7100)), Taken::default());
        assert_eq!(partition.pin(), None);
        assert_eq!(partition.step(at(7900)), Some(PartitionStep::Read(16)));
        assert_eq!(partition.step(at(7900)), Some(PartitionStep::Pull));
        partition.stored_ended(0);
        for (sequence, count) in [(3, 2), (8, 1), (9, 1)] {
            assert_eq!(partition.delivered(message(sequence, count, "q"), at(7950)), Taken::default());
        }
        assert_eq!(partition.step(at(7950)), Some(PartitionStep::Read(16)));
        partition.stored_ended(0);
        let taken = partition.delivered(message(10, 1, "q"), at(7960));
        assert_eq!(taken.used_before.map(|message| message.sequence), Some(10));
        for sequence in 11..=15 {
            partition.delivered(message(sequence, 1, "q"), at(7970));
        }
        let taken = partition.delivered(message(16, 1, "q"), at(7980));
        assert_eq!((taken.has_moved, sequences(&taken)), (false, vec![16]));
    }

    #[test]
    fn a_node_that_takes_over_without_a_leader_of_the_consumer_begins_after_what_another_one_has_decided() {
        let mut partition = read();
        partition.told(Elsewhere { is_read: true, decided: Some(7) });
        partition.status(NO_LEADER, 0, at(100));
        assert_eq!((partition.step(at(100)), partition.is_held()), (Some(PartitionStep::Pull), false));
        // The other node has left it, or is gone.
        partition.told(Elsewhere { is_read: false, decided: Some(8) });
        partition.status(NO_LEADER, 0, at(200));
        assert_eq!((partition.step(at(200)), partition.is_held()), (Some(PartitionStep::Read(9)), true));
        assert_eq!(sequences(&partition.stored(stored(9), at(210))), [9]);
        assert_eq!(sequences(&partition.stored(stored(10), at(210))), [10]);
        partition.stored_ended(0);
        partition.acknowledged(10);
        assert_eq!(partition.decided(), 10);
        // The new leader delivers again what was not acknowledged, and goes on.
        for (sequence, count) in [(8, 2), (6, 2), (9, 1), (10, 1)] {
            let taken = partition.delivered(message(sequence, count, "q"), at(300));
            assert_eq!((taken.messages.len(), taken.has_moved), (0, false));
            while partition.step(at(300)).is_some() {}
            partition.stored_ended(0);
        }
        let taken = partition.delivered(message(11, 1, "q"), at(310));
        assert_eq!((taken.has_moved, sequences(&taken)), (false, vec![11]));
    }

    #[test]
    fn of_two_nodes_that_read_a_partition_the_one_without_a_pin_gives_it_up() {
        let mut partition = read();
        partition.told(Elsewhere { is_read: false, decided: Some(8) });
        assert_eq!(partition.step(at(1900)), Some(PartitionStep::Pull), "the consumer may only be slow");
        partition.status(NO_LEADER, 0, at(1910));
        assert_eq!(partition.step(at(1920)), Some(PartitionStep::Read(9)));
        partition.told(Elsewhere { is_read: true, decided: Some(8) });
        assert_eq!(partition.step(at(1930)), Some(PartitionStep::GiveUp));
        assert!(!partition.is_held());
    }

    #[test]
    fn a_partition_is_given_up_when_the_stream_has_nothing_new_either_or_another_node_may_have_it() {
        let timing = Timing::new(FAILOVER);
        let steps = |partition: &mut Counting, has_news: bool| {
            let given_up = (100..9000).step_by(100).find(|millis| {
                let step = partition.step(at(*millis));
                if step == Some(PartitionStep::Read(*millis)) && has_news {
                    partition.stored(stored(*millis), at(*millis));
                }
                step == Some(PartitionStep::GiveUp)
            });
            at(given_up.unwrap())
        };
        let mut silent = read();
        silent.delivered(message(99, 1, "p"), at(50));
        silent.status(NO_LEADER, 0, at(60));
        assert!(steps(&mut silent, false) <= at(60 + 200) + timing.give_up);
        assert!(silent.is_read_directly(), "its consumer is still silent");
        silent.status(IDLE, 0, at(9000));
        assert!(!silent.is_read_directly());
        let mut taken = read();
        taken.delivered(message(99, 1, "p"), at(50));
        taken.status(NO_LEADER, 0, at(60));
        taken.status(WRONG_PIN, BATCH, at(80));
        assert!(steps(&mut taken, true) <= at(80 + 200) + timing.give_up);
        assert_eq!(taken.status(NO_LEADER, 0, at(9000)), Taken::default());
        assert_eq!(
            taken.step(at(9000)),
            Some(PartitionStep::Pull),
            "it is not known from which message on to read"
        );
    }

    #[test]
    fn a_takeover_of_which_a_message_did_not_arrive_begins_anew() {
        let mut partition = read();
        partition.delivered(message(3, 2, "p"), at(20));
        partition.1 += 1;
        assert_eq!(partition.delivered(message(9, 1, "p"), at(30)), Taken::default());
        assert_eq!(partition.pin(), None);
        assert_eq!(partition.step(at(40)), Some(PartitionStep::Pull));
        for sequence in [9, 3, 5] {
            assert_eq!(partition.delivered(message(sequence, 2, "q"), at(3000)), Taken::default());
        }
        assert_eq!(sequences(&partition.delivered(message(10, 1, "q"), at(3000))), [3, 5, 9, 10]);
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
