//! What is known about the streams and the open pages, behind the lock of the live events.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::about::About;
use super::stream::LiveStream;
use super::trace::SPAN;
use crate::signal::StreamId;

/// Maximum number of streams whose samples and predictions are sent unasked; those of as many further streams are sent
/// where a page asks for their trace.
pub(super) const MAX_STREAMS: usize = 64;
/// When the event buffer is larger than this, in bytes, further events are dropped until the next flush.
const MAX_BUFFER: usize = 1 << 20;

/// The streams, the open pages, and the events that they have not been sent yet.
pub(super) struct LiveState {
    pub(super) about: About,
    pub(super) pages: Vec<mpsc::Sender<Bytes>>,
    /// Encoded events since the last flush.
    pub(super) buffer: String,
    /// The id of the newest event.
    last_id: u64,
    pub(super) streams: HashMap<StreamId, LiveStream>,
    /// The number of parts that the memory for what is kept is divided into.
    parts: usize,
}

impl LiveState {
    /// Creates a state without streams and pages.
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            pages: Vec::new(),
            buffer: String::new(),
            last_id: 0,
            streams: HashMap::new(),
            parts: 1,
        }
    }

    /// Returns a stream's entry, and creates it at the stream's first event.
    pub(super) fn shown(&mut self, stream: &StreamId) -> &mut LiveStream {
        let before = self.streams.len();
        if !self.streams.contains_key(stream) {
            self.share_memory(before + 1);
        }
        self.streams.entry(stream.clone()).or_insert_with(|| {
            let mut shown = LiveStream { over_limit: before >= MAX_STREAMS, ..LiveStream::default() };
            shown.share_with(parts(before + 1));
            shown
        })
    }

    /// Forgets a stream that ended.
    pub(super) fn forget(&mut self, stream: &StreamId) {
        self.streams.remove(stream);
        self.share_memory(self.streams.len());
    }

    /// Gives each of so many streams an equal part of the memory for what is kept.
    fn share_memory(&mut self, streams: usize) {
        let parts = parts(streams);
        if parts != self.parts {
            self.parts = parts;
            self.streams.values_mut().for_each(|shown| shown.share_with(parts));
        }
    }

    /// The kept samples and predictions of a stream as the JSON object `{"spans": […], "predictions": […], "beyond": …}`;
    /// `None` if there is no such stream. If the stream is over the limit, its samples and predictions are sent for a while from now on, as far as few enough of
    /// such streams are asked for.
    pub(super) fn trace(&mut self, stream: &StreamId) -> Option<String> {
        let asked = self.streams.values().filter(|shown| shown.over_limit && shown.is_sent()).count();
        let shown = self.streams.get_mut(stream)?;
        if shown.over_limit && (shown.is_sent() || asked < MAX_STREAMS) {
            shown.asked = Some(Instant::now());
            // The page gets the next prediction at once.
            shown.last_prediction = None;
        }
        let (spans, predictions) = (shown.trace.kept(), shown.predictions.json());
        Some(format!("{{\"spans\":{spans},\"predictions\":{predictions},\"beyond\":{}}}", shown.over_limit))
    }

    /// Adds an event with the newest confidence and novelty of each stream that was predicted since the last one.
    pub(super) fn fleet(&mut self) {
        let newest = self.streams.iter_mut().filter_map(|(stream, shown)| {
            let (confidence, novelty) = shown.newest.take()?;
            Some(json!([stream, confidence, novelty]))
        });
        let lines: Vec<_> = newest.collect();
        if !lines.is_empty() {
            self.event("fleet", &json!({ "lines": lines }));
        }
    }

    /// The body of a `hello` event: the state of everything now.
    pub(super) fn hello(&self) -> Value {
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|(stream, _)| *stream);
        let streams: Vec<_> = streams
            .into_iter()
            .map(|(stream, shown)| json!({ "stream": stream, "changes": shown.changes, "beyond": shown.over_limit }))
            .collect();
        json!({ "about": self.about, "now": now(), "span": SPAN, "streams": streams })
    }

    pub(super) fn event(&mut self, name: &str, body: &Value) {
        if self.buffer.len() > MAX_BUFFER {
            return;
        }
        self.last_id += 1;
        // Writing to memory does not fail. JSON contains no line ends, which would end the event.
        let _ = write!(self.buffer, "id: {}\nevent: {name}\ndata: {body}\n\n", self.last_id);
    }

    /// Sends the buffered events to every page, and removes the pages that have left or read too slowly.
    pub(super) fn flush(&mut self) {
        let traces: Vec<_> = self
            .streams
            .iter_mut()
            .filter_map(|(stream, shown)| Some((stream.clone(), shown.trace.ready()?)))
            .collect();
        for (stream, spans) in traces {
            self.last_id += 1;
            let stream = json!(stream);
            let _ = write!(
                self.buffer,
                "id: {}\nevent: trace\ndata: {{\"stream\":{stream},\"spans\":{spans}}}\n\n",
                self.last_id
            );
        }
        let events = Bytes::from(std::mem::take(&mut self.buffer));
        self.pages.retain(|page| {
            if events.is_empty() {
                return !page.is_closed();
            }
            let sent = page.try_send(events.clone());
            if matches!(sent, Err(mpsc::error::TrySendError::Full(_))) {
                tracing::debug!("a page read too slowly and was disconnected");
            }
            sent.is_ok()
        });
    }
}

/// The number of parts into which the memory is divided for so many streams: with a power of two, most streams that begin
/// or end change nothing for the others.
fn parts(streams: usize) -> usize {
    streams.next_power_of_two()
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
