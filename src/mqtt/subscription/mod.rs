//! The topics on which samples arrive, and how their messages become samples; `sample_topics.rs` has these topics, and
//! `labels.rs` that of labels.

mod labels;
mod sample_topics;
mod topic;

use std::time::Instant;

use rumqttc::Publish;

pub(crate) use self::labels::LabelTopic;
pub(crate) use self::sample_topics::Subscription;
use self::topic::quoted;
use crate::decode::message::{self, MessageFormat};
use crate::decode::{ChannelJoiner, MessageUnit, UNITS};
use crate::health::SourceState;
use crate::signal::{DropReason, Drops, Samples, StreamId, Time, TimeInput, TimeUnit};
use crate::source::handle::{PipelineClosed, SourceHandle};

/// A subscription, and the handle to which its samples go.
pub(crate) type Subscribed = (Subscription, SourceHandle);

/// Decodes messages for all subscriptions, and sends the samples to the pipeline.
pub(super) struct Receiver {
    subscriptions: Vec<ReceivedTopic>,
    /// The topic of labels; `None` if nothing is recorded.
    pub(super) labels: Option<LabelTopic>,
}

/// One subscription with its state.
struct ReceivedTopic {
    subscription: Subscription,
    handle: SourceHandle,
    /// What joins the channels, if each has a topic of its own.
    joiner: Option<ChannelJoiner>,
    /// What works out the unit of the times; `None` if it is known.
    unit: Option<MessageUnit<SampleMessage>>,
    /// When the source was created.
    started: Instant,
}

/// A message that can be used.
#[derive(Debug)]
struct SampleMessage {
    stream: StreamId,
    /// The name of the channel, if each has a topic of its own.
    channel: Option<String>,
    publish: Publish,
}

impl Receiver {
    pub(super) fn new(subscribed: Vec<Subscribed>, labels: Option<LabelTopic>) -> Self {
        let received = |(subscription, handle): Subscribed| {
            let joiner = subscription.has_channels().then(|| {
                let columns = subscription.input.columns.clone();
                ChannelJoiner::new(columns, subscription.max_streams, subscription.hold)
            });
            let has_times = subscription.format != MessageFormat::Float32;
            let is_open = has_times && subscription.input.time.unit.is_none();
            let unit = is_open.then(MessageUnit::default);
            ReceivedTopic { subscription, handle, joiner, unit, started: Instant::now() }
        };
        Self { subscriptions: subscribed.into_iter().map(received).collect(), labels }
    }

    /// Sets the state of every source.
    pub(super) fn set_state(&self, state: SourceState) {
        self.subscriptions.iter().for_each(|received| received.handle.set_state(state));
    }

    /// Reports that the broker refused some filters as a problem of their sources.
    pub(super) fn refuse(&self, filters: &[String], why: &str) {
        for received in &self.subscriptions {
            if filters.contains(&received.subscription.filter()) {
                let name = StreamId::from_text(received.handle.name());
                received.handle.set_problem(&name, "refused", why.to_owned());
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
        if let Some(labels) = &mut self.labels {
            labels.take(publish).await?;
        }
        for received in &mut self.subscriptions {
            let Some((stream, channel)) = received.subscription.names(&publish.topic) else { continue };
            let mut drops = Drops::default();
            let Some(stream) = received.accept(stream, publish, &mut drops) else {
                received.handle.dropped(&mut drops);
                continue;
            };
            let rate = received.subscription.input.time.rate;
            if received.unit.is_none() {
                let samples = received.decode(&stream, channel, &publish.payload, &mut drops);
                received.handle.send(&stream, samples, rate, &mut drops).await?;
                continue;
            }
            let message =
                SampleMessage { stream, channel: channel.map(str::to_owned), publish: publish.clone() };
            for SampleMessage { stream, channel, publish } in received.release(message) {
                let samples = received.decode(&stream, channel.as_deref(), &publish.payload, &mut drops);
                received.handle.send(&stream, samples, rate, &mut drops).await?;
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

    /// Holds a message back until the unit of the times is known, and then returns all of them.
    fn release(&mut self, message: SampleMessage) -> Vec<SampleMessage> {
        let Some(unit) = &mut self.unit else { return vec![message] };
        let Subscription { input, format, .. } = &self.subscription;
        let times = |message: &SampleMessage, unit: TimeUnit| {
            let time = TimeInput { assumed: unit, ..input.time.clone() };
            let (mut samples, mut drops) = (input.columns.samples(), Drops::default());
            if let Some(channel) = &message.channel {
                samples = message::decode_channel(
                    *format,
                    &message.publish.payload,
                    channel,
                    &time,
                    input.csv,
                    &mut drops,
                );
            } else {
                message::decode(
                    *format,
                    &message.publish.payload,
                    &input.columns,
                    &time,
                    input.csv,
                    &mut samples,
                    &mut drops,
                );
            }
            samples.times().to_vec()
        };
        // A message without times says nothing about their unit, and must not wait for others that do.
        let is_timed = |unit| times(&message, unit).iter().any(|time| *time != Time::ARRIVAL);
        if unit.is_empty() && !UNITS.into_iter().any(is_timed) {
            return vec![message];
        }
        let (stream, bytes) = (message.stream.clone(), message.publish.payload.len());
        let Some((unit, messages)) = unit.push(&stream, message, bytes, self.started.elapsed(), times) else {
            return Vec::new();
        };
        self.unit = None;
        self.subscription.input.time.assumed = unit;
        if let Some(conclusion) = unit.conclusion() {
            self.handle.conclude(conclusion);
        }
        messages
    }

    /// The samples of a message.
    fn decode(
        &mut self,
        stream: &StreamId,
        channel: Option<&str>,
        payload: &[u8],
        drops: &mut Drops,
    ) -> Samples {
        let Subscription { input, format, .. } = &self.subscription;
        let columns = &input.columns;
        let mut samples = columns.samples();
        let Some((joiner, channel)) = self.joiner.as_mut().zip(channel) else {
            message::decode(*format, payload, columns, &input.time, input.csv, &mut samples, drops);
            return samples;
        };
        let Some(index) = columns.names().iter().position(|name| name == channel) else {
            drops.add(DropReason::UnknownChannel, || {
                format!(
                    "a topic of stream \"{stream}\" names the channel {}, which the source does not have; its \
                     channels are {}",
                    quoted(channel),
                    columns.names().join(", ")
                )
            });
            return samples;
        };
        let values = message::decode_channel(*format, payload, channel, &input.time, input.csv, drops);
        joiner.push(stream, index, &values, Instant::now(), &mut samples, drops);
        samples
    }
}
