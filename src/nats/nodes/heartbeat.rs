//! What nodes tell each other: that they are there or leave, and how far the partitions are read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The longest heartbeat that is read, in bytes; one of a stream with as many partitions as there may be is shorter.
const MAX_BYTES: usize = 64 << 10;

/// The heartbeat of a node: that it is there or leaves, which partitions it reads, and how far all are decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// The name of the node.
    pub node: String,
    /// What tells two processes with the same name apart.
    pub process: String,
    /// Whether the node is to be given no partition: it leaves, or does not know the others yet.
    pub leaves: bool,
    /// When the stream was made: the numbers of its messages are those of no other stream.
    pub stream: String,
    /// The partitions that the node reads now.
    pub reads: BTreeSet<u16>,
    /// The number of the newest message that is decided in each partition, and how many milliseconds ago the node that reads it
    /// said so, whichever node has told this one.
    pub decided: BTreeMap<u16, (u64, u64)>,
}

impl Heartbeat {
    /// Reads a heartbeat; `None` if it is none.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        Some(payload)
            .filter(|payload| payload.len() <= MAX_BYTES)
            .and_then(|payload| serde_json::from_slice(payload).ok())
    }

    /// The heartbeat as it is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_read_as_it_was_sent_and_anything_else_is_none() {
        let heartbeat = Heartbeat {
            node: "a".into(),
            process: "1".into(),
            leaves: false,
            stream: "2026-11-26T22:00:00Z".into(),
            reads: BTreeSet::from([3, 7]),
            decided: BTreeMap::from([(3, (44, 0)), (7, (1 << 60, 700))]),
        };
        assert_eq!(Heartbeat::read(&heartbeat.bytes()), Some(heartbeat.clone()));
        let most = Heartbeat {
            reads: (0..1024).collect(),
            decided: (0..1024).map(|partition| (partition, (u64::MAX, 59_999))).collect(),
            ..heartbeat.clone()
        };
        assert_eq!(Heartbeat::read(&most.bytes()), Some(most));
        let long = Heartbeat { node: "x".repeat(MAX_BYTES), ..heartbeat };
        assert_eq!(
            [Heartbeat::read(b"online"), Heartbeat::read(b""), Heartbeat::read(&long.bytes())],
            [None, None, None]
        );
    }
}
