//! The names of streams.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a stream, that is of one robot, as it appears in topics and in every message.
///
/// Names from topics and files are untrusted, so every name is checked ([`StreamId::new`]) or made valid
/// ([`StreamId::from_text`]) when it is created. Cloning only increments a reference count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StreamId(Arc<str>);

/// Why a text is not a valid [`StreamId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream name {name:?} {why}; {fix}")]
pub struct StreamNameError {
    name: String,
    why: &'static str,
    fix: &'static str,
}

/// The level of topics under which the topics of nodes are, beside those of streams.
pub(crate) const NODES: &str = "nodes";
/// What is required of a name that becomes a level of topics.
pub(crate) const LEVEL_RULE: &str =
    "use 1 to 64 bytes without \"/\", \"+\", \"#\" and control characters, and no \"$\" at the start";

/// Why a name cannot be one level of an MQTT topic, as the predicate of a sentence; `None` if it can.
pub(crate) fn level_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > StreamId::MAX_BYTES {
        Some("is too long")
    } else if name.starts_with('$') {
        Some("starts with \"$\"")
    } else if name.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control()) {
        Some("has a character that is not allowed in a topic level")
    } else {
        None
    }
}

impl StreamId {
    /// The length of the longest valid name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name. It must be usable as one level of an MQTT topic.
    ///
    /// # Errors
    /// [`StreamNameError`] if the name is empty, is longer than [`StreamId::MAX_BYTES`], contains `/`, `+`,
    /// `#` or a control character, starts with `$`, or is `nodes`, under which the topics of nodes are.
    pub fn new(name: &str) -> Result<Self, StreamNameError> {
        let (why, fix) = match level_fault(name) {
            Some(why) => (why, LEVEL_RULE),
            None if name == NODES => ("is reserved for the topics of nodes", "give the robot another name"),
            None => return Ok(Self(name.into())),
        };
        // A hostile name may be megabytes long, so the message quotes only its start.
        let name = name.chars().take(Self::MAX_BYTES).collect();
        Err(StreamNameError { name, why, fix })
    }

    /// Makes a valid name from any text, such as a path.
    ///
    /// Each character that is not allowed becomes `-`, a `$` at the start is removed, and the name is
    /// truncated to [`StreamId::MAX_BYTES`]. If nothing is left, the name is `stream`. The reserved name `nodes`
    /// becomes `nodes-`.
    pub fn from_text(text: &str) -> Self {
        let mut name = String::new();
        for c in text.trim_start_matches('$').chars() {
            let c = if matches!(c, '/' | '\\' | '+' | '#') || c.is_control() { '-' } else { c };
            if name.len() + c.len_utf8() > Self::MAX_BYTES {
                break;
            }
            name.push(c);
        }
        match name.as_str() {
            "" => Self("stream".into()),
            NODES => Self("nodes-".into()),
            name => Self(name.into()),
        }
    }

    /// The name as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for StreamId {
    type Err = StreamNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_name_is_one_topic_level() {
        for bad in ["", "a/b", "+", "a#", "$SYS", "tab\t", &"x".repeat(65)] {
            let error = StreamId::new(bad).unwrap_err().to_string();
            assert!(error.contains("use 1 to 64 bytes"), "{error}");
        }
        let error = StreamId::new("nodes").unwrap_err().to_string();
        assert_eq!(
            error,
            "stream name \"nodes\" is reserved for the topics of nodes; give the robot another name"
        );
        assert_eq!(StreamId::new("Nodes").unwrap().as_str(), "Nodes");
        assert_eq!(StreamId::new("rover-1 å").unwrap().as_str(), "rover-1 å");
    }

    #[test]
    fn any_text_becomes_a_valid_stream_name() {
        for text in ["green/d195", "", "nodes", "$nodes", "$SYS/#", &"ä".repeat(100)] {
            let id = StreamId::from_text(text);
            assert_eq!(StreamId::new(id.as_str()).unwrap(), id);
        }
        assert_eq!(StreamId::from_text("green/d195").as_str(), "green-d195");
    }
}
