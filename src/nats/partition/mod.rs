//! One partition: which of its messages are used, in which order, and when it changes hands.

mod acknowledgement;
mod delivery;
mod direct;
mod elsewhere;
mod order;
mod phase;
mod pulls;
#[cfg(test)]
mod simulation;

use std::time::Duration;

pub(super) use self::acknowledgement::Acknowledgement;
pub(super) use self::delivery::{Delivery, numbers};
use self::direct::Direct;
pub(super) use self::elsewhere::Elsewhere;
use self::order::MessageOrder;
pub(super) use self::order::Taken;
pub(super) use self::phase::PartitionStep;
use self::phase::{IDLE, Leaving, NO_LEADER, Phase, TIMED_OUT, WRONG_PIN};
pub(super) use self::pulls::BATCH;
use self::pulls::Pulls;
use super::timing::Timing;

/// The state of one partition on this node. It does no I/O, and times are counted from the start of the node.
///
/// The servers deliver the messages of a partition to one node at a time, the one whose requests have the name that they
/// gave it, its pin. When another node gets the partition, they deliver again what was not acknowledged, but newer messages may
/// come before. So the node begins after what is acknowledged, or what it has decided itself, and reads from the stream itself
/// until it has everything that was delivered to it.
///
/// While the consumer has no leader, and after a delivery that did not arrive, the messages are read from the stream itself, also
/// by a node that takes over: the others say up to which message the partition is decided, and whether they read it.
#[derive(Debug)]
pub(super) struct Partition {
    timing: Timing,
    phase: Phase,
    /// The name under which the servers deliver the partition to this node; `None` before the first message.
    pin: Option<String>,
    /// The requests to the consumer.
    pulls: Pulls,
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
            pulls: Pulls::default(),
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

    /// Whether its messages are read from the stream itself, because its consumer is silent. It lasts until the consumer is heard
    /// again, also if nothing was read for so long that the node has given the partition up.
    pub(super) fn is_read_directly(&self) -> bool {
        self.direct.as_ref().is_some_and(Direct::is_silent) || self.was_direct && self.is_read()
    }

    /// Says whether this node is to read the partition.
    pub(super) fn want(&mut self, wanted: bool, now: Duration) {
        if self.phase == Phase::Idle && wanted {
            self.heard = now;
            self.pulls.begin(now);
        }
        self.phase = self.phase.wanted(wanted, now);
    }

    /// Notes that the connection was made anew: what was asked for on the old one does not come.
    pub(super) fn reconnected(&mut self) {
        self.pulls.ended();
        self.direct.iter_mut().for_each(Direct::ask_again);
    }

    /// What is to be done now; `None` if there is nothing to do.
    pub(super) fn step(&mut self, now: Duration) -> Option<PartitionStep> {
        self.pulls.expire(&self.timing, now);
        match self.phase {
            Phase::Reading => self.read(now),
            Phase::Leaving(since, _) if now > since + self.timing.give_up => Some(self.release()),
            Phase::Leaving(since, Leaving::Deciding) => {
                let is_decided = !self.pulls.is_open() && self.order.is_acknowledged();
                is_decided.then(|| {
                    self.phase = Phase::Leaving(since, Leaving::Publishing);
                    PartitionStep::AskPublished
                })
            }
            Phase::Leaving(_, Leaving::Published) => Some(self.release()),
            Phase::Leaving(_, Leaving::Publishing) | Phase::Idle => None,
        }
    }

    fn read(&mut self, now: Duration) -> Option<PartitionStep> {
        // A consumer that is only slow may deliver to another node, so that without a pin silence says nothing.
        if self.pin.is_some() && now > self.heard + self.timing.silent {
            self.read_directly(now);
        }
        let is_read_elsewhere = self.pin.is_none() && self.elsewhere.is_read;
        if self.direct.as_ref().is_some_and(|direct| is_read_elsewhere || direct.is_lost(&self.timing, now)) {
            self.forget();
            return Some(PartitionStep::GiveUp);
        }
        if self.direct.as_mut().is_some_and(|direct| direct.ask(&self.timing, now)) {
            let newest = self.order.newest();
            return Some(newest.map_or(PartitionStep::AskFloor, |newest| PartitionStep::Read(newest + 1)));
        }
        self.pulls.next(self.pin.is_some() && self.direct.is_none(), &self.timing, now)
    }

    /// Begins to read from the stream itself, if it is known from which message on.
    fn read_directly(&mut self, now: Duration) {
        if self.direct.is_some() {
            return;
        }
        if self.pin.is_some() {
            self.direct = Some(Direct::new(self.heard));
        } else if let Some(decided) = self.elsewhere.free_after().filter(|_| self.phase == Phase::Reading) {
            self.order.begin_after(decided);
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
        let is_pinned = self.pin.is_some();
        self.phase = Phase::Idle;
        self.forget();
        PartitionStep::Release { is_pinned }
    }

    /// Takes a message that the consumer has delivered.
    pub(super) fn delivered(&mut self, message: Delivery, now: Duration) -> Taken {
        let mut taken = Taken::default();
        (self.heard, self.was_direct) = (now, false);
        self.pulls.delivered();
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
                    self.order.forget();
                    self.direct = Some(Direct::taking_over(now));
                }
            }
        }
        // A server that died may have taken the deliveries before this one with it. They must not be skipped: an acknowledgement
        // covers all messages before it.
        if self.delivery.replace(message.delivery).is_some_and(|last| message.delivery != last + 1) {
            self.read_directly(now);
        }
        match &mut self.direct {
            Some(direct) if self.order.newest().is_none_or(|newest| message.sequence > newest) => {
                direct.delivered(message);
            }
            direct => {
                direct.iter_mut().for_each(Direct::heard);
                self.order.delivered(message, &mut taken);
            }
        }
        taken
    }

    /// Takes the number up to which everything is acknowledged, by any node.
    pub(super) fn acknowledged_anywhere(&mut self, floor: u64) {
        if let Some(direct) = self.direct.as_mut().filter(|_| self.order.newest().is_none()) {
            self.order.begin_after(floor.max(self.elsewhere.decided.unwrap_or(0)));
            direct.begin();
        }
    }

    /// Takes a message that was read from the stream itself, and the number of the one before it in the partition.
    pub(super) fn stored(&mut self, message: Delivery, before: u64, now: Duration) -> Taken {
        let mut taken = Taken::default();
        if let Some(direct) = self.direct.as_mut().filter(|_| self.phase == Phase::Reading) {
            direct.received(now);
            self.order.stored(message, before, &mut taken);
        }
        taken
    }

    /// Takes the end of what was read from the stream itself: the number of its last message, and how many are left there.
    pub(super) fn stored_ended(&mut self, last: u64, left: u64) -> Taken {
        let mut taken = Taken::default();
        let newest = self.order.newest().unwrap_or(0);
        let direct = self.direct.take_if(|direct| direct.ended(left > 0 || last > newest, newest));
        if let Some(message) = direct.and_then(Direct::into_delivered) {
            self.order.delivered(message, &mut taken);
        }
        taken
    }

    /// Takes a status of the consumer, or that there is none: its code, and how many of the messages that were asked for
    /// will not be delivered any more.
    pub(super) fn status(&mut self, code: u16, pending: usize, now: Duration) -> Taken {
        let mut taken = Taken::default();
        if code == NO_LEADER {
            self.pulls.ended();
            self.read_directly(now);
            return taken;
        }
        (self.heard, self.was_direct) = (now, false);
        match code {
            IDLE => {}
            TIMED_OUT => self.pulls.timed_out(pending),
            WRONG_PIN => match &mut self.direct {
                Some(direct) if self.order.newest().is_some() => {
                    direct.unpinned(now);
                    self.pin = None;
                    self.pulls.ended();
                }
                _ => {
                    taken.has_moved = self.pin.is_some();
                    self.forget();
                }
            },
            // There is no message, or the request has failed for another reason, such as another leader of the consumer.
            _ => self.pulls.ended(),
        }
        // Only a consumer that has a leader answers in this way, and only to the node that has the pin.
        if let Some(direct) =
            self.direct.as_mut().filter(|_| matches!(code, IDLE | TIMED_OUT) && self.pin.is_some())
        {
            direct.heard();
        }
        taken
    }

    /// Notes that everything up to this number is acknowledged.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        self.order.acknowledged(sequence);
    }

    fn forget(&mut self) {
        (self.pin, self.delivery, self.direct) = (None, None, None);
        self.pulls.ended();
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

    fn message(sequence: u64, pin: &str) -> Delivery {
        let (subject, reply) = ("fleet.1.robots.a.current".into(), format!("ack {sequence}"));
        let payload = bytes::Bytes::new();
        Delivery { subject, payload, reply, sequence, time: 0, delivery: 0, pin: pin.into() }
    }

    /// A message of the stream itself.
    fn stored(sequence: u64) -> Delivery {
        Delivery { reply: String::new(), ..message(sequence, "") }
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

    /// A partition that is read and has taken message 3 over, which is acknowledged.
    fn begun() -> Counting {
        let mut partition = read();
        assert_eq!(partition.delivered(message(3, "p"), at(10)), Taken::default());
        assert_eq!(partition.step(at(10)), Some(PartitionStep::AskFloor));
        partition.acknowledged_anywhere(2);
        assert_eq!(partition.step(at(10)), Some(PartitionStep::Read(3)));
        assert_eq!(used(&partition.stored(stored(3), 0, at(10))), Some(3));
        assert_eq!(used_before(&partition.stored_ended(0, 0)), Some(3));
        partition.acknowledged(3);
        partition
    }

    fn used(taken: &Taken) -> Option<u64> {
        taken.message.as_ref().map(|message| message.sequence)
    }

    fn used_before(taken: &Taken) -> Option<u64> {
        taken.used_before.as_ref().map(|message| message.sequence)
    }

    #[test]
    fn messages_are_used_in_order_and_once() {
        let mut partition = begun();
        for sequence in [5, 7, 9] {
            assert_eq!(used(&partition.delivered(message(sequence, "p"), at(20))), Some(sequence));
        }
        let again = partition.delivered(message(7, "p"), at(30));
        assert_eq!((again.repeated, used(&again), again.has_moved), (1, None, false));
        assert_eq!(partition.pin(), Some("p"));
    }

    #[test]
    fn a_takeover_begins_after_what_is_acknowledged_although_newer_messages_are_delivered_first() {
        let mut partition = read();
        // The servers wait for the acknowledgements of 14 and 15 of the node before, and deliver them again only later.
        assert_eq!(partition.delivered(message(16, "q"), at(20)), Taken::default());
        assert_eq!(partition.step(at(20)), Some(PartitionStep::AskFloor));
        assert_eq!(partition.delivered(message(17, "q"), at(30)), Taken::default());
        assert_eq!(partition.step(at(30)), None);
        assert_eq!(partition.step(at(520)), Some(PartitionStep::AskFloor), "the answer may be lost");
        assert!(!partition.is_read_directly(), "its consumer delivers");
        partition.acknowledged_anywhere(13);
        assert_eq!(partition.step(at(530)), Some(PartitionStep::Read(14)));
        partition.acknowledged_anywhere(12);
        for sequence in [14, 15, 16] {
            assert_eq!(used(&partition.stored(stored(sequence), 0, at(530))), Some(sequence));
        }
        assert_eq!(partition.stored_ended(0, 0), Taken::default(), "17 is not there yet");
        assert_eq!(used_before(&partition.delivered(message(15, "q"), at(540))), Some(15));
        assert_eq!(partition.step(at(780)), Some(PartitionStep::Read(17)));
        assert_eq!(used(&partition.stored(stored(17), 0, at(790))), Some(17));
        assert_eq!(
            used_before(&partition.stored_ended(0, 0)),
            Some(17),
            "the servers wait for its acknowledgement"
        );
        assert_eq!(used(&partition.delivered(message(18, "q"), at(800))), Some(18));
    }

    #[test]
    fn a_takeover_of_which_nobody_says_what_is_acknowledged_is_given_up() {
        let mut partition = read();
        partition.delivered(message(16, "q"), at(20));
        let steps: Vec<_> = (20..2100).filter_map(|millis| partition.step(at(millis))).collect();
        assert!(steps.contains(&PartitionStep::GiveUp), "{steps:?}");
        assert!(steps.iter().filter(|step| **step == PartitionStep::AskFloor).count() > 4, "{steps:?}");
        assert_eq!(partition.pin(), None);
        partition.acknowledged_anywhere(13);
        assert_eq!(partition.step(at(2100)), None, "the answer is too late");
    }

    #[test]
    fn a_node_that_gets_a_partition_back_acknowledges_what_it_has_decided_and_does_not_use_it_again() {
        let mut partition = begun();
        partition.delivered(message(13, "p"), at(20));
        partition.acknowledged(13);
        // The acknowledgement was lost with a server.
        assert!(partition.status(WRONG_PIN, 0, at(30)).has_moved);
        assert_eq!(partition.delivered(message(13, "q"), at(40)), Taken::default());
        partition.acknowledged_anywhere(3);
        while partition.step(at(40)).is_some() {}
        assert_eq!(used_before(&partition.stored_ended(0, 0)), Some(13));
        assert_eq!(used(&partition.delivered(message(14, "q"), at(50))), Some(14));
        // What the others have said is decided is not used, either.
        partition.status(WRONG_PIN, 0, at(60));
        partition.told(Elsewhere { is_read: false, decided: Some(20) });
        partition.delivered(message(15, "r"), at(70));
        partition.acknowledged_anywhere(14);
        assert_eq!(partition.step(at(70)), Some(PartitionStep::Read(21)));
    }

    #[test]
    fn a_message_that_did_not_arrive_is_read_from_the_stream_itself() {
        let mut partition = begun();
        // The server that had the next one died with it.
        partition.1 += 1;
        for sequence in [7, 9] {
            assert_eq!(partition.delivered(message(sequence, "p"), at(30)), Taken::default());
        }
        assert_eq!(partition.step(at(30)), Some(PartitionStep::Read(4)));
        assert_eq!(used(&partition.stored(stored(5), 0, at(40))), Some(5));
        assert_eq!(used(&partition.stored(stored(7), 5, at(40))), Some(7));
        // This server does not have the last one yet.
        assert_eq!(partition.stored_ended(0, 0), Taken::default());
        assert_eq!(partition.step(at(280)), Some(PartitionStep::Read(8)));
        assert_eq!(used(&partition.stored(stored(9), 0, at(290))), Some(9));
        assert_eq!(used_before(&partition.stored_ended(0, 0)), Some(9));
        assert_eq!(used(&partition.delivered(message(10, "p"), at(300))), Some(10));
        // What was not acknowledged is delivered again.
        let again = partition.delivered(message(9, "p"), at(310));
        assert_eq!((again.repeated, used(&again), used_before(&again)), (0, None, Some(9)));
    }

    #[test]
    fn a_message_of_the_stream_itself_that_did_not_arrive_is_asked_for_again() {
        let mut partition = begun();
        partition.status(NO_LEADER, 0, at(100));
        while partition.step(at(100)).is_some() {}
        assert_eq!(used(&partition.stored(stored(5), 3, at(110))), Some(5));
        // 7 is lost on the way.
        assert_eq!(used(&partition.stored(stored(9), 7, at(110))), None);
        partition.status(IDLE, 0, at(110));
        partition.stored_ended(9, 0);
        assert_eq!(partition.step(at(110)), Some(PartitionStep::Read(6)));
        assert_eq!(used(&partition.stored(stored(7), 5, at(120))), Some(7));
        assert_eq!(used(&partition.stored(stored(9), 7, at(120))), Some(9));
        partition.stored_ended(9, 0);
        assert_eq!(used(&partition.delivered(message(12, "p"), at(130))), Some(12));
    }

    #[test]
    fn without_a_leader_of_the_consumer_the_stream_itself_is_read_and_no_robot_moves() {
        let mut partition = begun();
        assert_eq!(partition.status(NO_LEADER, 0, at(100)), Taken::default());
        assert_eq!(partition.step(at(100)), Some(PartitionStep::Read(4)));
        assert_eq!(
            partition.step(at(100)),
            Some(PartitionStep::Pull),
            "a new leader learns that this node is there"
        );
        assert_eq!(used(&partition.stored(stored(8), 0, at(110))), Some(8));
        partition.stored_ended(0, 5);
        assert_eq!(partition.step(at(110)), Some(PartitionStep::Read(9)), "there are more");
        partition.stored_ended(0, 0);
        assert_eq!(partition.step(at(120)), None);
        for second in 1..8 {
            assert_eq!(partition.step(at(1000 * second)), Some(PartitionStep::Read(8 + second)));
            let taken = partition.stored(stored(8 + second), 0, at(1000 * second));
            assert_eq!(used(&taken), Some(8 + second));
            partition.stored_ended(0, 0);
        }
        // The new leader does not know the pin, and gives another one.
        assert_eq!(partition.status(409, 0, at(7050)), Taken::default());
        partition.stored_ended(0, 0);
        assert_eq!(partition.status(WRONG_PIN, BATCH, at(7100)), Taken::default());
        assert_eq!(partition.pin(), None);
        assert_eq!(partition.step(at(7900)), Some(PartitionStep::Read(16)));
        assert_eq!(partition.step(at(7900)), Some(PartitionStep::Pull));
        partition.stored_ended(0, 0);
        for sequence in [8, 9] {
            let taken = partition.delivered(message(sequence, "q"), at(7950));
            assert_eq!((used(&taken), used_before(&taken)), (None, Some(sequence)));
        }
        assert_eq!(partition.step(at(7950)), Some(PartitionStep::Read(16)));
        partition.stored_ended(0, 0);
        for sequence in 10..=15 {
            let taken = partition.delivered(message(sequence, "q"), at(7970));
            assert_eq!(used_before(&taken), Some(sequence));
        }
        let taken = partition.delivered(message(16, "q"), at(7980));
        assert_eq!((taken.has_moved, used(&taken)), (false, Some(16)));
    }

    #[test]
    fn the_stream_itself_is_asked_again_when_it_has_answered_or_long_enough_was_waited() {
        let mut partition = begun();
        partition.status(NO_LEADER, 0, at(100));
        assert_eq!(partition.step(at(100)), Some(PartitionStep::Read(4)));
        assert_eq!(partition.step(at(100)), Some(PartitionStep::Pull));
        for sequence in 8..=12 {
            // What is before it is to be asked for.
            partition.delivered(message(sequence, "p"), at(110));
            assert_eq!(partition.step(at(110)), None, "a server that is busy is asked once");
        }
        assert_eq!(partition.step(at(599)), None);
        assert_eq!(partition.step(at(600)), Some(PartitionStep::Read(4)), "the answer may be lost");
        partition.delivered(message(13, "p"), at(610));
        (4..=12).for_each(|sequence| drop(partition.stored(stored(sequence), sequence - 1, at(620))));
        assert_eq!(partition.stored_ended(12, 0), Taken::default(), "13 came after the request");
        assert_eq!(partition.step(at(620)), Some(PartitionStep::Read(13)));
        partition.stored(stored(13), 12, at(630));
        assert_eq!(used_before(&partition.stored_ended(13, 0)), Some(13));
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
        assert_eq!(used(&partition.stored(stored(9), 0, at(210))), Some(9));
        assert_eq!(used(&partition.stored(stored(10), 0, at(210))), Some(10));
        partition.stored_ended(0, 0);
        partition.acknowledged(10);
        assert_eq!(partition.decided(), 10);
        // The new leader delivers again what was not acknowledged, and goes on.
        for sequence in [8, 6, 9, 10] {
            let taken = partition.delivered(message(sequence, "q"), at(300));
            assert_eq!((used(&taken), taken.has_moved), (None, false));
            while partition.step(at(300)).is_some() {}
            partition.stored_ended(0, 0);
        }
        let taken = partition.delivered(message(11, "q"), at(310));
        assert_eq!((taken.has_moved, used(&taken)), (false, Some(11)));
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
                    partition.stored(stored(*millis), 0, at(*millis));
                }
                step == Some(PartitionStep::GiveUp)
            });
            at(given_up.unwrap())
        };
        let mut silent = begun();
        silent.status(NO_LEADER, 0, at(60));
        assert!(steps(&mut silent, false) <= at(60 + 200) + timing.give_up);
        assert!(silent.is_read_directly(), "its consumer is still silent");
        silent.status(IDLE, 0, at(9000));
        assert!(!silent.is_read_directly());
        let mut taken = begun();
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
    fn a_partition_of_which_nothing_is_heard_is_given_up_before_another_node_gets_it() {
        let mut partition = begun();
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
        let back = partition.delivered(message(4, "r"), at(3000));
        assert_eq!((back.has_moved, partition.is_held()), (false, true), "its streams were forgotten then");
    }

    #[test]
    fn another_pin_means_that_another_node_had_the_partition_meanwhile() {
        let mut partition = begun();
        assert!(partition.delivered(message(9, "r"), at(20)).has_moved);
        assert_eq!(partition.step(at(20)), Some(PartitionStep::AskFloor));
        let taken = partition.status(WRONG_PIN, 0, at(30));
        assert_eq!((taken.has_moved, partition.is_held()), (true, false));
        let mut partition = begun();
        assert!(partition.status(WRONG_PIN, 0, at(30)).has_moved);
        assert_eq!(partition.step(at(30)), Some(PartitionStep::Pull));
    }

    #[test]
    fn a_partition_is_released_when_everything_of_it_is_acknowledged_or_after_a_while() {
        let mut partition = begun();
        partition.delivered(message(5, "p"), at(10));
        partition.want(false, at(20));
        assert_eq!(partition.step(at(30)), None, "the request lasts, and nothing is acknowledged");
        assert_eq!(used(&partition.delivered(message(6, "p"), at(40))), Some(6));
        partition.status(TIMED_OUT, BATCH, at(1000));
        partition.acknowledged(5);
        assert_eq!(partition.step(at(1000)), None);
        partition.acknowledged(6);
        assert_eq!(partition.step(at(1010)), Some(PartitionStep::AskPublished));
        assert_eq!(partition.step(at(1011)), None);
        partition.published();
        assert_eq!(partition.step(at(1012)), Some(PartitionStep::Release { is_pinned: true }));
        assert_eq!((partition.step(at(1020)), partition.is_read()), (None, false));
        // A message that was on its way is left to the next node.
        assert_eq!(partition.delivered(message(7, "p"), at(1030)), Taken::default());

        // Another node may have the partition, and keeps it.
        let mut other = read();
        other.want(false, at(20));
        other.status(TIMED_OUT, BATCH, at(1000));
        assert_eq!(other.step(at(1000)), Some(PartitionStep::AskPublished));
        other.published();
        assert_eq!(other.step(at(1010)), Some(PartitionStep::Release { is_pinned: false }));

        let mut stuck = begun();
        stuck.delivered(message(5, "p"), at(10));
        stuck.want(false, at(20));
        assert_eq!(stuck.step(at(2030)), Some(PartitionStep::Release { is_pinned: true }));
    }
}
