//! A topic in messages for people.

/// Maximum number of characters of a topic in a message.
const SHOWN: usize = 120;

/// A topic in quotes, shortened.
pub(super) fn quoted(topic: &str) -> String {
    let start: String = topic.chars().take(SHOWN).collect();
    if start.len() < topic.len() { format!("{start:?}…") } else { format!("{start:?}") }
}
