//! Lists the topics of an MCAP recording.

use std::collections::{BTreeMap, HashMap};

use super::file::{McapFiles, McapItem};
use super::form::TopicForm;
use crate::recordings::error::RecordingError;
use crate::recordings::recording::Recording;

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
    /// The fields with numbers in the first message that could be channels.
    pub fields: Vec<String>,
    /// Why its messages cannot be read; `None` if they can.
    pub fault: Option<String>,
}

/// The topics of a recording by name, with the number of their messages.
///
/// # Errors
/// [`RecordingError`] if a file cannot be read.
pub(crate) fn list_topics(recording: &Recording) -> Result<Vec<TopicInfo>, RecordingError> {
    let mut records = McapFiles::of(recording)?;
    let mut forms: HashMap<u16, (String, TopicForm)> = HashMap::new();
    let mut topics: BTreeMap<String, (TopicInfo, u64)> = BTreeMap::new();
    while records.next(|item| match item {
        McapItem::File => forms.clear(),
        McapItem::Metadata(_) => {}
        McapItem::Topic { id, name, form } => drop(forms.insert(id, (name, form))),
        McapItem::Message { topic, logged, bytes, .. } => {
            let Some((name, form)) = forms.get(&topic) else { return };
            if !topics.contains_key(name) {
                let (kind, fields, fault) = (form.kind().to_owned(), form.fields(bytes), form.fault());
                let info = TopicInfo { name: name.clone(), kind, fields, fault, ..TopicInfo::default() };
                topics.insert(name.clone(), (info, logged));
            }
            let Some((info, first)) = topics.get_mut(name) else { return };
            info.messages += 1;
            info.seconds = logged.saturating_sub(*first) as f64 / 1e9;
        }
    })? {}
    Ok(topics.into_values().map(|(info, _)| info).collect())
}
