//! What is known about a partition besides what this node reads.

/// What is known about a partition besides what this node reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::nats) struct Elsewhere {
    /// Whether another node reads it.
    pub is_read: bool,
    /// Everything up to the message with this number is decided, by any node; `None` while that is not known.
    pub decided: Option<u64>,
}

impl Elsewhere {
    /// The number of the message after which this node may read; `None` if another node reads, or nobody knows where it was.
    pub(super) fn free_after(self) -> Option<u64> {
        self.decided.filter(|_| !self.is_read)
    }
}
