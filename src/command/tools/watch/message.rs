//! The daemon's messages, read without trusting them: anyone may publish to a broker.
//!
//! Sizes are limited, unknown fields are ignored, and texts lose every character that could control a
//! terminal.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// Maximum size of a payload in bytes; the daemon's messages are far smaller.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Maximum number of characters of a name.
const MAX_NAME: usize = 48;
/// Maximum number of candidates that are shown.
const MAX_CANDIDATES: usize = 3;
/// Maximum number of characters of a sentence.
const MAX_SENTENCE: usize = 400;

/// A short text that is safe to print: it cannot move the cursor, change colours or reverse the order of
/// other text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Plain(String);

impl Plain {
    /// Removes the unsafe characters of a text, and cuts it to [`MAX_NAME`] characters.
    pub(crate) fn new(text: &str) -> Self {
        Self(plain(text, MAX_NAME))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A longer text that is safe to print, cut to [`MAX_SENTENCE`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence(String);

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sentence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(sentence(&text)))
    }
}

/// Makes a sentence safe to print. Errors of the broker's connection may quote text that the broker sent.
pub(crate) fn sentence(text: &str) -> String {
    plain(text, MAX_SENTENCE)
}

fn plain(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !is_invisible_format(*c)).take(max).collect()
}

/// Whether a character is invisible and changes how others are shown: direction marks, joiners, separators
/// and tags.
fn is_invisible_format(c: char) -> bool {
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

/// The surfaces that a window may be of, the most probable one first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Candidates(Vec<Plain>);

impl Candidates {
    /// Two or more candidates as text, such as `gravel or tile`, with at most [`MAX_CANDIDATES`] names; `None` if there
    /// are fewer.
    pub(crate) fn text(&self) -> Option<String> {
        let names: Vec<_> = self.0.iter().take(MAX_CANDIDATES).map(Plain::as_str).collect();
        let (last, first) = names.split_last()?;
        let more = if self.0.len() > names.len() { " or others" } else { "" };
        let joined = if more.is_empty() { " or " } else { ", " };
        (!first.is_empty()).then(|| format!("{}{joined}{last}{more}", first.join(", ")))
    }
}

/// A message of the topic `<stream>/surface`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SurfaceMessage {
    pub(crate) surface: Plain,
    pub(crate) confidence: f64,
    /// Seconds on the stream's own clock.
    pub(crate) since: f64,
    #[serde(default)]
    pub(crate) previous: Option<Plain>,
    /// Why the surface is unknown.
    #[serde(default)]
    pub(crate) reason: Option<Plain>,
    #[serde(default)]
    pub(crate) candidates: Option<Candidates>,
}

/// A message of the topic `<stream>/prediction`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct PredictionMessage {
    /// Seconds on the stream's own clock.
    pub(crate) t: f64,
    pub(crate) surface: Plain,
    pub(crate) confidence: f64,
    #[serde(default)]
    pub(crate) probabilities: BTreeMap<Plain, f64>,
    #[serde(default)]
    pub(crate) candidates: Option<Candidates>,
}

/// A message of the topic `health`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct HealthMessage {
    /// Whether every source gives samples or has ended.
    pub(crate) healthy: bool,
    /// `ok` or `degraded`. `None` if the daemon is of a version that does not say it.
    #[serde(default)]
    pub(crate) state: Option<Plain>,
    #[serde(default)]
    pub(crate) problems: Vec<ProblemMessage>,
    /// The number of all problems, listed or not.
    #[serde(default)]
    pub(crate) problem_count: u64,
    #[serde(default)]
    pub(crate) broker_problem: Option<Sentence>,
    /// Seconds since the daemon started.
    pub(crate) uptime: u64,
    pub(crate) streams: u64,
    #[serde(default)]
    pub(crate) sources: Vec<SourceMessage>,
    #[serde(default)]
    pub(crate) dropped: BTreeMap<Plain, u64>,
}

impl HealthMessage {
    /// Whether the daemon says that all is well.
    pub(crate) fn is_ok(&self) -> bool {
        self.state.as_ref().map_or(self.healthy, |state| state.as_str() == "ok")
    }
}

/// A problem with the input of a stream, as `health` lists it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ProblemMessage {
    pub(crate) stream: Plain,
    /// The problem with its numbers, and how to fix it.
    pub(crate) detail: Sentence,
}

/// One of the daemon's sources, as `health` lists it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SourceMessage {
    pub(crate) name: Plain,
    pub(crate) state: Plain,
}

/// Reads a payload; `None` if it is too large or not in the format of its topic.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(payload: &[u8]) -> Option<T> {
    if payload.len() > MAX_PAYLOAD { None } else { serde_json::from_slice(payload).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_lose_characters_that_could_control_a_terminal() {
        let payload =
            r#"{"surface":"\u001b[2J\u001b]0;owned\u0007gra\u202evel\u009b\n","confidence":0.5,"since":1}"#;
        let surface: SurfaceMessage = read(payload.as_bytes()).unwrap();
        assert_eq!(surface.surface.as_str(), "[2J]0;ownedgravel");
        assert_eq!(Plain::new(&"x".repeat(1000)).as_str().len(), MAX_NAME);
        assert_eq!(Plain::new("Kopfsteinpflaster, naß").as_str(), "Kopfsteinpflaster, naß");
    }

    #[test]
    fn two_or_more_candidates_are_shown_as_text() {
        let text = |names: &[&str]| Candidates(names.iter().map(|name| Plain::new(name)).collect()).text();
        assert_eq!((text(&[]), text(&["a"])), (None, None));
        assert_eq!(text(&["a", "b\u{7}"]).as_deref(), Some("a or b"));
        assert_eq!(text(&["a", "b", "c"]).as_deref(), Some("a, b or c"));
        assert_eq!(text(&["a", "b", "c", "d", "e"]).as_deref(), Some("a, b, c or others"));
        let payload = r#"{"surface":"a","confidence":0.5,"since":1,"novelty":null,"candidates":null}"#;
        assert_eq!(read::<SurfaceMessage>(payload.as_bytes()).unwrap().candidates, None);
    }

    #[test]
    fn unknown_fields_are_ignored_and_large_payloads_are_not_read() {
        let payload = br#"{"t":1.5,"surface":"a","confidence":1,"probabilities":{"a":1.0},"quality":{"measured":1},"new":[]}"#;
        assert!(read::<PredictionMessage>(payload).is_some());
        assert!(read::<PredictionMessage>(&[b' '; MAX_PAYLOAD + 1]).is_none());
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read::<SurfaceMessage>(&payload), read::<PredictionMessage>(&payload), read::<HealthMessage>(&payload));
        }

        #[test]
        fn no_text_keeps_control_characters(text in any::<String>()) {
            prop_assert!(!Plain::new(&text).as_str().chars().any(char::is_control));
        }
    }
}
