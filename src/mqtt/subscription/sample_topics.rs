//! The topics on which samples arrive.

use std::time::Duration;

use crate::config::SourceInput;
use crate::config::topic::{CHANNEL, STREAM};
use crate::decode::message::MessageFormat;

/// A source of samples from the broker: the topics of any number of streams, with one topic for each stream or for
/// each channel of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// The group with whose clients the messages are shared; `None` if this client gets every message.
    pub group: Option<String>,
    /// The topic of the messages, in which the level `{stream}` stands for the name of any stream, and the level `{channel}`, if
    /// there is one, for the name of a column.
    pub topic: String,
    /// The encoding of the payloads.
    pub format: MessageFormat,
    /// The channels of a sample, and where its time is.
    pub input: SourceInput,
    /// The largest payload, in bytes; larger ones are dropped.
    pub max_payload: usize,
    /// Maximum number of streams whose channels are joined at the same time.
    pub max_streams: usize,
    /// How long the value of a channel is used for samples of the other channels.
    pub hold: Duration,
}

impl Subscription {
    /// The topic filter to subscribe to: the topic with `+` in place of `{stream}` and `{channel}`, and in front of it
    /// the group of a shared subscription. The broker sends messages on their own topics, without the group.
    pub(crate) fn filter(&self) -> String {
        let group = self.group.as_ref().map(|group| format!("$share/{group}/")).unwrap_or_default();
        let level = |level| if matches!(level, STREAM | CHANNEL) { "+" } else { level };
        group + &self.topic.split('/').map(level).collect::<Vec<_>>().join("/")
    }

    /// The same subscription for this client alone, for a tool that reads beside the daemons and takes no message from
    /// them.
    pub(crate) fn without_group(self) -> Self {
        Self { group: None, ..self }
    }

    /// What a shared subscription does to the windows of a robot, and what to do about it; `None` for one of this client
    /// alone.
    pub(crate) fn sharing_warning(&self) -> Option<String> {
        let (group, topic) = (self.group.as_ref()?, &self.topic);
        Some(format!(
            "the broker spreads the messages of each robot over all clients of the group {group:?}, so that with several \
             nodes the windows of each have gaps. Give each node topics of its own instead, such as \"NODE/{topic}\", or \
             use a broker that sends all messages of a topic to one client, as EMQX does with \
             shared_subscription_strategy = hash_topic or sticky; Mosquitto, HiveMQ and VerneMQ cannot"
        ))
    }

    /// What the subscription receives, in words.
    pub(crate) fn describe(&self) -> String {
        let filter = self.filter();
        if self.has_channels() {
            let names = self.input.columns.names().join(", ");
            format!("it will subscribe to {filter:?} and join the channels {names}")
        } else {
            format!("it will subscribe to {filter:?}")
        }
    }

    /// Whether each channel has a topic of its own.
    pub(super) fn has_channels(&self) -> bool {
        self.topic.split('/').any(|level| level == CHANNEL)
    }

    /// The names of the stream and of the channel in a topic, which have not been checked yet; `None` if the topic
    /// does not match this subscription.
    pub(super) fn names<'a>(&self, topic: &'a str) -> Option<(&'a str, Option<&'a str>)> {
        let (mut stream, mut channel) = (None, None);
        let mut levels = topic.split('/');
        for wanted in self.topic.split('/') {
            let level = levels.next()?;
            match wanted {
                STREAM => stream = Some(level),
                CHANNEL => channel = Some(level),
                wanted if wanted != level => return None,
                _ => {}
            }
        }
        levels.next().is_none().then_some((stream?, channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::csv::CsvFormat;
    use crate::signal::{Channel, Columns, TimeInput};

    fn subscription(topic: &str) -> Subscription {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        Subscription {
            group: None,
            topic: topic.into(),
            format: MessageFormat::Auto,
            input: SourceInput { columns, time: TimeInput::default(), csv: CsvFormat::default() },
            max_payload: 1 << 20,
            max_streams: 8,
            hold: Duration::from_secs(5),
        }
    }

    #[test]
    fn a_topic_has_its_streams_name_in_one_level() {
        let robots = subscription("robots/{stream}/current");
        assert_eq!(robots.filter(), "robots/+/current");
        assert_eq!(robots.names("robots/rover/current"), Some(("rover", None)));
        assert_eq!(robots.names("robots/a/b/current"), None);
        assert_eq!(robots.names("robots/rover/voltage"), None);
        assert_eq!(robots.names("robots/rover"), None);
        assert_eq!(robots.names("robots//current"), Some(("", None)), "the name is checked after this");
    }

    #[test]
    fn a_shared_subscription_has_its_group_in_the_filter_and_not_in_the_topics_of_messages() {
        let shared = Subscription { group: Some("g".into()), ..subscription("robots/{stream}/current") };
        assert_eq!(shared.filter(), "$share/g/robots/+/current");
        assert_eq!(shared.names("robots/rover/current"), Some(("rover", None)));
        assert_eq!(shared.names("$share/g/robots/rover/current"), None);
        let warning = shared.sharing_warning().unwrap();
        assert!(warning.contains("\"NODE/robots/{stream}/current\""), "{warning}");
        let alone = shared.without_group();
        assert_eq!((alone.filter().as_str(), alone.sharing_warning()), ("robots/+/current", None));
    }

    #[test]
    fn a_topic_may_have_its_channels_name_in_another_level() {
        let robots = subscription("{channel}/of/{stream}");
        assert_eq!(robots.filter(), "+/of/+");
        assert_eq!(robots.names("current/of/rover"), Some(("rover", Some("current"))));
        assert_eq!(robots.names("current/of/rover/x"), None);
        assert_eq!(robots.describe(), "it will subscribe to \"+/of/+\" and join the channels current");
    }
}
