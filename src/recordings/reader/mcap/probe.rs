//! Looks at the topics of an MCAP recording, and at the first messages of one.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::file::{McapFiles, McapItem};
use super::form::TopicForm;
use super::topic::{TopicDecoder, TopicMessage};
use crate::decode::ros::ValuePath;
use crate::recordings::error::RecordingError;
use crate::recordings::recording::Recording;
use crate::signal::{ChannelInput, Columns, Drops, Time, TimeInput};

/// The number of messages of a topic that are looked at, which may be those of several senders.
const LOOKED_AT: usize = 200;
/// Maximum size of the messages that are looked at, those of all topics, in bytes.
const LOOKED_AT_BYTES: usize = 16 << 20;
/// Maximum number of topics and of fields that a message lists.
const SHOWN: usize = 20;

/// A topic and its first messages.
pub(super) struct Probe {
    pub topic: String,
    form: TopicForm,
    /// The first messages, and the number of those that were seen.
    messages: Vec<Vec<u8>>,
    count: u64,
}

/// A topic of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TopicInfo {
    /// Its name.
    pub name: String,
    /// The type of its messages, or their encoding if they have none.
    pub kind: String,
    /// The number of its messages.
    pub messages: u64,
    /// The time between the first and the last one, in seconds.
    pub seconds: f64,
    /// The fields with numbers that could be channels; none are listed of messages in JSON.
    pub fields: Vec<String>,
    /// Whether its messages are in JSON.
    pub is_json: bool,
    /// Why its messages cannot be read; `None` if they can.
    pub fault: Option<String>,
}

/// Finds the topic of a recording: the one that its layout names, or the only one.
///
/// # Errors
/// [`RecordingError`] if a file cannot be read, or there is no such topic; the message lists those that there are.
pub(super) fn probe(recording: &Recording, files: &[PathBuf]) -> Result<Probe, RecordingError> {
    let wanted = recording.layout.mcap.topic.as_deref();
    let mut records = McapFiles::new(files.to_vec());
    // Those of the file that is read, by their numbers in it, and those of the files before.
    let (mut probes, mut found): (HashMap<u16, Probe>, Vec<Probe>) = (HashMap::new(), Vec::new());
    let (mut bytes_left, mut done) = (LOOKED_AT_BYTES, false);
    while !done
        && records.next(|item| match item {
            McapItem::File => found.extend(probes.drain().map(|(_, probe)| probe)),
            McapItem::Topic { id, name, form } => {
                if wanted.is_none_or(|wanted| wanted == name) {
                    probes.insert(id, Probe { topic: name, form, messages: Vec::new(), count: 0 });
                }
            }
            McapItem::Message { topic, bytes, .. } => {
                let Some(probe) = probes.get_mut(&topic) else { return };
                probe.count += 1;
                if probe.messages.len() < LOOKED_AT && bytes.len() <= bytes_left {
                    bytes_left -= bytes.len();
                    probe.messages.push(bytes.to_vec());
                } else {
                    // Without a name, the topic is only known at the end: it may be one of several.
                    done = wanted.is_some();
                }
            }
        })?
    {}
    found.extend(probes.into_values());
    found.retain(|probe| probe.count > 0);
    // A topic is in each part of a drive.
    found.sort_by(|one, other| one.topic.cmp(&other.topic));
    found.dedup_by(|later, first| later.topic == first.topic);
    match (found.pop(), found.is_empty()) {
        (Some(probe), true) => Ok(probe),
        _ => {
            let mut names: Vec<_> = list_topics(recording)?.into_iter().map(|topic| topic.name).collect();
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
            Err(RecordingError::Form { path: recording.path.clone(), why })
        }
    }
}

impl Probe {
    /// The type of the messages, or their encoding if they have none.
    pub(super) fn kind(&self) -> &str {
        self.form.kind()
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
        ChannelInput { name, column, sum, field: None, ..input }
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
            let message = TopicMessage { time: Time::from_nanos(0), bytes };
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

/// The topics of a recording by name, with the number of their messages.
///
/// # Errors
/// [`RecordingError`] if a file cannot be read.
pub(crate) fn list_topics(recording: &Recording) -> Result<Vec<TopicInfo>, RecordingError> {
    let mut records = McapFiles::new(recording.files()?);
    let mut forms: HashMap<u16, (String, TopicForm)> = HashMap::new();
    let mut topics: BTreeMap<String, (TopicInfo, u64)> = BTreeMap::new();
    while records.next(|item| match item {
        McapItem::File => forms.clear(),
        McapItem::Topic { id, name, form } => drop(forms.insert(id, (name, form))),
        McapItem::Message { topic, logged, bytes, .. } => {
            let Some((name, form)) = forms.get(&topic) else { return };
            if !topics.contains_key(name) {
                let (kind, fields, fault) = (form.kind().to_owned(), form.fields(bytes), form.fault());
                let is_json = form.encoding == "json";
                let info =
                    TopicInfo { name: name.clone(), kind, fields, is_json, fault, ..TopicInfo::default() };
                topics.insert(name.clone(), (info, logged));
            }
            let Some((info, first)) = topics.get_mut(name) else { return };
            info.messages += 1;
            info.seconds = logged.saturating_sub(*first) as f64 / 1e9;
        }
    })? {}
    Ok(topics.into_values().map(|(info, _)| info).collect())
}
