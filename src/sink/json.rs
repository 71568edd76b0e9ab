//! Predictions and surface changes as JSON objects.
//!
//! This is the only place that writes them: MQTT messages, standard output and `replay` have the same fields
//! and the same rounding. Numbers are rounded to four decimals and times to the microsecond.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::decision::{Prediction, ServingContext, SurfaceChange, candidates};
use crate::model::card::UNKNOWN;
use crate::signal::{StreamId, Time};
use crate::stream::{ChannelFault, Quality, RateFault};

/// Writes outcomes as JSON under the labels of one model.
#[derive(Clone, Debug)]
pub struct JsonWriter {
    labels: Vec<String>,
    model: String,
    /// The name of the daemon's node; `None` without one.
    node: Option<String>,
    /// The least probability of a candidate; `None` if the model's card does not say it.
    least_candidate: Option<f64>,
}

impl JsonWriter {
    /// Creates a writer with the labels and the model name of a serving context.
    pub fn of(context: &ServingContext) -> Self {
        let least_candidate = context.card.candidates;
        let node = context.node.clone();
        Self { least_candidate, node, ..Self::new(&context.card.labels, &context.model) }
    }

    /// Creates a writer with these labels, for a model whose windows have no candidates. `model` is the name that surface
    /// changes carry in their `model` field.
    pub fn new(labels: &[String], model: &str) -> Self {
        Self { labels: labels.to_vec(), model: model.to_owned(), node: None, least_candidate: None }
    }

    /// The label of a surface by its index; `unknown` for `None` and for an index that the model does not
    /// have.
    pub fn name(&self, surface: Option<usize>) -> &str {
        surface.and_then(|index| self.labels.get(index)).map_or(UNKNOWN, String::as_str)
    }

    /// The labels of a prediction's candidates, the most probable one first; `None` if the model's card does not say which
    /// surfaces are candidates.
    pub(crate) fn candidates(&self, prediction: &Prediction) -> Option<impl Iterator<Item = &str>> {
        let candidates = candidates(&prediction.probabilities, self.least_candidate?);
        Some(candidates.map(|index| self.name(Some(index))))
    }

    /// The labels of the candidates of a surface change, as in [`JsonWriter::candidates`].
    pub(crate) fn change_candidates(&self, change: &SurfaceChange) -> Option<Vec<&str>> {
        let indices = change.candidates.as_ref()?.iter();
        Some(indices.map(|index| self.name(Some(*index))).collect())
    }

    /// Appends a prediction to `out` as one object. `with_stream` adds the stream's name, which a topic
    /// already contains.
    pub fn prediction(&self, prediction: &Prediction, with_stream: bool, out: &mut Vec<u8>) {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            stream: Option<&'a StreamId>,
            t: f64,
            surface: &'a str,
            confidence: f64,
            probabilities: Probabilities<'a>,
            novelty: Option<f64>,
            candidates: Option<CandidateLabels<'a>>,
            quality: QualityBody,
        }
        #[derive(Serialize)]
        struct QualityBody {
            measured: f64,
            interpolated: f64,
            clipped: f64,
            late: f64,
            drift: Option<f64>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            faults: Vec<String>,
        }
        let Quality { measured, clipped, late, drift, rate, faults } = &prediction.quality;
        let body = Body {
            stream: with_stream.then_some(&prediction.stream),
            t: micros(prediction.time),
            surface: self.name(prediction.surface),
            confidence: round(prediction.confidence),
            probabilities: Probabilities(&self.labels, &prediction.probabilities),
            novelty: prediction.novelty.map(novelty),
            candidates: self.least_candidate.map(|_| CandidateLabels(self, prediction)),
            quality: QualityBody {
                measured: round(*measured),
                interpolated: round(1.0 - measured),
                clipped: round(*clipped),
                late: round(*late),
                drift: drift.map(round),
                faults: rate
                    .map(|_| RateFault::NAME.to_owned())
                    .into_iter()
                    .chain(faults.iter().map(ChannelFault::reason))
                    .collect(),
            },
        };
        write(&body, out);
    }

    /// Returns a surface change as one object.
    pub fn change(&self, change: &SurfaceChange) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            surface: &'a str,
            confidence: f64,
            novelty: Option<f64>,
            candidates: Option<Vec<&'a str>>,
            since: f64,
            t: f64,
            previous: Option<&'a str>,
            model: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            node: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
        }
        let body = Body {
            surface: self.name(change.surface),
            confidence: round(change.confidence),
            novelty: change.novelty.map(novelty),
            candidates: self.change_candidates(change),
            since: micros(change.since),
            t: micros(change.time),
            previous: change.previous.map(|previous| self.name(previous)),
            model: &self.model,
            node: self.node.as_deref(),
            reason: change.reason.as_deref(),
        };
        let mut out = Vec::new();
        write(&body, &mut out);
        out
    }
}

fn write(body: &impl Serialize, out: &mut Vec<u8>) {
    // Writing to memory does not fail, and these types serialise without errors.
    let _ = serde_json::to_writer(out, body);
}

/// Labels and their probabilities, serialised as a map in the labels' order.
struct Probabilities<'a>(&'a [String], &'a [f32]);

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (label, probability) in self.0.iter().zip(self.1) {
            map.serialize_entry(label, &round(f64::from(*probability)))?;
        }
        map.end()
    }
}

/// The labels of a prediction's candidates, serialised as a list.
struct CandidateLabels<'a>(&'a JsonWriter, &'a Prediction);

impl Serialize for CandidateLabels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.candidates(self.1).into_iter().flatten())
    }
}

/// A novelty, rounded.
pub(crate) fn novelty(novelty: f32) -> f64 {
    round(f64::from(novelty))
}

/// Rounds to four decimals; further digits of a probability are noise.
pub(crate) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A time in seconds, rounded to the microsecond.
pub(crate) fn micros(time: Time) -> f64 {
    (time.nanos() as f64 / 1e3).round() / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::decision::Withheld;

    #[test]
    fn a_prediction_is_written_with_all_fields_and_its_stream() {
        let json = JsonWriter::new(&["a".into(), "b \"2\"".into()], "m");
        let mut prediction = Prediction {
            stream: StreamId::new("rover").unwrap(),
            time: Time::from_nanos(12_300_000_400).unwrap(),
            surface: None,
            withheld: Some(Withheld::Unlikely),
            confidence: 0.55556,
            probabilities: vec![0.25, 0.75],
            novelty: None,
            quality: Quality { measured: 0.9, clipped: 0.25, ..Quality::default() },
            arrived: Instant::now(),
        };
        let mut out = Vec::new();
        json.prediction(&prediction, true, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"stream":"rover","t":12.3,"surface":"unknown","confidence":0.5556,"probabilities":{"a":0.25,"b \"2\"":0.75},"novelty":null,"candidates":null,"quality":{"measured":0.9,"interpolated":0.1,"clipped":0.25,"late":0.0,"drift":null}}"#
        );
        assert_eq!(prediction.likeliest(), Some(1));
        prediction.novelty = Some(0.987_66);
        let json = JsonWriter { least_candidate: Some(0.25), ..json };
        let mut out = Vec::new();
        json.prediction(&prediction, false, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#","novelty":0.9877,"candidates":["b \"2\"","a"],"quality":"#), "{text}");
    }

    #[test]
    fn the_first_surface_of_a_stream_has_a_null_previous_surface() {
        let time = Time::from_seconds(1.5).unwrap();
        let change = SurfaceChange {
            stream: StreamId::new("rover").unwrap(),
            time,
            since: time,
            surface: Some(0),
            confidence: 1.0,
            previous: None,
            reason: None,
            novelty: Some(0.5),
            candidates: Some(vec![0]),
        };
        let json = JsonWriter::new(&["a".into()], "m");
        let text = String::from_utf8(json.change(&change)).unwrap();
        assert_eq!(
            text,
            r#"{"surface":"a","confidence":1.0,"novelty":0.5,"candidates":["a"],"since":1.5,"t":1.5,"previous":null,"model":"m"}"#
        );
    }
}
