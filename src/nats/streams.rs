//! The streams of the partitions that a node reads, and their samples on the way to the pipeline.

use std::collections::HashSet;

use tokio::sync::mpsc::UnboundedSender;

use super::options::NatsOptions;
use super::partition::Delivery;
use crate::receipt::Receipt;
use crate::signal::{DropReason, Drops, StreamId};
use crate::source::handle::{PipelineClosed, SourceHandle};
use crate::source::message_decoder::MessageDecoder;

/// A receipt that was released.
pub(super) enum Released {
    /// A message may be acknowledged: its partition, its number, and the subject.
    Decided(usize, u64, String),
    /// What was decided is published; it was asked for a partition, or for none.
    Published(Option<usize>),
}

/// The streams of the partitions that a node reads.
pub(super) struct PartitionStreams {
    options: NatsOptions,
    decoder: MessageDecoder,
    /// The streams of each partition that were seen since this node has it.
    streams: Vec<HashSet<StreamId>>,
    releases: UnboundedSender<Released>,
}

impl PartitionStreams {
    /// No streams yet. Their samples go to `handle`, and receipts that were released to `releases`.
    pub(super) fn new(
        options: NatsOptions,
        handle: SourceHandle,
        releases: UnboundedSender<Released>,
    ) -> Self {
        let decoder = MessageDecoder::new(options.format, options.input.clone(), None, handle);
        let streams = vec![HashSet::new(); usize::from(options.partitions)];
        Self { options, decoder, streams, releases }
    }

    /// Sends the samples of a message to the pipeline.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn take(&mut self, partition: usize, message: &Delivery) -> Result<(), PipelineClosed> {
        let mut drops = Drops::default();
        let stream = self.accept(message, &mut drops);
        self.decoder.handle().dropped(&mut drops);
        let Some(stream) = stream else { return Ok(()) };
        let is_new = self.streams.get(partition).is_some_and(|streams| !streams.contains(&stream));
        // The pipeline refuses the samples of a stream over the limit.
        let count = || self.streams.iter().map(HashSet::len).sum::<usize>();
        let has_room = is_new && count() < self.options.max_streams;
        if let Some(streams) = self.streams.get_mut(partition).filter(|_| has_room) {
            streams.insert(stream.clone());
        }
        self.decoder.take(stream, None, &message.payload).await
    }

    /// Counts messages of a partition that were delivered again although they had been used.
    pub(super) fn repeated(&self, partition: usize, count: u64) {
        let mut drops = Drops::default();
        drops.add_many(DropReason::Redelivered, count, || {
            format!("messages of partition {partition} were delivered again, because they were acknowledged too late")
        });
        self.decoder.handle().dropped(&mut drops);
    }

    /// Asks for a receipt when everything that the samples so far completed is decided, to acknowledge this message of a
    /// partition and all before it.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn ask_decided(
        &self,
        partition: usize,
        sequence: u64,
        reply: String,
    ) -> Result<(), PipelineClosed> {
        let releases = self.releases.clone();
        // This fails only if the reader has ended.
        let release = move || drop(releases.send(Released::Decided(partition, sequence, reply)));
        self.decoder.handle().receipt(Receipt::new(release)).await
    }

    /// Asks for a receipt when everything that was decided so far is published, for a partition or for none.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn ask_published(&self, partition: Option<usize>) -> Result<(), PipelineClosed> {
        let releases = self.releases.clone();
        let release = move || drop(releases.send(Released::Published(partition)));
        self.decoder.handle().receipt(Receipt::of_publishing(release)).await
    }

    /// Forgets the streams of a partition, which another node reads from here on.
    ///
    /// # Errors
    /// [`PipelineClosed`] when the pipeline has ended.
    pub(super) async fn forget(&mut self, partition: usize) -> Result<(), PipelineClosed> {
        let streams = self.streams.get_mut(partition).map(std::mem::take).unwrap_or_default();
        for stream in streams {
            self.decoder.handle().moved(stream).await?;
        }
        Ok(())
    }

    /// The stream of a message that can be used; `None` if it is dropped.
    fn accept(&self, message: &Delivery, drops: &mut Drops) -> Option<StreamId> {
        let name = self.options.subject.names(&message.subject).map_or("", |(_, stream)| stream);
        let stream = match StreamId::new(name) {
            Ok(stream) => stream,
            Err(why) => {
                drops.add(DropReason::StreamName, || why.to_string());
                return None;
            }
        };
        let (bytes, most) = (message.payload.len(), self.options.max_payload);
        if bytes > most {
            drops.add(DropReason::TooLarge, || {
                format!(
                    "a payload of {bytes} bytes for stream \"{stream}\" is larger than limits.payload = {most}; send fewer \
                     samples at once, or raise limits.payload"
                )
            });
            return None;
        }
        Some(stream)
    }
}
