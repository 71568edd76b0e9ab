//! What nodes tell each other: that they are there, or that they leave.

use serde::{Deserialize, Serialize};

/// The longest heartbeat that is read, in bytes.
const MAX_BYTES: usize = 512;

/// The heartbeat of a node: that it is there, or that it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    /// The name of the node.
    pub node: String,
    /// What tells two processes with the same name apart.
    pub process: String,
    /// Whether the node leaves.
    pub leaves: bool,
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
        let heartbeat = Heartbeat { node: "a".into(), process: "1".into(), leaves: false };
        assert_eq!(Heartbeat::read(&heartbeat.bytes()), Some(heartbeat.clone()));
        let long = Heartbeat { node: "x".repeat(MAX_BYTES), ..heartbeat };
        assert_eq!(
            [Heartbeat::read(b"online"), Heartbeat::read(b""), Heartbeat::read(&long.bytes())],
            [None, None, None]
        );
    }
}
