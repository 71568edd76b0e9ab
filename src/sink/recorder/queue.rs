//! The queue from the pipeline to the recorder's thread, bounded by bytes.

use std::collections::HashMap;
#[cfg(feature = "mcap")]
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::signal::{Label, SampleBatch, SourceEvent, StreamId, Time};
#[cfg(feature = "mcap")]
use crate::sink::mcap::ResultMessage;

/// Maximum size of what waits for the thread or is being written by it, in bytes.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// The thread is woken early when more than this waits, in bytes.
const MANY_BYTES: usize = MAX_BYTES / 8;
/// About how many bytes an entry of the queue and a batch need beside their samples.
const ENTRY_BYTES: usize = 256;

/// Events that wait for the recorder's thread.
///
/// The batches of one stream are joined to one, as far as all their samples have times: the more streams there
/// are and the slower the disk is, the larger are the pieces that are written.
#[derive(Debug, Default)]
pub(super) struct RecordQueue {
    state: Mutex<QueueState>,
    /// Notified when much waits, and when the queue is closed.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    entries: Vec<RecordEntry>,
    /// The entry of each stream to which further batches are added.
    open: HashMap<StreamId, usize>,
    /// The streams whose recordings have begun and not ended.
    #[cfg(feature = "mcap")]
    recorded: HashSet<StreamId>,
    /// The size of what waits or is being written.
    bytes: usize,
    closed: bool,
}

/// Samples of one stream with one label, and whether the stream ends after them.
#[derive(Debug)]
pub(super) struct RecordEntry {
    pub(super) stream: StreamId,
    /// The label that the stream has over MQTT; `None` if it has none.
    pub(super) label: Option<Label>,
    pub(super) batches: Vec<SampleBatch>,
    /// What was found out about the stream, for its recording if one is open.
    #[cfg(feature = "mcap")]
    pub(super) results: Vec<ResultMessage>,
    pub(super) ends: bool,
    pub(super) bytes: usize,
}

impl RecordQueue {
    /// Adds an event of a stream that has this label over MQTT. Returns the number of samples that found no room.
    ///
    /// A change of labels is no event of its own: it shows in the samples that follow.
    pub(super) fn push(&self, event: &SourceEvent, label: Option<&Label>) -> usize {
        let mut state = self.lock();
        let (stream, batch) = match event {
            SourceEvent::Samples(batch) => (&batch.stream, Some(batch)),
            SourceEvent::End(stream) | SourceEvent::Moved(stream) => (stream, None),
            SourceEvent::Label(_) | SourceEvent::Receipt(_) => return 0,
        };
        let bytes = batch.map_or(0, |batch| batch.samples.len() * (8 + 4 * batch.samples.channels()));
        // A single batch always finds room, because its source bounds it.
        if state.closed || (state.bytes > 0 && state.bytes + bytes + 2 * ENTRY_BYTES > MAX_BYTES) {
            return batch.map_or(0, |batch| batch.samples.len());
        }
        #[cfg(feature = "mcap")]
        state.set_recorded(stream, batch.is_some());
        let open = state.open.get(stream).copied();
        // The end of a stream belongs to what is open, whatever its label.
        let has_label = |index: &usize| {
            batch.is_none() || state.entries.get(*index).is_some_and(|entry| entry.label.as_ref() == label)
        };
        let index = match open.filter(has_label) {
            Some(index) => index,
            None => state.open_entry(stream, label),
        };
        match batch {
            Some(batch) => {
                let joined = state.entries.get_mut(index).is_some_and(|entry| entry.join(batch));
                state.add_bytes(index, if joined { bytes } else { bytes + ENTRY_BYTES });
            }
            None => {
                if let Some(entry) = state.entries.get_mut(index) {
                    entry.ends = true;
                }
                // What follows belongs to a new recording.
                state.open.remove(stream);
            }
        }
        if state.bytes > MANY_BYTES {
            self.changed.notify_one();
        }
        0
    }

    /// Whether the stream is recorded, so that there is something to add to.
    #[cfg(feature = "mcap")]
    pub(super) fn is_recorded(&self, stream: &StreamId) -> bool {
        self.lock().recorded.contains(stream)
    }

    /// Adds what was found out about a stream. Returns whether it found room.
    #[cfg(feature = "mcap")]
    pub(super) fn push_result(&self, stream: &StreamId, message: ResultMessage) -> bool {
        let mut state = self.lock();
        let bytes = message.bytes();
        if state.closed || state.bytes + bytes + ENTRY_BYTES > MAX_BYTES {
            return false;
        }
        // Its label does not matter, because it begins no recording.
        let index = state.open.get(stream).copied().unwrap_or_else(|| state.open_entry(stream, None));
        state.add_bytes(index, bytes);
        if let Some(entry) = state.entries.get_mut(index) {
            entry.results.push(message);
        }
        true
    }

    /// Waits at most for `timeout` until much waits or the queue is closed, and returns everything. `None` when
    /// the queue is closed and empty.
    pub(super) fn take(&self, timeout: Duration) -> Option<Vec<RecordEntry>> {
        let waits = |state: &mut QueueState| state.bytes <= MANY_BYTES && !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed && state.entries.is_empty() {
            return None;
        }
        state.open.clear();
        Some(std::mem::take(&mut state.entries))
    }

    /// Makes room for as much as has been written.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// Takes no further events.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    /// Notes that the recording of a stream has begun or ended.
    #[cfg(feature = "mcap")]
    fn set_recorded(&mut self, stream: &StreamId, is_recorded: bool) {
        if !is_recorded {
            self.recorded.remove(stream);
        } else if !self.recorded.contains(stream) {
            self.recorded.insert(stream.clone());
        }
    }

    /// Begins an entry of a stream, and returns its index.
    fn open_entry(&mut self, stream: &StreamId, label: Option<&Label>) -> usize {
        let index = self.entries.len();
        self.open.insert(stream.clone(), index);
        self.entries.push(RecordEntry {
            stream: stream.clone(),
            label: label.cloned(),
            batches: Vec::new(),
            #[cfg(feature = "mcap")]
            results: Vec::new(),
            ends: false,
            bytes: 0,
        });
        self.add_bytes(index, ENTRY_BYTES);
        index
    }

    fn add_bytes(&mut self, index: usize, bytes: usize) {
        self.bytes += bytes;
        if let Some(entry) = self.entries.get_mut(index) {
            entry.bytes += bytes;
        }
    }
}

impl RecordEntry {
    /// Adds a batch. Returns whether it was joined to the one before it.
    fn join(&mut self, batch: &SampleBatch) -> bool {
        let has_times = |batch: &SampleBatch| !batch.samples.times().contains(&Time::ARRIVAL);
        match self.batches.last_mut() {
            // A batch whose samples have no times keeps its arrival, from which they get them. The last batch
            // has times if another was joined to it; otherwise this looks at it once.
            Some(last)
                if last.samples.channels() == batch.samples.channels()
                    && has_times(batch)
                    && last.samples.times().last() != Some(&Time::ARRIVAL) =>
            {
                last.samples.append(&batch.samples);
                true
            }
            _ => {
                self.batches.push(batch.clone());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Arrival, Samples};

    fn batch(stream: &str, times: &[Time]) -> SourceEvent {
        let mut samples = Samples::new(1);
        times.iter().for_each(|time| samples.push(*time, [1.0]));
        let stream = StreamId::new(stream).unwrap();
        SourceEvent::Samples(SampleBatch { stream, samples, arrived: Arrival::now(), rate: None })
    }

    fn at(nanos: i64) -> Time {
        Time::from_nanos(nanos).unwrap()
    }

    fn take(queue: &RecordQueue) -> Vec<(String, Vec<usize>, bool)> {
        let entries = queue.take(Duration::ZERO).unwrap();
        let lengths = |entry: &RecordEntry| entry.batches.iter().map(|batch| batch.samples.len()).collect();
        entries.iter().map(|entry| (entry.stream.to_string(), lengths(entry), entry.ends)).collect()
    }

    #[test]
    fn the_batches_of_a_stream_are_joined_up_to_its_end() {
        let queue = RecordQueue::default();
        for event in [
            batch("a", &[at(1)]),
            batch("b", &[at(1), at(2)]),
            batch("a", &[at(2)]),
            SourceEvent::End(StreamId::new("a").unwrap()),
            batch("a", &[at(1)]),
        ] {
            assert_eq!(queue.push(&event, None), 0);
        }
        let expected = [("a", vec![2], true), ("b", vec![2], false), ("a", vec![1], false)];
        assert_eq!(take(&queue), expected.map(|(stream, lengths, ends)| (stream.to_owned(), lengths, ends)));
        assert_eq!(take(&queue), []);
    }

    #[test]
    fn samples_without_times_keep_their_arrival() {
        let queue = RecordQueue::default();
        for time in [at(1), Time::ARRIVAL, Time::ARRIVAL, at(2), at(3)] {
            queue.push(&batch("a", &[time]), None);
        }
        assert_eq!(take(&queue), [("a".to_owned(), vec![1, 1, 1, 2], false)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_until_something_was_written() {
        let queue = RecordQueue::default();
        let large = batch("a", &vec![at(1); 100_000]);
        let pushed = (0..50).map(|_| queue.push(&large, None)).collect::<Vec<_>>();
        let fits = pushed.iter().filter(|refused| **refused == 0).count();
        assert_eq!(fits, MAX_BYTES / 1_200_000);
        assert!(pushed[fits..].iter().all(|refused| *refused == 100_000));
        let entries = queue.take(Duration::ZERO).unwrap();
        assert_eq!(queue.push(&large, None), 100_000, "it is still being written");
        queue.written(entries[0].bytes);
        assert_eq!(queue.push(&large, None), 0);
    }

    #[test]
    fn a_closed_queue_gives_the_rest_and_then_ends() {
        let queue = RecordQueue::default();
        queue.push(&batch("a", &[at(1)]), None);
        queue.close();
        assert_eq!(queue.push(&batch("a", &[at(2)]), None), 1);
        assert_eq!(take(&queue).len(), 1);
        assert!(queue.take(Duration::MAX).is_none());
    }
}
