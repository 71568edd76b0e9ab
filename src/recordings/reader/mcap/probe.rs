//! Looks at the topics of an MCAP recording, and at the first messages of one.

use std::collections::HashMap;

use super::file::{McapFiles, McapItem};
use super::form::TopicForm;
use super::list::list_topics;
use super::topic::{TopicDecoder, TopicMessage};
use crate::decode::ros::ValuePath;
use crate::recordings::error::RecordingError;
use crate::recordings::recording::Recording;
use crate::signal::{ChannelInput, Columns, Drops, Time, TimeInput};

/// The number of messages of a topic that are looked at, which may be those of several senders.
const LOOKED_AT: usize = 200;
/// Maximum size of the messages that are looked at, those of all topics, in bytes.
const LOOKED_AT_BYTES: usize = 16 << 20;
/// The number of messages of a slow topic that are waited for while another one has enough.
const ENOUGH: u64 = 20;
/// Maximum number of topics and of fields that a message lists.
const SHOWN: usize = 20;

/// A topic and its first messages.
pub(super) struct Probe {
    pub topic: String,
    form: TopicForm,
    /// The first messages, and the number of those that were seen.
    messages: Vec<Vec<u8>>,
    count: u64,
    /// When the first and the last of them were logged, in nanoseconds.
    span: [u64; 2],
}

/// Finds the topics of a recording with these names; for `None`, the only one that it has.
///
/// # Errors
/// [`RecordingError`] if a file cannot be read, or there is no such topic; the message lists those that there are.
pub(super) fn probe(recording: &Recording, wanted: &[Option<String>]) -> Result<Vec<Probe>, RecordingError> {
    let mut found = first_messages(recording, wanted)?;
    let mut probes = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let at = match wanted {
            Some(wanted) => found.iter().position(|probe| probe.topic == *wanted),
            None => (found.len() == 1).then_some(0),
        };
        let at = at.ok_or_else(|| no_topic(recording, wanted.as_deref()))?;
        probes.push(found.swap_remove(at));
    }
    Ok(probes)
}

/// The first messages of the topics with these names, or of all if one of them is `None`.
fn first_messages(recording: &Recording, wanted: &[Option<String>]) -> Result<Vec<Probe>, RecordingError> {
    let named: Option<Vec<&str>> = wanted.iter().map(Option::as_deref).collect();
    let mut records = McapFiles::of(recording)?;
    // Those of the file that is read, by their numbers in it, and those of the files before.
    let (mut probes, mut found): (HashMap<u16, Probe>, Vec<Probe>) = (HashMap::new(), Vec::new());
    let (mut bytes_left, mut done) = (LOOKED_AT_BYTES, false);
    while !done
        && records.next(|item| match item {
            McapItem::File => found.extend(probes.drain().map(|(_, probe)| probe)),
            McapItem::Topic { id, name, form } => {
                if named.as_ref().is_none_or(|named| named.contains(&name.as_str())) {
                    let (messages, span) = (Vec::new(), [0, 0]);
                    probes.insert(id, Probe { topic: name, form, messages, count: 0, span });
                }
            }
            McapItem::Metadata(_) => {}
            McapItem::Message { topic, logged, bytes, .. } => {
                let Some(probe) = probes.get_mut(&topic) else { return };
                if probe.count == 0 {
                    probe.span = [logged, logged];
                }
                probe.count += 1;
                probe.span[1] = logged;
                if probe.messages.len() < LOOKED_AT && bytes.len() <= bytes_left {
                    bytes_left -= bytes.len();
                    probe.messages.push(bytes.to_vec());
                } else {
                    // Without a name, the topic is only known at the end: it may be one of several.
                    done = named.as_ref().is_some_and(|named| {
                        let enough = probes.values().filter(|probe| probe.count >= ENOUGH);
                        enough.count() >= named.len()
                    });
                }
            }
        })?
    {}
    found.extend(probes.into_values());
    found.retain(|probe| probe.count > 0);
    // A topic is in each part of a drive, and several writers may have it in one file.
    found.sort_by(|one, other| one.topic.cmp(&other.topic));
    found.dedup_by(|later, first| later.topic == first.topic);
    Ok(found)
}

/// That a recording has no topic with this name, or not only one; what there is instead.
fn no_topic(recording: &Recording, wanted: Option<&str>) -> RecordingError {
    let topics = match list_topics(recording) {
        Ok(topics) => topics,
        Err(error) => return error,
    };
    let mut names: Vec<_> = topics.into_iter().map(|topic| topic.name).collect();
    if let Some(wanted) = wanted {
        names.sort_by_cached_key(|name| strsim::levenshtein(wanted, name));
    }
    let has = if names.is_empty() {
        "no messages".into()
    } else {
        names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ")
    };
    let why = match wanted {
        Some(wanted) => format!("it has no messages on the topic {wanted:?}; it has {has}"),
        None if names.is_empty() => "it has no messages; delete it".into(),
        None => format!(
            "it has several topics: {has}. Set [mcap] topic in a dataset.toml; `underfoot-train topics` shows what they have"
        ),
    };
    RecordingError::form(&recording.path, &why)
}

impl Probe {
    /// The type of the messages, or their encoding if they have none.
    pub(super) fn kind(&self) -> &str {
        self.form.kind()
    }

    /// The mean time between two messages, in nanoseconds; the largest number if there is only one.
    pub(super) fn interval(&self) -> i64 {
        let [first, last] = self.span;
        let between =
            self.count.checked_sub(1).and_then(|intervals| last.saturating_sub(first).checked_div(intervals));
        between.and_then(|nanos| i64::try_from(nanos).ok()).unwrap_or(i64::MAX)
    }

    /// A channel of the topic as raw columns, whose names are the paths of fields.
    pub(super) fn input(&self, input: ChannelInput) -> ChannelInput {
        let path = |text: String| match self.form.encoding.as_str() {
            "json" => text.replace('[', ".").replace(']', ""),
            _ => text,
        };
        let name = input.channel().ok().map(|channel| channel.name);
        let column = input.field.or(input.column).or(name.clone()).map(path).filter(|_| input.sum.is_empty());
        let sum = input.sum.into_iter().map(path).collect();
        ChannelInput { name, column, sum, field: None, topic: None, ..input }
    }

    /// How its messages are decoded.
    ///
    /// # Errors
    /// What is wrong, without the topic.
    pub(super) fn decoder(&self, columns: &Columns, time: &TimeInput) -> Result<TopicDecoder, String> {
        TopicDecoder::new(&self.form, columns, time)
    }

    /// Checks that the first messages have each element that is looked for by its name or index.
    ///
    /// # Errors
    /// Which one they do not have, and which ones they have.
    pub(super) fn check_elements(&self, columns: &Columns, time: &TimeInput) -> Result<(), String> {
        if self.form.encoding != "cdr" || self.messages.is_empty() {
            return Ok(());
        }
        let names = columns.names();
        let raw = Columns::new(
            &names
                .iter()
                .map(|name| ChannelInput { name: Some(name.clone()), ..ChannelInput::default() })
                .collect::<Vec<_>>(),
        );
        let raw = raw.map_err(|why| why.to_string())?;
        let mut decoder = self.decoder(&raw, time)?;
        let (mut samples, mut drops) = (raw.samples(), Drops::default());
        for bytes in &self.messages {
            let message = TopicMessage { time: Time::from_nanos(0), logged: 0, bytes };
            decoder.decode(&message, &raw, &mut samples, &mut drops);
        }
        let missing = names.iter().enumerate().find(|(index, _)| {
            samples.iter().all(|(_, values)| values.get(*index).is_none_or(|value| value.is_nan()))
        });
        let Some((_, missing)) = missing.filter(|_| drops.total() == 0) else { return Ok(()) };
        let path = ValuePath::read(missing)?;
        if !path.has_element() {
            return Ok(());
        }
        let mut has: Vec<String> = Vec::new();
        for bytes in &self.messages {
            for path in self.form.fields(bytes) {
                if !has.contains(&path) && has.len() < 4 * SHOWN {
                    has.push(path);
                }
            }
        }
        has.sort_by_cached_key(|path| strsim::levenshtein(missing, path));
        has.truncate(SHOWN);
        Err(format!("no message has {missing}; they have {}", has.join(", ")))
    }
}
