//! What the other nodes say about a partition.

/// What the other nodes say about a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::nats) struct Elsewhere {
    /// Whether one of them reads it.
    pub is_read: bool,
    /// Everything up to the message with this number is decided; `None` while nobody knows.
    pub decided: Option<u64>,
}

impl Elsewhere {
    /// The number of the message after which this node may read; `None` if another node reads, or nobody knows where it was.
    pub(super) fn free_after(self) -> Option<u64> {
        self.decided.filter(|_| !self.is_read)
    }
}
