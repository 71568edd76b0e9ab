//! Topics that samples come by, and what their messages become.

use crate::config::SourceInput;
use crate::decode::message::{self, MessageFormat};
use crate::signal::{Columns, DropReason, Drops, StreamId};
use crate::source::handle::{PipelineClosed, SourceHandle};

/// Topics that samples come by.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// The topic, with `{stream}` for one level.
    pub topic: String,
    /// How payloads are written.
    pub format: MessageFormat,
    /// What they hold.
    pub input: SourceInput,
    /// A larger payload is left out, in bytes.
    pub max_payload: usize,
}

impl Subscription {
    /// What the broker is asked for.
    pub(crate) fn filter(&self) -> String {
        self.topic.replace("{stream}", "+")
    }

    /// The stream's name in a topic that this subscription is for.
    fn stream<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let (before, after) = self.topic.split_once("{stream}")?;
        let name = topic.strip_prefix(before)?.strip_suffix(after)?;
        (!name.contains('/')).then_some(name)
    }
}

/// Where a subscription's samples go.
pub(crate) type Subscribed = (Subscription, SourceHandle);

/// Decodes a message for every subscription that its topic fits.
pub(super) async fn take(handles: &[Subscribed], topic: &str, payload: &[u8]) -> Result<(), PipelineClosed> {
    for (subscription, handle) in handles {
        let Some(name) = subscription.stream(topic) else { continue };
        let Subscription { input, format, max_payload, .. } = subscription;
        let mut drops = Drops::default();
        let stream = match StreamId::new(name) {
            Ok(stream) if payload.len() <= *max_payload => stream,
            Ok(stream) => {
                drops.add(DropReason::TooLarge, || {
                    format!(
                        "a payload of {} bytes for stream \"{stream}\" is over limits.payload = {max_payload}; send fewer samples at once, or raise it",
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
        message::decode(*format, payload, columns, &input.time, &mut samples, &mut drops);
        handle.send(&stream, samples, input.time.rate, &mut drops).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Channel, TimeInput};

    fn subscription(topic: &str) -> Subscription {
        let columns = Columns::of(&[Channel::in_ampere("current")]).unwrap();
        Subscription {
            topic: topic.into(),
            format: MessageFormat::Auto,
            input: SourceInput { columns, time: TimeInput::default() },
            max_payload: 1 << 20,
        }
    }

    #[test]
    fn a_topic_names_its_stream_in_one_level() {
        let robots = subscription("robots/{stream}/current");
        assert_eq!(robots.filter(), "robots/+/current");
        assert_eq!(robots.stream("robots/rover/current"), Some("rover"));
        assert_eq!(robots.stream("robots/a/b/current"), None);
        assert_eq!(robots.stream("robots/rover/voltage"), None);
        assert_eq!(robots.stream("robots//current"), Some(""), "the stream's name is checked after this");
    }
}
