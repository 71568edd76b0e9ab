//! The topic of an MQTT source: its levels, and the group of a shared subscription.

use crate::config::error::ValueError;

/// The level of a topic that stands for the name of any stream.
pub(crate) const STREAM: &str = "{stream}";
/// The level of a topic that stands for the name of a column.
pub(crate) const CHANNEL: &str = "{channel}";
/// The first level of a shared subscription.
const SHARE: &str = "$share";
/// The first level of a shared subscription without a group, which only some brokers have.
const QUEUE: &str = "$queue";

/// A topic as `source.topic` gives it, split into its parts.
///
/// A shared subscription is written `$share/GROUP/PATTERN`. The broker sends each message to one client of the group,
/// on the topic without the prefix, so that only the pattern can be compared with the topic of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleTopic<'a> {
    /// The group of a shared subscription; `None` for a subscription of this client alone.
    pub group: Option<&'a str>,
    /// The topic of the messages, in which `{stream}` and `{channel}` stand for names.
    pub pattern: &'a str,
}

impl<'a> SampleTopic<'a> {
    /// Splits a topic. One that only begins like a shared subscription is a pattern, which [`validate`] refuses.
    pub(crate) fn new(topic: &'a str) -> Self {
        let shared = topic.strip_prefix(SHARE).and_then(|rest| rest.strip_prefix('/')?.split_once('/'));
        match shared {
            Some((group, pattern)) => Self { group: Some(group), pattern },
            None => Self { group: None, pattern: topic },
        }
    }
}

/// Checks that a topic has the level `{stream}` once and the level `{channel}` at most once, and no other wildcard; and
/// that a shared subscription has a group.
pub(super) fn validate(topic: &str) -> Result<(), ValueError> {
    let SampleTopic { group, pattern } = SampleTopic::new(topic);
    let has_wildcard = |level: &str| level.contains(['+', '#', '{', '}', '\0']);
    let is_prefix = pattern.split('/').next().is_some_and(|level| level == SHARE || level == QUEUE);
    if is_prefix || group.is_some_and(|group| group.is_empty() || has_wildcard(group)) {
        let fix = "a shared subscription begins with \"$share\" and the name of its group, which is not empty and has no \
                   \"/\", \"+\", \"#\" and braces, such as \"$share/nodes/robots/{stream}/current\"";
        return Err(ValueError::new("source.topic", topic, fix));
    }
    let count = |name: &str| pattern.split('/').filter(|level| *level == name).count();
    let is_name = |level: &str| matches!(level, STREAM | CHANNEL);
    let invalid = pattern.split('/').any(|level| !is_name(level) && has_wildcard(level));
    if count(STREAM) == 1 && count(CHANNEL) <= 1 && !invalid {
        return Ok(());
    }
    let fix = "it must have {stream} as exactly one of its levels, may have {channel} as another one, and must have \
               no \"+\" or \"#\", such as \"robots/{stream}/current\" or \"robots/{stream}/{channel}\"";
    Err(ValueError::new("source.topic", topic, fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_subscription_has_a_group_and_the_topic_of_its_messages() {
        let shared = SampleTopic { group: Some("g"), pattern: "robots/{stream}/current" };
        assert_eq!(SampleTopic::new("$share/g/robots/{stream}/current"), shared);
        let plain = SampleTopic { group: None, pattern: "share/g/{stream}" };
        assert_eq!(SampleTopic::new("share/g/{stream}"), plain);
        for topic in ["$share/g/{stream}", "$share/g//{stream}", "$SYS/{stream}", "$shared/{stream}"] {
            assert_eq!(validate(topic), Ok(()), "{topic}");
        }
    }

    #[test]
    fn a_shared_subscription_without_a_usable_group_is_refused_with_an_example() {
        for topic in [
            "$share",
            "$share/{stream}",
            "$share/{stream}/current",
            "$share//robots/{stream}",
            "$share/a+/{stream}",
            "$share/#/{stream}",
            "$share/g/$share/g/{stream}",
            "$queue/{stream}",
        ] {
            let error = validate(topic).unwrap_err().to_string();
            assert!(error.ends_with("such as \"$share/nodes/robots/{stream}/current\""), "{error}");
        }
    }
}
