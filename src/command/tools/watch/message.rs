//! What the daemon's topics hold, as it comes from a network that anybody may write to.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// A longer payload is none of the daemon's.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Characters of a name that are shown.
const MAX_NAME: usize = 48;
/// Characters of a sentence that are shown.
const MAX_SENTENCE: usize = 400;

/// A text without anything that moves a terminal's cursor, colours it, or turns the order of what is beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plain(String);

impl Plain {
    /// What is left of a text when all that is removed.
    pub(crate) fn new(text: &str) -> Self {
        Self(plain(text, MAX_NAME))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The same for a whole sentence: what is wrong with a broker may quote it.
pub(crate) fn sentence(text: &str) -> String {
    plain(text, MAX_SENTENCE)
}

fn plain(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !steers(*c)).take(most).collect()
}

/// Whether a character is not seen itself and changes how others are: marks of direction, joiners, separators, tags.
fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

/// A stream's surface.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SurfaceMessage {
    pub(crate) surface: Plain,
    pub(crate) confidence: f64,
    /// In the stream's own time, in seconds.
    pub(crate) since: f64,
    #[serde(default)]
    pub(crate) previous: Option<Plain>,
}

/// One window's prediction.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct PredictionMessage {
    /// In the stream's own time, in seconds.
    pub(crate) t: f64,
    pub(crate) surface: Plain,
    pub(crate) confidence: f64,
    #[serde(default)]
    pub(crate) probabilities: BTreeMap<Plain, f64>,
}

/// The daemon's counters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct HealthMessage {
    pub(crate) healthy: bool,
    pub(crate) uptime: u64,
    pub(crate) streams: u64,
    #[serde(default)]
    pub(crate) sources: Vec<SourceMessage>,
    #[serde(default)]
    pub(crate) dropped: BTreeMap<Plain, u64>,
}

/// One source of the daemon's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SourceMessage {
    pub(crate) name: Plain,
    pub(crate) state: Plain,
}

/// Reads a payload; `None` where it is not what its topic holds.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(payload: &[u8]) -> Option<T> {
    if payload.len() > MAX_PAYLOAD { None } else { serde_json::from_slice(payload).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_not_in_any_text() {
        let payload =
            r#"{"surface":"\u001b[2J\u001b]0;owned\u0007gra\u202evel\u009b\n","confidence":0.5,"since":1}"#;
        let surface: SurfaceMessage = read(payload.as_bytes()).unwrap();
        assert_eq!(surface.surface.as_str(), "[2J]0;ownedgravel");
        assert_eq!(Plain::new(&"x".repeat(1000)).as_str().len(), MAX_NAME);
        assert_eq!(Plain::new("Kopfsteinpflaster, naß").as_str(), "Kopfsteinpflaster, naß");
    }

    #[test]
    fn what_the_daemon_adds_one_day_is_read_over() {
        let payload = br#"{"t":1.5,"surface":"a","confidence":1,"probabilities":{"a":1.0},"quality":{"measured":1},"new":[]}"#;
        assert!(read::<PredictionMessage>(payload).is_some());
        assert!(read::<PredictionMessage>(&[b' '; MAX_PAYLOAD + 1]).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read::<SurfaceMessage>(&payload), read::<PredictionMessage>(&payload), read::<HealthMessage>(&payload));
        }

        #[test]
        fn any_text_is_free_of_control_characters(text in any::<String>()) {
            prop_assert!(!Plain::new(&text).as_str().chars().any(char::is_control));
        }
    }
}
