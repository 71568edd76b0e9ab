//! From the messages of a source to samples in the pipeline: the unit of their times, the channels, and the samples.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::handle::{PipelineClosed, SourceHandle};
use crate::config::SourceInput;
use crate::decode::message::{self, MessageFormat};
use crate::decode::{ChannelJoiner, MessageUnit, UNITS};
use crate::signal::{DropReason, Drops, Samples, StreamId, Time, TimeInput, TimeUnit};
use crate::text;

/// Maximum number of characters of a channel's name in a message for people.
const SHOWN: usize = 120;

/// Decodes the messages of one source, of any number of streams, and sends their samples to the pipeline.
pub(crate) struct MessageDecoder {
    format: MessageFormat,
    input: SourceInput,
    handle: SourceHandle,
    /// What joins the channels, if each has messages of its own.
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
    /// The name of the channel, if each has messages of its own.
    channel: Option<String>,
    payload: Bytes,
}

/// How the channels of a stream are joined that each have messages of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JoinOptions {
    /// Maximum number of streams whose channels are joined at the same time.
    pub max_streams: usize,
    /// How long the value of a channel is used for samples of the other channels.
    pub hold: Duration,
}

impl MessageDecoder {
    /// A decoder of messages with all channels, or, with `join`, of messages with one channel each.
    pub(crate) fn new(
        format: MessageFormat,
        input: SourceInput,
        join: Option<JoinOptions>,
        handle: SourceHandle,
    ) -> Self {
        let joiner = join.map(|JoinOptions { max_streams, hold }| {
            ChannelJoiner::new(input.columns.clone(), max_streams, hold)
        });
        let is_open = format != MessageFormat::Float32 && input.time.unit.is_none();
        let unit = is_open.then(MessageUnit::default);
        Self { format, input, handle, joiner, unit, started: Instant::now() }
    }

    /// Where the samples go.
    pub(crate) fn handle(&self) -> &SourceHandle {
        &self.handle
    }

    /// Decodes a message, and sends its samples to the pipeline, or those of all messages so far once the unit of their
    /// times is known. `channel` is the name of the channel, if each has messages of its own.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(crate) async fn take(
        &mut self,
        stream: StreamId,
        channel: Option<&str>,
        payload: &Bytes,
    ) -> Result<(), PipelineClosed> {
        let (rate, mut drops) = (self.input.time.rate, Drops::default());
        if self.unit.is_none() {
            let samples = self.decode(&stream, channel, payload, &mut drops);
            return self.handle.send(&stream, samples, rate, &mut drops).await;
        }
        let message = SampleMessage { stream, channel: channel.map(str::to_owned), payload: payload.clone() };
        for SampleMessage { stream, channel, payload } in self.release(message) {
            let samples = self.decode(&stream, channel.as_deref(), &payload, &mut drops);
            self.handle.send(&stream, samples, rate, &mut drops).await?;
        }
        Ok(())
    }

    /// Holds a message back until the unit of the times is known, and then returns all of them.
    fn release(&mut self, message: SampleMessage) -> Vec<SampleMessage> {
        let Some(unit) = &mut self.unit else { return vec![message] };
        let (input, format) = (&self.input, self.format);
        let times = |message: &SampleMessage, unit: TimeUnit| {
            let time = TimeInput { assumed: unit, ..input.time.clone() };
            let (mut samples, mut drops) = (input.columns.samples(), Drops::default());
            if let Some(channel) = &message.channel {
                samples =
                    message::decode_channel(format, &message.payload, channel, &time, input.csv, &mut drops);
            } else {
                message::decode(
                    format,
                    &message.payload,
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
        let (stream, bytes) = (message.stream.clone(), message.payload.len());
        let Some((unit, messages)) = unit.push(&stream, message, bytes, self.started.elapsed(), times) else {
            return Vec::new();
        };
        self.unit = None;
        self.input.time.assumed = unit;
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
        let (input, format) = (&self.input, self.format);
        let columns = &input.columns;
        let mut samples = columns.samples();
        let Some((joiner, channel)) = self.joiner.as_mut().zip(channel) else {
            message::decode(format, payload, columns, &input.time, input.csv, &mut samples, drops);
            return samples;
        };
        let Some(index) = columns.names().iter().position(|name| name == channel) else {
            drops.add(DropReason::UnknownChannel, || {
                format!(
                    "a topic of stream \"{stream}\" names the channel {}, which the source does not have; its \
                     channels are {}",
                    text::quoted(channel, SHOWN),
                    columns.names().join(", ")
                )
            });
            return samples;
        };
        let values = message::decode_channel(format, payload, channel, &input.time, input.csv, drops);
        joiner.push(stream, index, &values, Instant::now(), &mut samples, drops);
        samples
    }
}
