//! Labels on a topic of an MCAP file.

use std::collections::HashMap;

use super::form::TopicForm;
use crate::decode::ros::{Definition, ValuePath, text};
use crate::recordings::labels::Labels;
use crate::signal::{DropReason, Drops, Time};

/// Maximum number of changes of the label in one recording.
const MAX_CHANGES: usize = 1_000_000;
/// The field with the text in a message of ROS 2, as in `std_msgs/String`, and in one in JSON.
const FIELD: &str = "data";
const JSON_FIELDS: [&str; 2] = ["label", "data"];

/// The labels on a topic. Each holds from its message on; an empty one, or `null`, says that the surface is not known.
#[derive(Debug)]
pub(super) struct TopicLabels {
    topic: String,
    field: Option<String>,
    /// How the messages are decoded in the file that is read, by the number that the topic has there.
    decoders: HashMap<u16, LabelDecoder>,
    /// The newest label with the time at which it was logged, until the clock of the samples is known.
    waiting: Option<(u64, String)>,
    changes: Vec<(Time, String)>,
    messages: u64,
}

#[derive(Debug)]
enum LabelDecoder {
    Ros(Box<Definition>, ValuePath),
    Json,
}

impl TopicLabels {
    /// The labels in a field on a topic; without a `field`, the one that messages usually have.
    pub(super) fn new(topic: &str, field: Option<&str>) -> Self {
        let (decoders, waiting, changes, messages) = Default::default();
        Self {
            topic: topic.to_owned(),
            field: field.map(str::to_owned),
            decoders,
            waiting,
            changes,
            messages,
        }
    }

    /// The name of the topic.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// The number of its messages so far.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Begins another file, in which the numbers of topics are others.
    pub(super) fn begin_file(&mut self) {
        self.decoders.clear();
    }

    /// Takes a topic of the file, which has the labels if it has the right name.
    ///
    /// # Errors
    /// Why its messages cannot be read.
    pub(super) fn add_topic(&mut self, id: u16, name: &str, form: &TopicForm) -> Result<(), String> {
        if name != self.topic {
            return Ok(());
        }
        let decoder = match form.encoding.as_str() {
            "json" => LabelDecoder::Json,
            _ => {
                let path = ValuePath::read(self.field.as_deref().unwrap_or(FIELD))?;
                LabelDecoder::Ros(Box::new(form.definition()?), path)
            }
        };
        self.decoders.insert(id, decoder);
        Ok(())
    }

    /// Takes a message that was logged at this time, in nanoseconds. `offset` is how much later than their own time samples
    /// were logged then; `None` before the first sample.
    pub(super) fn message(
        &mut self,
        id: u16,
        logged: u64,
        bytes: &[u8],
        offset: Option<i64>,
        drops: &mut Drops,
    ) {
        let Some(decoder) = self.decoders.get(&id) else { return };
        self.messages += 1;
        match decoder.text(bytes, self.field.as_deref()) {
            Ok(label) => {
                self.place(offset);
                self.waiting = Some((logged, label));
                self.place(offset);
            }
            Err(why) => drops.add(DropReason::Malformed, || format!("topic {:?}: {why}", self.topic)),
        }
    }

    /// Gives the newest label its time on the clock of the samples, if that is known by now.
    pub(super) fn place(&mut self, offset: Option<i64>) {
        let Some(offset) = offset else { return };
        let Some((logged, label)) = self.waiting.take() else { return };
        let time = i64::try_from(logged).unwrap_or(i64::MAX).saturating_sub(offset);
        let Some(time) = Time::from_nanos(time) else { return };
        let last = self.changes.last();
        if last.is_some_and(|(_, last)| *last == label) || self.changes.len() >= MAX_CHANGES {
            return;
        }
        // A label does not hold before the one before it, whatever the clocks do.
        let time = last.map_or(time, |(last, _)| time.max(*last));
        self.changes.push((time, label));
    }

    /// The labels so far.
    pub(super) fn labels(&self) -> Labels {
        Labels::from_changes(&self.changes)
    }
}

impl LabelDecoder {
    /// The label in a message.
    fn text(&self, bytes: &[u8], field: Option<&str>) -> Result<String, String> {
        match self {
            Self::Ros(definition, path) => text(definition, path, bytes),
            Self::Json => {
                let message: serde_json::Value =
                    serde_json::from_slice(bytes).map_err(|error| format!("a label is no JSON: {error}"))?;
                let found = match (&message, field) {
                    (serde_json::Value::Object(fields), Some(field)) => fields.get(field),
                    (serde_json::Value::Object(fields), None) => {
                        JSON_FIELDS.iter().find_map(|field| fields.get(*field))
                    }
                    (other, _) => Some(other),
                };
                match found {
                    Some(serde_json::Value::String(label)) => Ok(label.clone()),
                    Some(serde_json::Value::Null) => Ok(String::new()),
                    Some(_) => Err("the label in a message is no text".into()),
                    None => {
                        Err(format!("a message has no {:?}; set [label] field", field.unwrap_or("label")))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_from_their_message_on_by_the_clock_of_the_samples() {
        let mut labels = TopicLabels::new("/label", None);
        let form = TopicForm { encoding: "json".into(), ..TopicForm::default() };
        labels.add_topic(7, "/label", &form).unwrap();
        labels.add_topic(8, "/other", &form).unwrap();
        let mut drops = Drops::default();
        let second = 1_000_000_000;
        // The samples count from the start of the board, 100 s before.
        let mut message = |second_of_log: u64, json: &str, offset: Option<i64>| {
            labels.message(7, second_of_log * 1_000_000_000, json.as_bytes(), offset, &mut drops);
        };
        message(101, "{\"label\": \"tile\"}", None);
        message(102, "\"gravel\"", None);
        message(105, "{\"data\": null}", Some(100 * second));
        message(106, "{\"data\": \"wood\"}", Some(100 * second));
        message(107, "{\"data\": 5}", Some(100 * second));
        message(108, "gravel", Some(100 * second));
        labels.message(8, 0, b"", None, &mut drops);
        assert_eq!((drops.total(), labels.messages()), (2, 6));
        let found = labels.labels();
        let at = |seconds: f64| found.at(Time::from_seconds(seconds).unwrap());
        assert_eq!([at(4.9), at(5.5), at(6.5), at(60.0)], [Some("gravel"), None, Some("wood"), Some("wood")]);
    }
}
