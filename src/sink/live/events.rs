//! What pages are shown as it happens. Nothing is gathered while nobody looks, but each stream's newest changes of surface.
//!
//! Pages get Server-Sent Events: `hello` first, with all that holds now, then `trace`, `prediction`, `change`, `end` and
//! `health`. Every page has a queue of its own with a bound; one that reads too slowly is let go, and comes back by itself.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::about::About;
use super::trace::{SPAN, Trace};
use crate::decision::{Prediction, ServingContext, SurfaceChange};
use crate::signal::{SampleBatch, StreamId};
use crate::sink::json::{micros, round};

/// Pages at once.
pub(crate) const PAGES: usize = 8;
/// Streams whose samples and predictions are shown; of others, only changes are.
const STREAMS: usize = 64;
/// Flushes that may wait for a page.
const QUEUE: usize = 64;
/// Changes of surface that are kept of each stream.
const CHANGES: usize = 32;
/// A stream's predictions are shown no sooner after one another than this.
const PACE: Duration = Duration::from_millis(150);
/// Bytes that may wait for the next flush; more is left out.
const WAITING: usize = 1 << 20;
/// How soon a page that lost its connection tries again.
const RETRY: Duration = Duration::from_secs(2);

/// Where what happens is told, and by whom it is heard. Clones are the same.
#[derive(Clone)]
pub struct LiveEvents(Arc<Shared>);

struct Shared {
    /// Whether anybody looks; read for every block of samples.
    watched: AtomicBool,
    /// Told when somebody begins to.
    begun: Notify,
    state: Mutex<LiveState>,
}

struct LiveState {
    about: About,
    pages: Vec<mpsc::Sender<Bytes>>,
    /// Events that wait for the next flush.
    pending: String,
    id: u64,
    streams: BTreeMap<StreamId, LiveStream>,
}

#[derive(Default)]
struct LiveStream {
    /// The newest changes, oldest first.
    changes: VecDeque<Changed>,
    /// Its samples, while somebody looks.
    trace: Trace,
    /// When its last prediction was shown.
    said: Option<Instant>,
    /// Whether only its changes are shown.
    beyond: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Changed {
    at: u64,
    surface: Box<str>,
    confidence: f64,
}

impl LiveEvents {
    pub(crate) fn new(about: About) -> Self {
        let state =
            LiveState { about, pages: Vec::new(), pending: String::new(), id: 0, streams: BTreeMap::new() };
        Self(Arc::new(Shared {
            watched: AtomicBool::new(false),
            begun: Notify::new(),
            state: Mutex::new(state),
        }))
    }

    /// What surfaces are decided by from now on; pages are told.
    pub fn take_over(&self, context: &ServingContext) {
        let mut state = self.lock();
        state.about = About::new(context, state.about.broker.take());
        if self.watched() {
            let hello = state.hello();
            state.event("hello", &hello);
        }
    }

    /// What is served.
    pub(crate) fn about(&self) -> About {
        self.lock().about.clone()
    }

    /// Whether anybody looks.
    pub(crate) fn watched(&self) -> bool {
        self.0.watched.load(Ordering::Relaxed)
    }

    /// Waits until somebody begins to look.
    pub(crate) async fn begun(&self) {
        self.0.begun.notified().await;
    }

    /// How many look.
    pub(crate) fn pages(&self) -> usize {
        self.lock().pages.iter().filter(|page| !page.is_closed()).count()
    }

    /// A new page's events; `None` where there are as many pages as there may be.
    pub(crate) fn join(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut state = self.lock();
        // What waits is for those who were there before.
        state.flush();
        if state.pages.len() >= PAGES {
            return None;
        }
        let (page, events) = mpsc::channel(QUEUE);
        let hello = state.hello();
        state.event("hello", &hello);
        let first = format!("retry: {}\n\n{}", RETRY.as_millis(), std::mem::take(&mut state.pending));
        // A new queue has room.
        let _ = page.try_send(first.into());
        state.pages.push(page);
        self.0.watched.store(true, Ordering::Relaxed);
        self.0.begun.notify_one();
        Some(events)
    }

    /// Takes in a stream's samples, for its trace.
    pub(crate) fn samples(&self, batch: &SampleBatch) {
        if self.watched()
            && let Some(shown) = self.lock().streams.get_mut(&batch.stream)
            && !shown.beyond
        {
            shown.trace.take(batch);
        }
    }

    /// Shows a prediction, unless the stream's last one was a moment ago.
    pub(crate) fn prediction(&self, prediction: &Prediction, surface: &str, latency: Duration) {
        if !self.watched() {
            return;
        }
        let mut state = self.lock();
        let shown = state.shown(&prediction.stream);
        if shown.beyond || shown.said.is_some_and(|said| said.elapsed() < PACE) {
            return;
        }
        shown.said = Some(Instant::now());
        let probabilities: Vec<_> =
            prediction.probabilities.iter().map(|value| round(f64::from(*value))).collect();
        let body = json!({
            "stream": prediction.stream,
            "at": now(),
            "t": micros(prediction.time),
            "surface": surface,
            "confidence": round(prediction.confidence),
            "probabilities": probabilities,
            "measured": round(prediction.quality.measured),
            "latency_ms": round(latency.as_secs_f64() * 1e3),
        });
        state.event("prediction", &body);
    }

    /// Keeps a change of surface, and shows it.
    pub(crate) fn change(&self, change: &SurfaceChange, surface: &str) {
        let mut state = self.lock();
        let changed = Changed { at: now(), surface: surface.into(), confidence: round(change.confidence) };
        let shown = state.shown(&change.stream);
        if shown.changes.len() >= CHANGES {
            shown.changes.pop_front();
        }
        shown.changes.push_back(changed.clone());
        if self.watched() {
            state.event("change", &json!({ "stream": change.stream, "change": changed }));
        }
    }

    /// Forgets a stream that ended.
    pub(crate) fn end(&self, stream: &StreamId) {
        let mut state = self.lock();
        state.streams.remove(stream);
        if self.watched() {
            state.event("end", &json!({ "stream": stream, "at": now() }));
        }
    }

    /// Shows how the daemon is.
    pub(crate) fn health(&self, mut report: Value) {
        if let Some(fields) = report.as_object_mut() {
            fields.insert("now".into(), now().into());
        }
        self.lock().event("health", &report);
    }

    /// Shows that the connection lives, even where nothing happens.
    pub(crate) fn heartbeat(&self) {
        self.lock().pending += ": heartbeat\n\n";
    }

    /// Sends what waits to every page, and notices those that left.
    pub(crate) fn flush(&self) {
        let mut state = self.lock();
        state.flush();
        if state.pages.is_empty() {
            self.0.watched.store(false, Ordering::Relaxed);
            state.streams.values_mut().for_each(|shown| shown.trace = Trace::default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, LiveState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveState {
    fn shown(&mut self, stream: &StreamId) -> &mut LiveStream {
        let beyond = self.streams.len() >= STREAMS;
        self.streams.entry(stream.clone()).or_insert_with(|| LiveStream { beyond, ..LiveStream::default() })
    }

    /// All that holds now.
    fn hello(&self) -> Value {
        let streams = self.streams.iter().map(
            |(stream, shown)| json!({ "stream": stream, "changes": shown.changes, "beyond": shown.beyond }),
        );
        let streams: Vec<_> = streams.collect();
        json!({ "about": self.about, "now": now(), "span": SPAN, "streams": streams })
    }

    fn event(&mut self, name: &str, body: &Value) {
        if self.pending.len() > WAITING {
            return;
        }
        self.id += 1;
        // Memory takes all that is written; JSON has no line ends.
        let _ = write!(self.pending, "id: {}\nevent: {name}\ndata: {body}\n\n", self.id);
    }

    fn flush(&mut self) {
        let traces: Vec<_> = self
            .streams
            .iter_mut()
            .filter_map(|(stream, shown)| Some((stream.clone(), shown.trace.ready()?)))
            .collect();
        for (stream, spans) in traces {
            self.id += 1;
            let stream = json!(stream);
            let _ = write!(
                self.pending,
                "id: {}\nevent: trace\ndata: {{\"stream\":{stream},\"spans\":{spans}}}\n\n",
                self.id
            );
        }
        let events = Bytes::from(std::mem::take(&mut self.pending));
        self.pages.retain(|page| {
            if events.is_empty() {
                return !page.is_closed();
            }
            let sent = page.try_send(events.clone());
            if matches!(sent, Err(mpsc::error::TrySendError::Full(_))) {
                tracing::debug!("a page reads too slowly and is let go");
            }
            sent.is_ok()
        });
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Arrival;
    use crate::signal::{Samples, Time};

    fn live() -> LiveEvents {
        LiveEvents::new(About::new(&ServingContext::of_test(&["a", "b"], "m"), None))
    }

    fn stream(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    fn change(name: &str) -> SurfaceChange {
        let time = Time::from_seconds(1.0).unwrap();
        SurfaceChange {
            stream: stream(name),
            time,
            since: time,
            surface: None,
            confidence: 0.5,
            previous: None,
            reason: None,
        }
    }

    fn prediction(name: &str) -> Prediction {
        Prediction {
            stream: stream(name),
            time: Time::from_seconds(1.0).unwrap(),
            surface: Some(0),
            confidence: 0.5,
            probabilities: vec![0.25, 0.75],
            quality: Default::default(),
            arrived: Instant::now(),
        }
    }

    fn batch(name: &str, millis: i64) -> SampleBatch {
        let mut samples = Samples::new(1);
        samples.push(Time::from_seconds(1.0).unwrap(), [2.0]);
        let time = Time::from_nanos(millis * 1_000_000).unwrap();
        SampleBatch {
            stream: stream(name),
            samples,
            arrived: Arrival { instant: Instant::now(), time },
            rate: None,
        }
    }

    /// The names and bodies of the events that a page got.
    fn heard(events: &mut mpsc::Receiver<Bytes>) -> Vec<(String, Value)> {
        let mut all = String::new();
        while let Ok(bytes) = events.try_recv() {
            all += std::str::from_utf8(&bytes).unwrap();
        }
        let events = all.split("\n\n").filter_map(|event| {
            let (name, body) = event.split_once("event: ")?.1.split_once("\ndata: ")?;
            Some((name.to_owned(), serde_json::from_str(body).unwrap()))
        });
        events.collect()
    }

    #[test]
    fn nothing_is_gathered_while_nobody_looks_but_changes() {
        let live = live();
        live.change(&change("rover"), "unknown");
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 2000));
        live.prediction(&prediction("rover"), "a", Duration::ZERO);
        assert!(live.lock().pending.is_empty());
        let mut page = live.join().unwrap();
        let hello = heard(&mut page);
        assert_eq!(hello.len(), 1);
        assert_eq!(hello[0].1["streams"][0]["changes"][0]["surface"], "unknown");
        live.flush();
        assert_eq!(heard(&mut page), []);
    }

    #[test]
    fn a_page_gets_traces_predictions_changes_and_ends() {
        let live = live();
        live.change(&change("rover"), "unknown");
        let mut page = live.join().unwrap();
        heard(&mut page);
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 1050));
        live.prediction(&prediction("rover"), "a", Duration::from_millis(3));
        live.prediction(&prediction("rover"), "a", Duration::from_millis(3));
        live.change(&change("rover"), "a");
        live.end(&stream("rover"));
        live.flush();
        let events = heard(&mut page);
        let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["prediction", "change", "end"], "a second prediction at once is left out");
        assert_eq!(events[0].1["probabilities"], json!([0.25, 0.75]));
        assert_eq!(events[0].1["latency_ms"], 3.0);
        live.change(&change("rover"), "a");
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 1050));
        live.flush();
        assert_eq!(heard(&mut page)[1].1["spans"], json!([[1000, 2.0, 2.0, 2.0]]));
    }

    #[test]
    fn pages_over_the_limit_are_refused_until_one_leaves() {
        let live = live();
        let mut pages: Vec<_> = (0..PAGES).map(|_| live.join().unwrap()).collect();
        assert!(live.join().is_none());
        pages.pop();
        assert!(live.join().is_some());
    }

    #[test]
    fn a_page_that_reads_nothing_is_let_go_and_then_nothing_is_gathered() {
        let live = live();
        let page = live.join().unwrap();
        for _ in 0..QUEUE + 1 {
            live.heartbeat();
            live.flush();
        }
        assert_eq!(live.pages(), 0);
        assert!(!live.watched());
        drop(page);
    }

    #[test]
    fn changes_are_kept_up_to_a_bound_and_streams_beyond_it_show_no_more() {
        let live = live();
        let names: Vec<_> = (0..=STREAMS).map(|number| format!("robot{number:03}")).collect();
        for _ in 0..2 * CHANGES {
            names.iter().for_each(|name| live.change(&change(name), "a"));
        }
        let mut page = live.join().unwrap();
        let hello = heard(&mut page).remove(0).1;
        let streams = hello["streams"].as_array().unwrap();
        assert!(streams.iter().all(|stream| stream["changes"].as_array().unwrap().len() == CHANGES));
        assert_eq!(streams.iter().filter(|stream| stream["beyond"] == true).count(), 1);
        live.prediction(&prediction(&names[STREAMS]), "a", Duration::ZERO);
        live.flush();
        assert_eq!(heard(&mut page), []);
    }

    #[test]
    fn pages_are_told_of_another_model() {
        let live = live();
        let mut page = live.join().unwrap();
        heard(&mut page);
        live.take_over(&ServingContext::of_test(&["c"], "other"));
        live.flush();
        assert_eq!(heard(&mut page)[0].1["about"]["labels"], json!(["c"]));
    }
}
