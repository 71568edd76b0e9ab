//! What was found out about a stream, as messages of an MCAP file.

use serde_json::json;

use super::topic::ResultTopic;
use crate::decision::Outcome;
use crate::signal::{StreamId, Time};
use crate::sink::json::JsonWriter;
use crate::stream::{Problem, ProblemDelta};

/// The levels of `foxglove.Log`.
const INFORMATION: u8 = 2;
const WARNING: u8 = 3;

/// Something that was found out about a stream.
#[derive(Clone, Debug)]
pub(crate) enum ResultMessage {
    /// A prediction, a surface or a label, in JSON.
    Json { topic: ResultTopic, time: Time, json: Vec<u8> },
    /// A text for people. Without a time, it has the one of the message before it.
    Log { time: Option<Time>, level: u8, name: String, text: String },
}

impl ResultMessage {
    /// The messages of an outcome; none if it is the end of a stream.
    pub(crate) fn of_outcome(outcome: &Outcome, names: &JsonWriter) -> Vec<Self> {
        match outcome {
            Outcome::Prediction(prediction) => {
                let mut json = Vec::with_capacity(256);
                names.prediction(prediction, false, &mut json);
                vec![Self::Json { topic: ResultTopic::Prediction, time: prediction.time, json }]
            }
            Outcome::Change(change) => {
                let surface = names.name(change.surface);
                let text = match &change.reason {
                    Some(reason) => format!("{surface}: {reason}"),
                    None => format!("{surface}, confidence {:.2}", change.confidence),
                };
                let json =
                    Self::Json { topic: ResultTopic::Surface, time: change.time, json: names.change(change) };
                let (time, name) = (Some(change.time), change.stream.to_string());
                vec![json, Self::Log { time, level: INFORMATION, name, text }]
            }
            Outcome::End(_) | Outcome::Moved(_) | Outcome::Context(_) => Vec::new(),
        }
    }

    /// The messages of problems that began or ended, each with its stream.
    pub(crate) fn of_problems(delta: &ProblemDelta) -> impl Iterator<Item = (&StreamId, Self)> {
        let begun = delta.begun.iter().map(|problem| (problem, WARNING, problem.detail.clone()));
        let ended =
            delta.ended.iter().map(|problem| (problem, INFORMATION, format!("ended: {}", problem.detail)));
        begun.chain(ended).map(|(problem, level, text)| {
            let Problem { stream, channel, .. } = &**problem;
            let name = channel.clone().unwrap_or_else(|| stream.to_string());
            (stream, Self::Log { time: None, level, name, text })
        })
    }

    /// The label of a recording from this time on.
    pub(super) fn label(label: Option<&str>, time: Time) -> Self {
        Self::Json { topic: ResultTopic::Label, time, json: json!({"label": label}).to_string().into_bytes() }
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let content = match self {
            Self::Json { json, .. } => json.len(),
            Self::Log { name, text, .. } => name.len() + text.len(),
        };
        size_of::<Self>() + content
    }
}

/// The content of a message of `foxglove.Log`.
pub(super) fn log_entry(time: Time, level: u8, name: &str, text: &str) -> Vec<u8> {
    let nanos = u64::try_from(time.nanos()).unwrap_or(0);
    let timestamp = json!({"sec": nanos / 1_000_000_000, "nsec": nanos % 1_000_000_000});
    let entry =
        json!({"timestamp": timestamp, "level": level, "message": text, "name": name, "file": "", "line": 0});
    entry.to_string().into_bytes()
}
