//! The name of a stream.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One robot's name, as it stands in topics and in every message.
///
/// A name from a topic or a file is untrusted; [`StreamId::new`] is the only way in. Cloning is a reference count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StreamId(Arc<str>);

/// Why a text is no [`StreamId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream name {name:?} {why}; use 1 to {max} bytes without \"/\", \"+\", \"#\" and control characters", max = StreamId::MAX_BYTES)]
pub struct StreamNameError {
    name: String,
    why: &'static str,
}

impl StreamId {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name: it becomes one level of an MQTT topic.
    ///
    /// # Errors
    /// Empty, longer than [`StreamId::MAX_BYTES`], with `/`, `+`, `#` or a control character, or starting with `$`.
    pub fn new(name: &str) -> Result<Self, StreamNameError> {
        let why = if name.is_empty() {
            "is empty"
        } else if name.len() > Self::MAX_BYTES {
            "is too long"
        } else if name.starts_with('$') {
            "starts with \"$\""
        } else if name.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control()) {
            "has a character that no topic level may have"
        } else {
            return Ok(Self(name.into()));
        };
        // A hostile name may be megabytes long; the message quotes its start.
        let name = name.chars().take(Self::MAX_BYTES).collect();
        Err(StreamNameError { name, why })
    }

    /// A name made from any text, such as a path: each character that no name may have becomes `-`.
    pub fn from_text(text: &str) -> Self {
        let mut name = String::new();
        for c in text.trim_start_matches('$').chars() {
            let c = if matches!(c, '/' | '\\' | '+' | '#') || c.is_control() { '-' } else { c };
            if name.len() + c.len_utf8() > Self::MAX_BYTES {
                break;
            }
            name.push(c);
        }
        if name.is_empty() { Self("stream".into()) } else { Self(name.into()) }
    }

    /// The name.
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
        assert_eq!(StreamId::new("rover-1 å").unwrap().as_str(), "rover-1 å");
    }

    #[test]
    fn any_text_becomes_a_stream_name_that_passes_the_check() {
        for text in ["green/d195", "", "$SYS/#", &"ä".repeat(100)] {
            let id = StreamId::from_text(text);
            assert_eq!(StreamId::new(id.as_str()).unwrap(), id);
        }
        assert_eq!(StreamId::from_text("green/d195").as_str(), "green-d195");
    }
}
