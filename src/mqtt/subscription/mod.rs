//! The topics on which samples arrive, and how their messages become samples; `sample_topics.rs` has these topics, and
//! `labels.rs` that of labels, and `surfaces.rs` those of surfaces.

mod labels;
mod sample_topics;
mod surfaces;
mod topic;

use rumqttc::Publish;

pub(crate) use self::labels::LabelTopic;
pub(crate) use self::sample_topics::Subscription;
pub(crate) use self::surfaces::SurfaceTopic;
use self::topic::quoted;
use crate::health::SourceState;
use crate::signal::{DropReason, Drops, StreamId};
use crate::source::handle::{PipelineClosed, SourceHandle};
use crate::source::message_decoder::{JoinOptions, MessageDecoder};

/// A subscription, and the handle to which its samples go.
pub(crate) type Subscribed = (Subscription, SourceHandle);

/// Decodes messages for all subscriptions, and sends the samples to the pipeline.
pub(super) struct Receiver {
    subscriptions: Vec<ReceivedTopic>,
    pub(super) topics: ReceivedTopics,
}

/// What a daemon receives beside samples.
#[derive(Default)]
pub(crate) struct ReceivedTopics {
    /// The topic of labels; `None` if nothing is recorded.
    pub labels: Option<LabelTopic>,
    /// The topic of surfaces; `None` if no other node publishes any.
    pub surfaces: Option<SurfaceTopic>,
}

/// One subscription with its state.
struct ReceivedTopic {
    subscription: Subscription,
    decoder: MessageDecoder,
}

impl Receiver {
    pub(super) fn new(subscribed: Vec<Subscribed>, topics: ReceivedTopics) -> Self {
        let received = |(subscription, handle): Subscribed| {
            let Subscription { format, max_streams, hold, .. } = subscription;
            let join = subscription.has_channels().then_some(JoinOptions { max_streams, hold });
            let decoder = MessageDecoder::new(format, subscription.input.clone(), join, handle);
            ReceivedTopic { subscription, decoder }
        };
        Self { subscriptions: subscribed.into_iter().map(received).collect(), topics }
    }

    /// Sets the state of every source.
    pub(super) fn set_state(&self, state: SourceState) {
        self.subscriptions.iter().for_each(|received| received.decoder.handle().set_state(state));
    }

    /// Reports that the broker refused some filters as a problem of their sources.
    pub(super) fn refuse(&self, filters: &[String], why: &str) {
        for received in &self.subscriptions {
            if filters.contains(&received.subscription.filter()) {
                let name = StreamId::from_text(received.decoder.handle().name());
                received.decoder.handle().set_problem(&name, "refused", why.to_owned());
            }
        }
    }

    /// Decodes a message for each subscription that its topic matches, and sends the samples to the pipeline.
    ///
    /// A message with an unusable name or with too large a payload is dropped and counted. So is one that the
    /// broker had retained: it is older than the subscription, and nobody knows how old.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn take(&mut self, publish: &Publish) -> Result<(), PipelineClosed> {
        if let Some(labels) = &mut self.topics.labels {
            labels.take(publish).await?;
        }
        if let Some(surfaces) = &self.topics.surfaces {
            surfaces.take(publish);
        }
        for received in &mut self.subscriptions {
            let Some((stream, channel)) = received.subscription.names(&publish.topic) else { continue };
            let mut drops = Drops::default();
            let accepted = received.accept(stream, publish, &mut drops);
            received.decoder.handle().dropped(&mut drops);
            if let Some(stream) = accepted {
                received.decoder.take(stream, channel, &publish.payload).await?;
            }
        }
        Ok(())
    }
}

impl ReceivedTopic {
    /// The stream of a message that can be used; `None` if it is dropped.
    fn accept(&self, stream: &str, publish: &Publish, drops: &mut Drops) -> Option<StreamId> {
        let max_payload = self.subscription.max_payload;
        let payload = &publish.payload;
        let topic = || quoted(&publish.topic);
        let stream = match StreamId::new(stream) {
            Ok(stream) => stream,
            Err(why) => {
                drops.add(DropReason::StreamName, || why.to_string());
                return None;
            }
        };
        if payload.len() > max_payload {
            drops.add(DropReason::TooLarge, || {
                let fix = if publish.retain {
                    "it is retained, so it comes again on each connection until it is removed from the broker with \
                     `mosquitto_pub -r -n`"
                } else {
                    "send fewer samples at once, or raise limits.payload"
                };
                format!(
                    "a payload of {} bytes for stream \"{stream}\" is larger than limits.payload = {max_payload} \
                     (topic {}); {fix}",
                    payload.len(),
                    topic()
                )
            });
            return None;
        }
        if publish.retain {
            drops.add(DropReason::Retained, || {
                format!(
                    "the broker delivered a retained message on {}, which is not a current sample; publish samples \
                     without the retain flag, and remove the old one with `mosquitto_pub -r -n`",
                    topic()
                )
            });
            return None;
        }
        Some(stream)
    }
}
