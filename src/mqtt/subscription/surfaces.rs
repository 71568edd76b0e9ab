//! The topic on which surfaces are published, by this node and by others.

use std::sync::Arc;

use rumqttc::Publish;

use super::topic::RobotTopic;
use crate::decision::PublishedSurfaces;
use crate::signal::StreamId;

/// The last level of the topic.
const LEVEL: &str = "surface";

/// Receives the surfaces that were published on `BASE/<stream>/surface`, also those that the broker has retained, for
/// the streams that this node takes over.
pub(crate) struct SurfaceTopic {
    topic: RobotTopic,
    published: Arc<PublishedSurfaces>,
}

impl SurfaceTopic {
    /// The topic below `base`, whose surfaces are kept in `published`.
    pub(crate) fn new(base: &str, published: Arc<PublishedSurfaces>) -> Self {
        Self { topic: RobotTopic::new(base, LEVEL), published }
    }

    /// The topic filter to subscribe to.
    pub(crate) fn filter(&self) -> String {
        self.topic.filter()
    }

    /// Takes a message, if it is on the topic.
    pub(super) fn take(&self, publish: &Publish) {
        if let Some(Ok(stream)) = self.topic.stream(&publish.topic).map(StreamId::new) {
            self.published.take(stream, &publish.payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;
    use crate::decision::PublishedSurface;
    use crate::signal::Time;

    #[test]
    fn surfaces_are_kept_and_other_messages_are_ignored() {
        let published = Arc::new(PublishedSurfaces::new(8));
        let topic = SurfaceTopic::new("site", published.clone());
        assert_eq!(topic.filter(), "site/+/surface");
        let rover = StreamId::new("rover").unwrap();
        let take = |name: &str, payload: &str| topic.take(&Publish::new(name, QoS::AtMostOnce, payload));
        take("site/rover/surface", r#"{"surface":"tile","confidence":0.9,"since":1.5,"t":2.5,"model":"m"}"#);
        let time = Time::from_seconds(2.5).unwrap();
        let tile = Some(PublishedSurface { surface: "tile".into(), time });
        assert_eq!(published.get(&rover), tile);
        take("site/rover/prediction", r#"{"surface":"wood","t":3.5}"#);
        take("other/rover/surface", r#"{"surface":"wood","t":3.5}"#);
        assert_eq!(published.get(&rover), tile);
        take("site/rover/surface", "");
        assert_eq!(published.get(&rover), None);
    }
}
