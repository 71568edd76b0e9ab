//! What nodes tell each other: that they are there, or that they leave.

use serde::{Deserialize, Serialize};

/// The longest word of a node that is read, in bytes.
const MAX_BYTES: usize = 512;

/// The word of a node to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// The name of the node.
    pub node: String,
    /// What tells two processes with the same name apart.
    pub process: String,
    /// Whether the node leaves.
    pub leaves: bool,
}

impl Beat {
    /// Reads a word; `None` if it is none.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        Some(payload)
            .filter(|payload| payload.len() <= MAX_BYTES)
            .and_then(|payload| serde_json::from_slice(payload).ok())
    }

    /// The word as it is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_as_it_was_sent_and_anything_else_is_none() {
        let beat = Beat { node: "a".into(), process: "1".into(), leaves: false };
        assert_eq!(Beat::read(&beat.bytes()), Some(beat.clone()));
        let long = Beat { node: "x".repeat(MAX_BYTES), ..beat };
        assert_eq!([Beat::read(b"online"), Beat::read(b""), Beat::read(&long.bytes())], [None, None, None]);
    }
}
