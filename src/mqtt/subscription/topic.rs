//! The topics of robots below the base, and topics in messages for people.

use crate::text;

/// Maximum number of characters of a topic in a message.
const SHOWN: usize = 120;

/// A topic in quotes, shortened.
pub(super) fn quoted(topic: &str) -> String {
    text::quoted(topic, SHOWN)
}

/// The topics `BASE/<stream>/LEVEL` of all robots.
#[derive(Clone, Debug)]
pub(super) struct RobotTopic {
    base: String,
    level: &'static str,
}

impl RobotTopic {
    /// The topics below `base` whose last level is `level`.
    pub(super) fn new(base: &str, level: &'static str) -> Self {
        Self { base: base.to_owned(), level }
    }

    /// The topic filter to subscribe to.
    pub(super) fn filter(&self) -> String {
        format!("{}/+/{}", self.base, self.level)
    }

    /// The name of the stream in a topic, which has not been checked yet; `None` for another topic.
    pub(super) fn stream<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let rest = topic.strip_prefix(&self.base)?.strip_prefix('/')?;
        rest.strip_suffix(self.level)?.strip_suffix('/').filter(|stream| !stream.contains('/'))
    }
}
