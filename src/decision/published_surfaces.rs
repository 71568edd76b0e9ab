//! The surfaces that were published last, whichever node published them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::signal::{StreamId, Time};

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

impl PublishedSurfaces {
    /// No surfaces yet; those of at most `most` streams are kept.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, surfaces: Mutex::default() }
    }

    /// Keeps the surface of a stream. Returns false if there are too many streams already.
    pub(crate) fn set(&self, stream: StreamId, surface: PublishedSurface) -> bool {
        let mut surfaces = self.lock();
        let has_room = surfaces.len() < self.most || surfaces.contains_key(&stream);
        if has_room {
            surfaces.insert(stream, surface);
        }
        has_room
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
    fn the_newest_surface_of_a_bounded_number_of_streams_is_kept() {
        let published = PublishedSurfaces::new(1);
        let (a, b) = (StreamId::new("a").unwrap(), StreamId::new("b").unwrap());
        let surface =
            |name: &str| PublishedSurface { surface: name.into(), time: Time::from_seconds(1.0).unwrap() };
        assert!(published.set(a.clone(), surface("tile")) && published.set(a.clone(), surface("wood")));
        assert!(!published.set(b.clone(), surface("tile")));
        assert_eq!((published.get(&a), published.get(&b)), (Some(surface("wood")), None));
    }
}
