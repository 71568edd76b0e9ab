//! The topic on which somebody says which surface a robot is on.

use std::sync::Arc;

use rumqttc::Publish;

use super::topic::{RobotTopic, quoted};
use crate::decode::{LabelFault, MAX_LABEL_PAYLOAD, decode_label};
use crate::health::Health;
use crate::signal::{DropReason, Drops, LabelChange, SourceEvent, StreamId};
use crate::source::handle::PipelineClosed;
use crate::source::queue::WeakEventSender;

/// The last level of the topic.
const LEVEL: &str = "label";
/// The name under which what is dropped is logged and counted.
const NAME: &str = "labels";

/// Receives labels on `BASE/<stream>/label`, and passes them to the pipeline in their place among the samples.
///
/// Its sender does not keep the pipeline open: labels are of no use without samples.
pub(crate) struct LabelTopic {
    topic: RobotTopic,
    events: WeakEventSender,
    health: Arc<Health>,
    /// Whether a label may have begun on this connection.
    any: bool,
}

impl LabelTopic {
    /// The topic below `base`, whose labels go to `events`.
    pub(crate) fn new(base: &str, events: WeakEventSender, health: Arc<Health>) -> Self {
        Self { topic: RobotTopic::new(base, LEVEL), events, health, any: false }
    }

    /// The topic filter to subscribe to.
    pub(crate) fn filter(&self) -> String {
        self.topic.filter()
    }

    /// Takes a message, if it is on the topic.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn take(&mut self, publish: &Publish) -> Result<(), PipelineClosed> {
        let Some(stream) = self.topic.stream(&publish.topic) else { return Ok(()) };
        let mut drops = Drops::default();
        let change = change(stream, publish, &mut drops);
        self.health.dropped(NAME, &mut drops);
        let Some(change) = change else { return Ok(()) };
        self.any = self.any || matches!(change, LabelChange::Start(..));
        self.events.send(SourceEvent::Label(change)).await
    }

    /// Ends all labels when the connection has ended: a message that ends one may be lost meanwhile, and a robot with
    /// the wrong label spoils the next training.
    pub(crate) async fn disconnected(&mut self) {
        if std::mem::take(&mut self.any) {
            // This fails only if the pipeline has ended, and the labels with it.
            let _ = self.events.send(SourceEvent::Label(LabelChange::EndAll)).await;
        }
    }
}

/// The change that a message asks for; `None` if it is of no use.
///
/// A message that cannot be read ends the label: somebody wanted to change it, and no label is better than a wrong one.
fn change(stream: &str, publish: &Publish, drops: &mut Drops) -> Option<LabelChange> {
    let (topic, payload) = (|| quoted(&publish.topic), &publish.payload);
    let stream = match StreamId::new(stream) {
        Ok(stream) => stream,
        Err(why) => {
            drops.add(DropReason::StreamName, || why.to_string());
            return None;
        }
    };
    if publish.retain {
        drops.add(DropReason::Retained, || {
            format!(
                "the broker delivered a retained label on {}, which may be out of date; publish labels without the \
                 retain flag, and remove the old one with `mosquitto_pub -r -n`",
                topic()
            )
        });
        return None;
    }
    if payload.len() > MAX_LABEL_PAYLOAD {
        drops.add(DropReason::TooLarge, || {
            format!(
                "a label of {} bytes on {} is larger than {MAX_LABEL_PAYLOAD} bytes; send only {{\"surface\": \
                 \"gravel\"}}",
                payload.len(),
                topic()
            )
        });
        return Some(LabelChange::End(stream));
    }
    match decode_label(payload) {
        Ok(Some(label)) => Some(LabelChange::Start(stream, label)),
        Ok(None) => Some(LabelChange::End(stream)),
        Err(fault) => {
            let (reason, why) = match fault {
                LabelFault::Malformed(why) => (DropReason::Malformed, why),
                LabelFault::Name(why) => (DropReason::LabelName, why),
            };
            drops.add(reason, || format!("{why} (topic {})", topic()));
            Some(LabelChange::End(stream))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::queue::event_queue;

    #[test]
    fn the_topic_of_a_label_has_the_streams_name_between_the_base_and_label() {
        let (events, _receiver) = event_queue();
        let topic = LabelTopic::new("site/a", events.downgrade(), Arc::new(Health::new([])));
        assert_eq!(topic.filter(), "site/a/+/label");
        assert_eq!(topic.topic.stream("site/a/rover/label"), Some("rover"));
        assert_eq!(topic.topic.stream("site/a//label"), Some(""), "the name is checked after this");
        for other in
            ["site/a/label", "site/a/rover/x/label", "site/a/rover/labels", "site/b/rover/label", "label"]
        {
            assert_eq!(topic.topic.stream(other), None, "{other}");
        }
    }
}
