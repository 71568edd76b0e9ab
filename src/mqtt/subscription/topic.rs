//! A topic in messages for people.

use crate::text;

/// Maximum number of characters of a topic in a message.
const SHOWN: usize = 120;

/// A topic in quotes, shortened.
pub(super) fn quoted(topic: &str) -> String {
    text::quoted(topic, SHOWN)
}
