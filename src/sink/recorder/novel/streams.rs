//! The streams that are on a novel surface now.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::decision::{Outcome, Withheld};
use crate::signal::StreamId;

/// The streams whose surface is unknown now because it is novel. The clones share them: the decisions write, and the
/// recorder reads.
///
/// It has at most as many streams as there are decisions for, which `limits.streams` bounds.
#[derive(Clone, Debug, Default)]
pub struct NovelStreams(Arc<Mutex<HashSet<StreamId>>>);

impl NovelStreams {
    /// Takes an outcome of the decisions.
    pub(crate) fn take(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Prediction(prediction) => {
                let mut novel = self.lock();
                if prediction.withheld != Some(Withheld::Novel) {
                    novel.remove(&prediction.stream);
                } else if !novel.contains(&prediction.stream) {
                    novel.insert(prediction.stream.clone());
                }
            }
            // The prediction that follows says whether it is novel. Where none follows, a gap, a restart or another
            // model has made an end of all that was known.
            Outcome::Change(change) => self.forget(&change.stream),
            Outcome::End(stream) | Outcome::Moved(stream) => self.forget(stream),
            Outcome::Context(_) => {}
        }
    }

    /// Says whether a stream is on a novel surface.
    #[cfg(test)]
    pub(in super::super) fn set_for_test(&self, stream: &StreamId, is_novel: bool) {
        let _ = if is_novel { self.lock().insert(stream.clone()) } else { self.lock().remove(stream) };
    }

    /// Whether a stream is on a novel surface.
    pub(super) fn contains(&self, stream: &StreamId) -> bool {
        self.lock().contains(stream)
    }

    /// Forgets what is known about a stream.
    pub(super) fn forget(&self, stream: &StreamId) {
        self.lock().remove(stream);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<StreamId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::decision::{Prediction, ServingContext, SurfaceChange};
    use crate::signal::Time;
    use crate::stream::Quality;

    fn prediction(withheld: Option<Withheld>) -> Outcome {
        Outcome::Prediction(Prediction {
            stream: StreamId::new("rover").unwrap(),
            time: Time::from_nanos(0).unwrap(),
            surface: None,
            withheld,
            confidence: 0.0,
            probabilities: Vec::new(),
            novelty: Some(1.0),
            quality: Quality::default(),
            arrived: Instant::now(),
        })
    }

    #[test]
    fn a_stream_is_novel_until_a_window_that_is_not_a_reset_or_its_end() {
        let (novel, stream) = (NovelStreams::default(), StreamId::new("rover").unwrap());
        let time = Time::from_nanos(0).unwrap();
        let change = SurfaceChange::unknown(stream.clone(), time, "samples are missing");
        let context = Arc::new(ServingContext::of_test(&["a", "b"], "first"));
        for end in [
            prediction(None),
            prediction(Some(Withheld::Unlikely)),
            prediction(Some(Withheld::Fault)),
            Outcome::Change(change),
            Outcome::End(stream.clone()),
        ] {
            novel.take(&prediction(Some(Withheld::Novel)));
            novel.take(&Outcome::Context(context.clone()));
            assert!(novel.clone().contains(&stream));
            novel.take(&end);
            assert!(!novel.contains(&stream), "{end:?}");
        }
    }
}
