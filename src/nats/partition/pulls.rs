//! When the consumer of a partition is asked for messages.

use std::time::Duration;

use super::phase::PartitionStep;
use crate::nats::timing::Timing;

/// Messages that one request asks for.
pub(in crate::nats) const BATCH: usize = 64;
/// From this many messages in a second on, they are asked for in groups.
const BUSY: usize = 16;
/// The time in which messages are counted.
const SECOND: Duration = Duration::from_secs(1);

/// The requests to the consumer of a partition.
///
/// A request usually lasts, so that each message is delivered at once. The servers of a cluster agree on each delivery, though, which
/// takes them more than to store the message; so where there are many, the node asks a few times a second for those that are there.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// The messages that the servers may still deliver for the requests so far.
    open: usize,
    /// Until when the newest request lasts.
    until: Duration,
    /// When it was sent.
    sent: Duration,
    /// Whether all the messages that it asked for were delivered, so that there may be more.
    is_used_up: bool,
    /// The messages that were delivered, and since when they are counted.
    counted: (usize, Duration),
    /// Whether there are so many that they are asked for in groups.
    is_busy: bool,
}

impl Pulls {
    /// Begins anew: the consumer is to be asked now.
    pub(super) fn begin(&mut self, now: Duration) {
        self.until = now;
    }

    /// What is to be asked for now, which is noted; `None` if nothing is. Only a node that has the partition and uses what its
    /// consumer delivers may ask in groups.
    pub(super) fn next(&mut self, may_group: bool, timing: &Timing, now: Duration) -> Option<PartitionStep> {
        let (count, since) = self.counted;
        if now >= since + SECOND {
            (self.is_busy, self.counted) = (count >= BUSY, (0, now));
        }
        let is_group = may_group && self.is_busy;
        let is_due = match is_group {
            true => self.open == 0 && (self.is_used_up || now >= self.sent + timing.group),
            false => self.open < BATCH / 2,
        };
        if !is_due && now < self.until {
            return None;
        }
        (self.sent, self.is_used_up) = (now, false);
        if is_group {
            (self.open, self.until) = (BATCH, now + timing.idle);
            return Some(PartitionStep::PullGroup);
        }
        (self.open, self.until) = (self.open + BATCH, now + timing.pull);
        Some(PartitionStep::Pull)
    }

    /// Whether the servers may still deliver something.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Ends the requests whose time is over. The servers say when a request ends; if that status is lost, it has ended all the same.
    pub(super) fn expire(&mut self, timing: &Timing, now: Duration) {
        if now >= self.until + timing.idle {
            self.open = 0;
        }
    }

    /// Notes a message.
    pub(super) fn delivered(&mut self) {
        self.counted.0 += 1;
        self.is_used_up |= self.open == 1;
        self.open = self.open.saturating_sub(1);
    }

    /// Notes the end of a request of whose messages so many will not be delivered.
    pub(super) fn timed_out(&mut self, pending: usize) {
        self.open = self.open.saturating_sub(pending);
        // The servers do not answer in groups while the request of another node waits.
        self.is_busy &= pending > 0;
    }

    /// Notes that the requests so far have ended.
    pub(super) fn ended(&mut self) {
        self.open = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for at this time, in milliseconds.
    fn asked(pulls: &mut Pulls, may_group: bool, millis: u64) -> Option<PartitionStep> {
        pulls.next(may_group, &Timing::new(Duration::from_secs(5)), Duration::from_millis(millis))
    }

    #[test]
    fn another_request_follows_when_half_is_delivered_or_the_time_has_passed() {
        let mut pulls = Pulls::default();
        assert_eq!(asked(&mut pulls, false, 10), Some(PartitionStep::Pull));
        for _ in 0..BATCH / 2 {
            assert_eq!(asked(&mut pulls, false, 20), None);
            pulls.delivered();
        }
        pulls.delivered();
        assert_eq!(asked(&mut pulls, false, 20), Some(PartitionStep::Pull));
        assert_eq!(asked(&mut pulls, false, 1019), None);
        assert_eq!(asked(&mut pulls, false, 1020), Some(PartitionStep::Pull));
        pulls.timed_out(BATCH);
        assert_eq!(asked(&mut pulls, false, 1021), None, "the new one lasts");
        // No word of its end came.
        assert_eq!(asked(&mut pulls, false, 2020), Some(PartitionStep::Pull));
    }

    #[test]
    fn many_messages_are_asked_for_in_groups_while_the_consumer_is_used() {
        let mut pulls = Pulls::default();
        asked(&mut pulls, true, 1000);
        (0..BUSY).for_each(|_| pulls.delivered());
        assert_eq!(asked(&mut pulls, true, 1999), None);
        pulls.timed_out(BATCH - BUSY);
        assert_eq!(asked(&mut pulls, true, 2000), Some(PartitionStep::PullGroup));
        (0..5).for_each(|_| pulls.delivered());
        pulls.timed_out(BATCH - 5);
        assert!(!pulls.is_open());
        assert_eq!(asked(&mut pulls, true, 2199), None);
        assert_eq!(asked(&mut pulls, true, 2200), Some(PartitionStep::PullGroup));
        (0..BATCH).for_each(|_| pulls.delivered());
        assert_eq!(asked(&mut pulls, true, 2210), Some(PartitionStep::PullGroup), "there may be more");
        assert_eq!(asked(&mut pulls, true, 2700), None, "it may still be answered");
        assert_eq!(asked(&mut pulls, true, 2710), Some(PartitionStep::PullGroup), "the answer is lost");
        pulls.ended();
        assert_eq!(asked(&mut pulls, false, 2720), Some(PartitionStep::Pull), "it has to be read otherwise");
    }

    #[test]
    fn few_messages_or_the_waiting_request_of_another_node_end_the_groups() {
        for is_refused in [false, true] {
            let mut pulls = Pulls::default();
            asked(&mut pulls, true, 1000);
            (0..BUSY).for_each(|_| pulls.delivered());
            pulls.ended();
            assert_eq!(asked(&mut pulls, true, 2000), Some(PartitionStep::PullGroup));
            if is_refused {
                pulls.timed_out(0);
                assert_eq!(asked(&mut pulls, true, 2500), Some(PartitionStep::Pull));
                continue;
            }
            pulls.ended();
            assert_eq!(asked(&mut pulls, true, 2900), Some(PartitionStep::PullGroup));
            pulls.ended();
            assert_eq!(asked(&mut pulls, true, 3000), Some(PartitionStep::Pull), "few came");
        }
    }
}
