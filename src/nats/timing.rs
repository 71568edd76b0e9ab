//! The times of a fail-over, all of them shares of the bound that is configured.

use std::time::Duration;

/// The times that follow from `nats.failover`, the longest time for which the robots of a node that has died wait.
///
/// They are in this order, so that a node that is cut off stops before another one begins: a partition of which nothing
/// is heard is given up; messages that were not acknowledged are delivered again; the node counts as gone; and only then
/// do the servers give its partitions to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// How often a node says that it is there. It looks twice as often what is to be done.
    pub heartbeat: Duration,
    /// How long a request for messages lasts. A new one also tells the servers that the node is there.
    pub pull: Duration,
    /// How often messages are requested in groups, where there are many.
    pub group: Duration,
    /// How often the servers say, while a request lasts, that there is no message.
    pub idle: Duration,
    /// After this long without a message or a status of its consumer, a partition is read from the stream itself.
    pub silent: Duration,
    /// How often the stream itself is asked for messages.
    pub direct: Duration,
    /// After this long without an answer, it is asked again.
    pub answer: Duration,
    /// After this long without a message or a status from the servers about a partition, the node gives it up.
    pub give_up: Duration,
    /// After this long without an acknowledgement, a message is delivered again.
    pub acknowledge: Duration,
    /// After this long without a heartbeat, a node counts as gone.
    pub gone: Duration,
    /// After this long without a request of the node that has a partition, the servers give it to another one.
    pub pinned: Duration,
}

impl Timing {
    /// The times for a bound of `failover`.
    pub(super) fn new(failover: Duration) -> Self {
        let share = |share: f64| failover.mul_f64(share);
        Self {
            heartbeat: share(0.1).min(Duration::from_millis(500)),
            pull: share(0.2),
            // A little shorter than the pause between two ticks.
            group: share(0.04).min(Duration::from_millis(200)),
            idle: share(0.1),
            silent: share(0.25),
            direct: share(0.05),
            answer: share(0.1),
            give_up: share(0.4),
            acknowledge: share(0.5),
            gone: share(0.5),
            pinned: share(0.7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_cut_off_stops_before_another_one_begins() {
        let timing = Timing::new(Duration::from_secs(5));
        // The servers take the last request for the last sign of a node, which may be as old as one request lasts.
        assert!(timing.give_up < timing.pinned - timing.pull);
        assert!(timing.acknowledge < timing.pinned && timing.idle < timing.pull);
        assert!(2 * timing.idle < timing.silent && timing.silent + timing.answer < timing.give_up);
        assert!(timing.pinned + timing.pull < Duration::from_secs(5), "the bound holds");
        assert!(timing.gone > 3 * timing.heartbeat, "a lost heartbeat does not matter");
    }
}
