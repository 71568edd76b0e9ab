//! The surfaces that were published last, whichever node published them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use super::outcome::{ENDED, SurfaceChange};
use crate::model::card::UNKNOWN;
use crate::signal::{StreamId, Time};

/// A surface that is newer than a sample or another surface by up to this long, in nanoseconds, is of the same time on the
/// stream's clock: the samples are delivered again, or the message was held up. If it is newer by more, the clock has
/// started again since.
const SAME_CLOCK: i64 = 30_000_000_000;

/// The longest payload that is read, in bytes; those of nodes are far shorter.
const MAX_PAYLOAD: usize = 4096;

/// The surface of one stream as it was published last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PublishedSurface {
    /// The name of the surface, which the model need not have.
    pub surface: Box<str>,
    /// The time of the change on the stream's clock.
    pub time: Time,
}

/// The surfaces that were published last, of as many streams as the daemon follows.
///
/// A node that takes over a stream begins with the surface that the node before it has published, and publishes nothing
/// that is older.
#[derive(Debug)]
pub(crate) struct PublishedSurfaces {
    most: usize,
    surfaces: Mutex<HashMap<StreamId, PublishedSurface>>,
}

/// What is read of a published surface.
#[derive(Deserialize)]
struct PublishedBody {
    surface: Box<str>,
    t: f64,
    #[serde(default)]
    reason: Option<String>,
}

impl PublishedSurface {
    /// Whether it is of a later moment of the same clock, so that nothing of this time may be published any more.
    pub(super) fn is_later_than(&self, time: Time) -> bool {
        (1..SAME_CLOCK).contains(&self.time.since(time))
    }
}

impl PublishedSurfaces {
    /// No surfaces yet; those of at most `most` streams are kept.
    #[cfg(any(test, feature = "nats"))]
    pub(crate) fn new(most: usize) -> Self {
        Self { most, surfaces: Mutex::default() }
    }

    /// Keeps the surface of a stream, unless a newer one of the same clock is kept. Returns false if there are too many
    /// streams already.
    pub(crate) fn set(&self, stream: StreamId, surface: PublishedSurface) -> bool {
        let mut surfaces = self.lock();
        if surfaces.get(&stream).is_some_and(|kept| kept.is_later_than(surface.time)) {
            return true;
        }
        let has_room = surfaces.len() < self.most || surfaces.contains_key(&stream);
        if has_room {
            surfaces.insert(stream, surface);
        }
        has_room
    }

    /// Takes the surface of a stream as a node has published it. With any other payload, such as the empty one of a topic that was
    /// removed, the stream is forgotten; one that is too long is ignored.
    pub(crate) fn take(&self, stream: StreamId, payload: &[u8]) {
        if payload.len() > MAX_PAYLOAD {
            return;
        }
        let body = serde_json::from_slice::<PublishedBody>(payload).ok();
        let body = body.filter(|body| body.reason.as_deref() != Some(ENDED));
        match body.and_then(|body| Some((body.surface, Time::from_seconds(body.t)?))) {
            Some((surface, time)) => {
                let is_kept = self.set(stream, PublishedSurface { surface, time });
                if !is_kept {
                    tracing::debug!("too many published surfaces are kept already");
                }
            }
            None => self.forget(&stream),
        }
    }

    /// Keeps a change that this node publishes; `labels` are those of its model.
    pub(super) fn note(&self, change: &SurfaceChange, labels: &[String]) {
        if change.reason.as_deref() == Some(ENDED) {
            return self.forget(&change.stream);
        }
        let name = change.surface.and_then(|index| labels.get(index)).map_or(UNKNOWN, String::as_str);
        // If there are too many streams, the pipeline refuses further ones as well.
        self.set(change.stream.clone(), PublishedSurface { surface: name.into(), time: change.time });
    }

    /// Forgets a stream that has ended.
    pub(crate) fn forget(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    /// The surface of a stream that was published last; `None` if none is known.
    pub(crate) fn get(&self, stream: &StreamId) -> Option<PublishedSurface> {
        self.lock().get(stream).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamId, PublishedSurface>> {
        self.surfaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_has_published_is_kept_until_its_stream_ends() {
        let published = PublishedSurfaces::new(8);
        let rover = StreamId::new("rover").unwrap();
        let take = |payload: &str| published.take(rover.clone(), payload.as_bytes());
        take(r#"{"surface":"tile","confidence":0.9,"since":1.5,"t":2.5,"model":"m"}"#);
        let time = Time::from_seconds(2.5).unwrap();
        assert_eq!(published.get(&rover), Some(PublishedSurface { surface: "tile".into(), time }));
        take(&"[".repeat(MAX_PAYLOAD + 1));
        assert!(published.get(&rover).is_some());
        take(r#"{"surface":"unknown","t":3.5,"reason":"the stream ended"}"#);
        assert_eq!(published.get(&rover), None);
        for payload in ["", "no JSON", r#"{"surface":"tile","t":1e300}"#] {
            take(payload);
            assert_eq!(published.get(&rover), None, "{payload}");
        }
    }

    #[test]
    fn the_newest_surface_of_a_bounded_number_of_streams_is_kept() {
        let published = PublishedSurfaces::new(1);
        let (a, b) = (StreamId::new("a").unwrap(), StreamId::new("b").unwrap());
        let surface =
            |name: &str| PublishedSurface { surface: name.into(), time: Time::from_seconds(1.0).unwrap() };
        assert!(published.set(a.clone(), surface("tile")) && published.set(a.clone(), surface("wood")));
        assert!(!published.set(b.clone(), surface("tile")));
        assert_eq!((published.get(&a), published.get(&b)), (Some(surface("wood")), None));
        // A message that was held up does not count, and one of a clock that has started again does.
        let at = |name: &str, seconds: f64| PublishedSurface {
            surface: name.into(),
            time: Time::from_seconds(seconds).unwrap(),
        };
        assert!(published.set(a.clone(), at("tile", 50.0)) && published.set(a.clone(), at("wood", 40.0)));
        assert_eq!(published.get(&a), Some(at("tile", 50.0)));
        assert!(published.set(a.clone(), at("wood", 0.5)));
        assert_eq!(published.get(&a), Some(at("wood", 0.5)));
    }
}
