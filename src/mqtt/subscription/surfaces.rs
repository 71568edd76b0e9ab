//! The topic on which surfaces are published, by this node and by others.

use std::sync::Arc;

use rumqttc::Publish;
use serde::Deserialize;

use super::topic::RobotTopic;
use crate::decision::{ENDED, PublishedSurface, PublishedSurfaces};
use crate::signal::{StreamId, Time};

/// The last level of the topic.
const LEVEL: &str = "surface";
/// The longest payload that is read, in bytes; those of nodes are far shorter.
const MAX_PAYLOAD: usize = 4096;

/// Receives the surfaces that were published on `BASE/<stream>/surface`, also those that the broker has retained, for
/// the streams that this node takes over.
pub(crate) struct SurfaceTopic {
    topic: RobotTopic,
    published: Arc<PublishedSurfaces>,
}

/// What is read of a published surface.
#[derive(Deserialize)]
struct PublishedBody {
    surface: Box<str>,
    t: f64,
    #[serde(default)]
    reason: Option<String>,
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

    /// Takes a message, if it is on the topic. One that no node can have published is ignored: nothing follows from it.
    pub(super) fn take(&self, publish: &Publish) {
        let Some(Ok(stream)) = self.topic.stream(&publish.topic).map(StreamId::new) else { return };
        if publish.payload.len() > MAX_PAYLOAD {
            return;
        }
        // A retained topic that is removed has an empty payload.
        let body = serde_json::from_slice::<PublishedBody>(&publish.payload).ok();
        let body = body.filter(|body| body.reason.as_deref() != Some(ENDED));
        match body.and_then(|body| Some((body.surface, Time::from_seconds(body.t)?))) {
            Some((surface, time)) => {
                let is_kept = self.published.set(stream, PublishedSurface { surface, time });
                if !is_kept {
                    tracing::debug!(topic = publish.topic, "too many published surfaces are kept already");
                }
            }
            None => self.published.forget(&stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;

    #[test]
    fn published_surfaces_are_kept_until_their_stream_ends_and_other_messages_are_ignored() {
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
        take("site/rover/surface", r#"{"surface":"unknown","t":3.5,"reason":"the stream ended"}"#);
        assert_eq!(published.get(&rover), None);
        for payload in ["", "no JSON", r#"{"surface":"tile","t":1e300}"#, &"[".repeat(MAX_PAYLOAD + 1)] {
            take("site/rover/surface", payload);
            assert_eq!(published.get(&rover), None, "{payload}");
        }
    }
}
