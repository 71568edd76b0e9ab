//! Live events for the open pages.
//!
//! Pages receive Server-Sent Events. The first is `hello`, which contains the current state; it is sent again
//! when another model is loaded. Then come:
//!
//! - `trace`: a stream's samples as mean and range over short spans,
//! - `prediction`: a prediction, at most every 150 ms for each stream,
//! - `fleet`: the newest confidence and novelty of every stream, once a second,
//! - `change`: a surface change,
//! - `end`: the end of a stream,
//! - `health`: the daemon's health report.
//!
//! Events are collected in one buffer and sent to all pages at each [`LiveEvents::flush`]. Each page has a
//! bounded queue; a page that reads too slowly is disconnected, and the browser connects again. While no page
//! is open, each stream's newest surface changes are kept for the next `hello`, and the samples and predictions of the last
//! half minute for a page that asks for a stream's trace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::about::About;
use super::state::{LiveState, now};
use super::stream::ShownChange;
use crate::decision::{Prediction, ServingContext, SurfaceChange};
use crate::signal::{SampleBatch, StreamId};
use crate::sink::json::{JsonWriter, micros, novelty, round};

/// Maximum number of pages open at once.
pub(crate) const MAX_PAGES: usize = 8;
/// Capacity of a page's queue, in flushes.
const PAGE_QUEUE: usize = 64;
/// How long a browser waits before it connects again after it lost the connection.
const RETRY: Duration = Duration::from_secs(2);

/// Distributes live events to the open pages. Clones share the same state.
#[derive(Clone)]
pub struct LiveEvents(Arc<Shared>);

struct Shared {
    /// Whether a page is open. Kept outside of the lock because it is read for every batch of samples.
    watched: AtomicBool,
    /// Notified when a page joins.
    joined: Notify,
    state: Mutex<LiveState>,
}

impl LiveEvents {
    pub(crate) fn new(about: About) -> Self {
        Self(Arc::new(Shared {
            watched: AtomicBool::new(false),
            joined: Notify::new(),
            state: Mutex::new(LiveState::new(about)),
        }))
    }

    /// Applies a new serving context and sends all pages a new `hello`.
    pub fn set_context(&self, context: &ServingContext) {
        let mut state = self.lock();
        state.about = About::new(context, state.about.broker.take());
        // Another model may have other labels, or the same in another order.
        state.streams.values_mut().for_each(|shown| shown.predictions.clear());
        if self.watched() {
            let hello = state.hello();
            state.event("hello", &hello);
        }
    }

    /// Describes the running daemon.
    pub(crate) fn about(&self) -> About {
        self.lock().about.clone()
    }

    /// Whether a page is open.
    pub(crate) fn watched(&self) -> bool {
        self.0.watched.load(Ordering::Relaxed)
    }

    /// Waits until a page is opened.
    pub(crate) async fn joined(&self) {
        self.0.joined.notified().await;
    }

    /// The number of open pages.
    pub(crate) fn pages(&self) -> usize {
        self.lock().pages.iter().filter(|page| !page.is_closed()).count()
    }

    /// Adds a page and returns its events; `None` if [`MAX_PAGES`] pages are open already.
    pub(crate) fn join(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut state = self.lock();
        // Earlier events are only for the pages that were open before this one.
        state.flush();
        if state.pages.len() >= MAX_PAGES {
            return None;
        }
        let (page, events) = mpsc::channel(PAGE_QUEUE);
        let hello = state.hello();
        state.event("hello", &hello);
        let first = format!("retry: {}\n\n{}", RETRY.as_millis(), std::mem::take(&mut state.buffer));
        // A new queue has room, so this cannot fail.
        let _ = page.try_send(first.into());
        state.pages.push(page);
        self.0.watched.store(true, Ordering::Relaxed);
        self.0.joined.notify_one();
        Some(events)
    }

    /// Adds a batch of samples to its stream's trace.
    pub(crate) fn samples(&self, batch: &SampleBatch) {
        if let Some(shown) = self.lock().streams.get_mut(&batch.stream) {
            let is_sent = self.watched() && shown.is_sent();
            shown.trace.take(batch, is_sent);
        }
    }

    /// The samples and predictions of a stream of the last half minute, as a JSON object; `None` if there is no such stream. The samples and
    /// predictions of a stream over the limit are sent to the pages for a while after this.
    pub(crate) fn trace(&self, stream: &StreamId) -> Option<String> {
        self.lock().trace(stream)
    }

    /// Keeps a prediction for pages that join later, and shows it, unless one of the same stream was shown less than
    /// [`PREDICTION_INTERVAL`](super::stream::PREDICTION_INTERVAL) ago. `names` has the names of the surfaces.
    pub(crate) fn prediction(&self, prediction: &Prediction, names: &JsonWriter, latency: Duration) {
        let mut state = self.lock();
        let shown = state.shown(&prediction.stream);
        shown.newest = Some((round(prediction.confidence), prediction.novelty.map(novelty)));
        if !shown.is_due() {
            return;
        }
        let at = now();
        shown.keep_prediction(at, prediction);
        if !self.watched() || !shown.is_sent() {
            return;
        }
        let probabilities: Vec<_> =
            prediction.probabilities.iter().map(|value| round(f64::from(*value))).collect();
        let body = json!({
            "stream": prediction.stream,
            "at": at,
            "t": micros(prediction.time),
            "surface": names.name(prediction.surface),
            "confidence": round(prediction.confidence),
            "probabilities": probabilities,
            "novelty": prediction.novelty.map(novelty),
            "candidates": names.candidates(prediction).map(Iterator::collect::<Vec<_>>),
            "measured": round(prediction.quality.measured),
            "latency_ms": round(latency.as_secs_f64() * 1e3),
        });
        state.event("prediction", &body);
    }

    /// Keeps a surface change for pages that join later, and shows it. `names` has the names of the surfaces.
    pub(crate) fn change(&self, change: &SurfaceChange, names: &JsonWriter) {
        let mut state = self.lock();
        let changed = ShownChange {
            at: now(),
            surface: names.name(change.surface).into(),
            confidence: round(change.confidence),
            reason: change.reason.as_deref().map(Into::into),
        };
        let shown = state.shown(&change.stream);
        shown.keep(changed.clone());
        if self.watched() {
            let candidates = names.change_candidates(change);
            let body = json!({ "stream": change.stream, "change": changed, "candidates": candidates });
            state.event("change", &body);
        }
    }

    /// Forgets a stream that ended.
    pub(crate) fn end(&self, stream: &StreamId) {
        let mut state = self.lock();
        state.forget(stream);
        if self.watched() {
            state.event("end", &json!({ "stream": stream, "at": now() }));
        }
    }

    /// Shows a health report, with the current time added as `now`.
    pub(crate) fn health(&self, mut report: Value) {
        if let Some(fields) = report.as_object_mut() {
            fields.insert("now".into(), now().into());
        }
        self.lock().event("health", &report);
    }

    /// Shows the newest confidence and novelty of every stream that was predicted since the last time.
    pub(crate) fn fleet(&self) {
        self.lock().fleet();
    }

    /// Sends a comment that keeps idle connections from being closed.
    pub(crate) fn heartbeat(&self) {
        self.lock().buffer += ": heartbeat\n\n";
    }

    /// Sends the buffered events to every page and removes the pages that have left or read too slowly.
    pub(crate) fn flush(&self) {
        let mut state = self.lock();
        state.flush();
        if state.pages.is_empty() {
            self.0.watched.store(false, Ordering::Relaxed);
            // Nobody is there to whom they could be sent.
            state.streams.values_mut().for_each(|shown| drop(shown.trace.ready()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, LiveState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::MAX_STREAMS;
    use std::time::Instant;

    use super::super::stream::{MAX_CHANGES, PREDICTION_INTERVAL};
    use super::*;
    use crate::signal::{Arrival, Samples, Time};

    fn live() -> LiveEvents {
        LiveEvents::new(About::new(&ServingContext::of_test(&["a", "b"], "m"), None))
    }

    fn names() -> JsonWriter {
        JsonWriter::of(&ServingContext::of_test(&["a", "b"], "m"))
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
            novelty: None,
            candidates: None,
        }
    }

    fn prediction(name: &str) -> Prediction {
        Prediction {
            stream: stream(name),
            time: Time::from_seconds(1.0).unwrap(),
            surface: Some(0),
            confidence: 0.5,
            withheld: None,
            probabilities: vec![0.25, 0.75],
            novelty: Some(0.5),
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

    /// The names and bodies of the events that a page received.
    fn received(events: &mut mpsc::Receiver<Bytes>) -> Vec<(String, Value)> {
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
    fn a_page_is_told_of_changes_before_it_was_open_and_not_of_predictions() {
        let live = live();
        live.change(&change("rover"), &names());
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 2000));
        live.prediction(&prediction("rover"), &names(), Duration::ZERO);
        assert!(live.lock().buffer.is_empty());
        let mut page = live.join().unwrap();
        let hello = received(&mut page);
        assert_eq!(hello.len(), 1);
        assert_eq!(hello[0].1["streams"][0]["changes"][0]["surface"], "unknown");
        live.flush();
        assert_eq!(received(&mut page), []);
    }

    #[test]
    fn a_page_gets_traces_predictions_changes_and_ends() {
        let live = live();
        live.change(&change("rover"), &names());
        let mut page = live.join().unwrap();
        received(&mut page);
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 1050));
        let begun = Instant::now();
        live.prediction(&prediction("rover"), &names(), Duration::from_millis(3));
        live.prediction(&prediction("rover"), &names(), Duration::from_millis(3));
        let too_soon = begun.elapsed() < PREDICTION_INTERVAL;
        live.change(&change("rover"), &names());
        live.end(&stream("rover"));
        live.flush();
        let mut events = received(&mut page);
        // On a machine that stood still in between, the second one does not come too soon.
        events.dedup_by(|one, other| !too_soon && one.0 == "prediction" && other.0 == "prediction");
        let kinds: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            kinds,
            ["prediction", "change", "end"],
            "the second prediction comes too soon to be shown"
        );
        assert_eq!(events[0].1["probabilities"], json!([0.25, 0.75]));
        assert_eq!(events[0].1["latency_ms"], 3.0);
        let unknown = (&events[0].1["novelty"], &events[0].1["candidates"]);
        assert_eq!(unknown, (&json!(0.5), &json!(null)));
        live.change(&change("rover"), &names());
        live.samples(&batch("rover", 1000));
        live.samples(&batch("rover", 1050));
        live.flush();
        assert_eq!(received(&mut page)[1].1["spans"], json!([[1000, 2.0, 2.0, 2.0]]));
    }

    #[test]
    fn pages_over_the_limit_cannot_join_until_one_leaves() {
        let live = live();
        let mut pages: Vec<_> = (0..MAX_PAGES).map(|_| live.join().unwrap()).collect();
        assert!(live.join().is_none());
        pages.pop();
        assert!(live.join().is_some());
    }

    #[test]
    fn a_page_that_does_not_read_is_disconnected_and_events_are_no_longer_collected() {
        let live = live();
        let page = live.join().unwrap();
        for _ in 0..PAGE_QUEUE + 1 {
            live.heartbeat();
            live.flush();
        }
        assert_eq!(live.pages(), 0);
        assert!(!live.watched());
        drop(page);
    }

    #[test]
    fn kept_changes_are_limited_and_streams_over_the_limit_show_only_changes() {
        let live = live();
        let streams: Vec<_> = (0..=MAX_STREAMS).map(|number| format!("robot{number:03}")).collect();
        for _ in 0..2 * MAX_CHANGES {
            streams.iter().for_each(|name| live.change(&change(name), &names()));
        }
        let mut page = live.join().unwrap();
        let hello = received(&mut page).remove(0).1;
        let shown = hello["streams"].as_array().unwrap();
        assert!(shown.iter().all(|stream| stream["changes"].as_array().unwrap().len() == MAX_CHANGES));
        assert_eq!(shown.iter().filter(|stream| stream["beyond"] == true).count(), 1);
        live.prediction(&prediction(&streams[MAX_STREAMS]), &names(), Duration::ZERO);
        live.flush();
        assert_eq!(received(&mut page), []);
    }

    #[test]
    fn a_page_that_is_opened_later_can_ask_for_the_trace_and_gets_the_reasons() {
        let live = live();
        live.change(&SurfaceChange { reason: Some("c is stuck".into()), ..change("rover") }, &names());
        for millis in [1000, 1050, 1100] {
            live.samples(&batch("rover", millis));
        }
        let hello = received(&mut live.join().unwrap()).remove(0).1;
        assert_eq!(hello["streams"][0]["changes"][0]["reason"], "c is stuck");
        let trace: Value = serde_json::from_str(&live.trace(&stream("rover")).unwrap()).unwrap();
        let spans = json!([[1000, 2.0, 2.0, 2.0], [1050, 2.0, 2.0, 2.0]]);
        assert_eq!(trace, json!({ "spans": spans, "predictions": [], "beyond": false }));
        assert_eq!(live.trace(&stream("crawler")), None);
    }

    #[test]
    fn predictions_while_no_page_is_open_are_in_the_trace_until_another_model_is_loaded() {
        let live = live();
        let begun = now();
        live.prediction(&prediction("rover"), &names(), Duration::ZERO);
        let withheld = Prediction { surface: None, novelty: None, ..prediction("mule") };
        live.prediction(&withheld, &names(), Duration::ZERO);
        let kept = |name: &str| -> Value {
            let trace: Value = serde_json::from_str(&live.trace(&stream(name)).unwrap()).unwrap();
            trace["predictions"].clone()
        };
        let rover = kept("rover");
        assert!((begun..=now()).contains(&rover[0][0].as_u64().unwrap()));
        assert_eq!(rover[0].as_array().unwrap()[1..], [0.25, 0.75, 0.5, 1.0].map(Value::from));
        assert_eq!(kept("mule")[0].as_array().unwrap()[3..], [Value::Null, 0.0.into()]);
        live.set_context(&ServingContext::of_test(&["b", "a"], "other"));
        assert_eq!(kept("rover"), json!([]));
    }

    #[test]
    fn a_stream_over_the_limit_is_in_the_overview_and_is_sent_where_a_page_asks_for_it() {
        let live = live();
        let streams: Vec<_> = (0..=MAX_STREAMS).map(|number| format!("robot{number:03}")).collect();
        streams.iter().for_each(|name| live.change(&change(name), &names()));
        let (mut page, last) = (live.join().unwrap(), &streams[MAX_STREAMS]);
        received(&mut page);
        live.prediction(&prediction(last), &names(), Duration::ZERO);
        live.fleet();
        live.fleet();
        live.flush();
        let fleet = ("fleet".to_owned(), json!({ "lines": [[last, 0.5, 0.5]] }));
        assert_eq!(received(&mut page), [fleet]);
        assert!(live.trace(&stream(last)).unwrap().ends_with("\"beyond\":true}"));
        live.prediction(&prediction(last), &names(), Duration::ZERO);
        live.flush();
        assert_eq!(received(&mut page)[0].0, "prediction");
    }

    #[test]
    fn pages_receive_a_new_hello_when_another_model_is_loaded() {
        let live = live();
        let mut page = live.join().unwrap();
        received(&mut page);
        live.set_context(&ServingContext::of_test(&["c"], "other"));
        live.flush();
        assert_eq!(received(&mut page)[0].1["about"]["labels"], json!(["c"]));
    }
}
