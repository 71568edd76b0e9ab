//! What the decisions emit for the sinks: predictions, and changes of a stream's surface.

use std::sync::Arc;
use std::time::Instant;

use super::context::ServingContext;
use super::withheld::Withheld;
use crate::signal::{StreamId, Time};
use crate::stream::Quality;

/// Why the surface is unknown when the stream has ended.
pub(crate) const ENDED: &str = "the stream ended";

/// A result for the sinks. The outcomes of a stream are emitted in the order of its windows.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A window was predicted.
    Prediction(Prediction),
    /// The surface of a stream changed. This comes before the prediction of the window that changed it.
    Change(SurfaceChange),
    /// The stream ended.
    End(StreamId),
    /// Another node follows the stream from here on.
    Moved(StreamId),
    /// Another serving context is in force from here on, perhaps with other labels.
    Context(Arc<ServingContext>),
}

/// The prediction of one window, with the decision that followed from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The stream that the window belongs to.
    pub stream: StreamId,
    /// The time of the window's last step.
    pub time: Time,
    /// The index of the decided surface among the labels. `None` if it is unknown.
    pub surface: Option<usize>,
    /// Why the surface is unknown. `None` if it is known.
    pub withheld: Option<Withheld>,
    /// The confidence of the decision, from 0 to 1.
    pub confidence: f64,
    /// The model's probabilities of this window alone, one for each label.
    pub probabilities: Vec<f32>,
    /// How unlike the training data this window alone is, from 0 to 1; see [`Answers`](crate::model::answers::Answers).
    /// `None` if the model does not say it.
    pub novelty: Option<f32>,
    /// How far the window can be trusted.
    pub quality: Quality,
    /// When the batch with the window's last sample arrived.
    pub arrived: Instant,
}

impl Prediction {
    /// The index of the label with the highest probability, by this window alone. `None` if there are no
    /// probabilities.
    pub fn likeliest(&self) -> Option<usize> {
        let indices = 0..self.probabilities.len();
        indices.max_by(|a, b| self.probabilities[*a].total_cmp(&self.probabilities[*b]))
    }
}

/// A change of a stream's surface, or of the reason why it is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceChange {
    /// The stream whose surface changed.
    pub stream: StreamId,
    /// The time of the change.
    pub time: Time,
    /// The time from which on the stream has this surface. It is before `time` if only the reason changed.
    pub since: Time,
    /// The index of the new surface among the labels. `None` if it is unknown.
    pub surface: Option<usize>,
    /// The confidence of the decision, from 0 to 1.
    pub confidence: f64,
    /// The previous surface, where the inner `None` is unknown. The outer `None` means that the stream has
    /// just started.
    pub previous: Option<Option<usize>>,
    /// Why the surface is unknown. `None` if it is known.
    pub reason: Option<String>,
    /// The novelty of the window at which this was decided. `None` if the model does not say it, or no window decided.
    pub novelty: Option<f32>,
    /// The indices of the candidates of that window, the most probable one first. `None` if the model's card has no
    /// [`candidates`](crate::model::card::Card::candidates), or no window decided.
    pub candidates: Option<Vec<usize>>,
}

impl SurfaceChange {
    /// The change to an unknown surface of a stream that has just started.
    pub(crate) fn unknown(stream: StreamId, time: Time, reason: &str) -> Self {
        Self {
            stream,
            time,
            since: time,
            surface: None,
            confidence: 0.0,
            previous: None,
            reason: Some(reason.to_owned()),
            novelty: None,
            candidates: None,
        }
    }
}
