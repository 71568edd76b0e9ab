//! The topics on which samples arrive, and how their messages become samples.

use crate::config::SourceInput;
use crate::decode::message::{self, MessageFormat};
use crate::signal::{Columns, DropReason, Drops, StreamId};
use crate::source::handle::{PipelineClosed, SourceHandle};

/// A source of samples from the broker: the topics of any number of streams, one topic per stream.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// The topic, in which the level `{stream}` stands for the name of any stream.
    pub topic: String,
    /// The encoding of the payloads.
    pub format: MessageFormat,
    /// The channels of a sample, and where its time is.
    pub input: SourceInput,
    /// The largest payload, in bytes; larger ones are dropped.
    pub max_payload: usize,
}

impl Subscription {
    /// The topic filter to subscribe to: the topic with `+` in place of `{stream}`.
    pub(crate) fn filter(&self) -> String {
        self.topic.replace("{stream}", "+")
    }

    /// The stream's name in a topic, which has not been checked yet; `None` if the topic does not match this
    /// subscription.
    fn stream<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let (before, after) = self.topic.split_once("{stream}")?;
        let name = topic.strip_prefix(before)?.strip_suffix(after)?;
        (!name.contains('/')).then_some(name)
    }
}

/// A subscription, and the handle to which its samples go.
pub(crate) type Subscribed = (Subscription, SourceHandle);

/// Decodes a message for each subscription that its topic matches, and sends the samples to the pipeline.
///
/// A message with an unusable stream name or with too large a payload is dropped and counted.
///
/// # Errors
/// [`PipelineClosed`] when the pipeline has ended.
pub(super) async fn receive(
    subscribed: &[Subscribed],
    topic: &str,
    payload: &[u8],
) -> Result<(), PipelineClosed> {
    for (subscription, handle) in subscribed {
        let Some(name) = subscription.stream(topic) else { continue };
        let Subscription { input, format, max_payload, .. } = subscription;
        let mut drops = Drops::default();
        let stream = match StreamId::new(name) {
            Ok(stream) if payload.len() <= *max_payload => stream,
            Ok(stream) => {
                drops.add(DropReason::TooLarge, || {
                    format!(
                        "a payload of {} bytes for stream \"{stream}\" is larger than limits.payload = \
                         {max_payload}; send fewer samples at once, or raise limits.payload",
                        payload.len()
                    )
                });
                handle.dropped(&mut drops);
                continue;
            }
            Err(why) => {
                drops.add(DropReason::StreamName, || why.to_string());
                handle.dropped(&mut drops);
                continue;
            }
        };
        let columns: &Columns = &input.columns;
        let mut samples = columns.samples();
        message::decode(*format, payload, columns, &input.time, input.csv, &mut samples, &mut drops);
        handle.send(&stream, samples, input.time.rate, &mut drops).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::csv::CsvFormat;
    use crate::signal::{Channel, TimeInput};

    fn subscription(topic: &str) -> Subscription {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        Subscription {
            topic: topic.into(),
            format: MessageFormat::Auto,
            input: SourceInput { columns, time: TimeInput::default(), csv: CsvFormat::default() },
            max_payload: 1 << 20,
        }
    }

    #[test]
    fn a_topic_has_its_streams_name_in_one_level() {
        let robots = subscription("robots/{stream}/current");
        assert_eq!(robots.filter(), "robots/+/current");
        assert_eq!(robots.stream("robots/rover/current"), Some("rover"));
        assert_eq!(robots.stream("robots/a/b/current"), None);
        assert_eq!(robots.stream("robots/rover/voltage"), None);
        assert_eq!(robots.stream("robots//current"), Some(""), "the name is checked after this");
    }
}
