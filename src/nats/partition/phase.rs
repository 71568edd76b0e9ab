//! What a node does with a partition, and what the servers say about it.

use std::time::Duration;

/// What a node does with a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Another node is to read it.
    Idle,
    /// This node is to read it.
    Reading,
    /// Another node is to read it from this moment on, as soon as what this one has is decided and published. The second
    /// value says how far that is.
    Leaving(Duration, Leaving),
}

impl Phase {
    /// What follows from this node being to read it, or not, since this moment.
    pub(super) fn wanted(self, wanted: bool, now: Duration) -> Self {
        match (self, wanted) {
            (Self::Idle | Self::Leaving(..), true) => Self::Reading,
            (Self::Reading, false) => Self::Leaving(now, Leaving::Deciding),
            (phase, _) => phase,
        }
    }
}

/// How far a node is that leaves a partition to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// What was delivered is being decided.
    Deciding,
    /// What was decided is being published.
    Publishing,
    /// Everything is published.
    Published,
}

/// What follows from the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nats) enum PartitionStep {
    /// Request [`BATCH`](super::BATCH) messages under the pin, if there is one.
    Pull,
    /// Request at most as many of the messages that are there already, under the pin.
    PullGroup,
    /// Ask up to which message everything is acknowledged, and call
    /// [`Partition::acknowledged_anywhere`](super::Partition::acknowledged_anywhere).
    AskFloor,
    /// Ask the stream itself for the messages from this number on.
    Read(u64),
    /// Send a receipt of publishing, and call [`Partition::published`](super::Partition::published) when it is released.
    AskPublished,
    /// Forget the streams of the partition: another node may have it.
    GiveUp,
    /// Forget the streams of the partition, and if the servers deliver it to this node, tell them that it is free for another one.
    Release { is_pinned: bool },
}

/// There is no message now.
pub(super) const IDLE: u16 = 100;
/// A request has lasted its time.
pub(super) const TIMED_OUT: u16 = 408;
/// Another node has the partition.
pub(super) const WRONG_PIN: u16 = 423;
/// No server leads the consumer now.
pub(super) const NO_LEADER: u16 = 503;
