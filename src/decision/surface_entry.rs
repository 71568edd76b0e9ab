//! What is known about the surface of one stream.

use super::candidates::candidates;
use super::filter::{Decision, DecisionFilter};
use super::outcome::{Outcome, SurfaceChange};
use crate::model::answers::Answer;
use crate::signal::Time;

/// The state of one stream.
#[derive(Debug)]
pub(super) struct SurfaceEntry {
    pub(super) filter: DecisionFilter,
    /// The time of the newest window, or of the stream's start.
    pub(super) time: Time,
    /// The change that was emitted last.
    pub(super) last_change: SurfaceChange,
    /// The time of the surface that another node has published. Changes that are not after it are not emitted.
    pub(super) published_until: Option<Time>,
}

impl SurfaceEntry {
    /// Emits a change if the surface, or the reason why it is unknown, differs from the last change. `decided` is the
    /// answer to the window at which it was decided, with the least probability of a candidate; `None` if no window
    /// decided.
    pub(super) fn change(
        &mut self,
        time: Time,
        Decision { surface, confidence, .. }: Decision,
        reason: Option<String>,
        decided: Option<(Answer<'_>, Option<f64>)>,
        emit: &mut impl FnMut(Outcome),
    ) {
        if self.published_until.is_some_and(|until| time <= until) {
            return;
        }
        let last = &mut self.last_change;
        if surface == last.surface {
            if reason == last.reason {
                return;
            }
            (last.time, last.reason) = (time, reason);
        } else {
            (last.previous, last.surface, last.confidence) = (Some(last.surface), surface, confidence);
            (last.time, last.since, last.reason) = (time, time, reason);
        }
        last.novelty = decided.and_then(|(answer, _)| answer.novelty);
        last.candidates =
            decided.and_then(|(answer, least)| Some(candidates(answer.probabilities, least?).collect()));
        emit(Outcome::Change(last.clone()));
    }
}
