//! One MCAP file that is being written.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{Compression, McapError, WriteOptions, Writer};

use super::message::{ResultMessage, log_entry};
use super::topic::ResultTopic;
use crate::recordings::reader::{RecordingMetadata, TopicForm};
use crate::signal::{Channel, Time};

/// The size from which on a chunk is written, in bytes before it is compressed. A chunk is held in memory.
const CHUNK: u64 = 64 << 10;
/// Bytes of a message beside its content.
const MESSAGE_HEADER: usize = 31;

/// An MCAP file with messages in JSON.
pub(crate) struct McapFile<W: Write> {
    writer: Writer<NoSeek<W>>,
    /// The numbers of the topics that the file has so far, with the number of their messages.
    topics: BTreeMap<ResultTopic, (u16, u32)>,
    channels: Vec<Channel>,
    /// For each channel, what is before its value in a sample.
    keys: Vec<String>,
    labels: Vec<String>,
    json: Vec<u8>,
    /// The time of the newest message that is no sample.
    newest: Time,
    flushes: u32,
}

impl<W: Write> McapFile<W> {
    /// Begins a file that says this about itself. `labels` are those of the model, for predictions.
    ///
    /// # Errors
    /// The error of `out`.
    pub(crate) fn create(out: W, about: &RecordingMetadata, labels: &[String]) -> io::Result<Self> {
        let options = WriteOptions::new()
            .library(concat!("underfoot ", env!("CARGO_PKG_VERSION")))
            .compression(Some(Compression::Lz4))
            .chunk_size(Some(CHUNK))
            .disable_seeking(true);
        let mut writer = options.create(NoSeek::new(out)).map_err(to_io)?;
        let metadata = Metadata { name: RecordingMetadata::NAME.into(), metadata: about.entries() };
        writer.write_metadata(&metadata).map_err(to_io)?;
        let key = |(index, channel): (usize, &Channel)| {
            let name = serde_json::to_string(&channel.name).unwrap_or_default();
            format!("{}{name}:", if index == 0 { '{' } else { ',' })
        };
        Ok(Self {
            writer,
            topics: BTreeMap::new(),
            keys: about.channels.iter().enumerate().map(key).collect(),
            channels: about.channels.clone(),
            labels: labels.to_vec(),
            json: Vec::new(),
            newest: Time::ARRIVAL,
            flushes: 0,
        })
    }

    /// Writes a sample. Returns its size in bytes before it is compressed.
    ///
    /// # Errors
    /// The error of the output.
    pub(crate) fn sample(&mut self, time: Time, row: &[f32]) -> io::Result<usize> {
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        for (key, value) in self.keys.iter().zip(row) {
            json.extend_from_slice(key.as_bytes());
            // JSON has no number for a value that is missing.
            if value.is_finite() { write!(json, "{value}")? } else { json.extend_from_slice(b"null") }
        }
        json.push(b'}');
        let done = self.message(ResultTopic::Samples, time, &json);
        let bytes = json.len() + MESSAGE_HEADER;
        self.json = json;
        done.map(|()| bytes)
    }

    /// Writes something that was found out. `offset` is added to its time, in nanoseconds.
    ///
    /// # Errors
    /// The error of the output.
    pub(crate) fn result(&mut self, message: &ResultMessage, offset: i64) -> io::Result<()> {
        match message {
            ResultMessage::Json { topic, time, json } => {
                self.newest = time.offset(offset);
                self.message(*topic, self.newest, json)
            }
            ResultMessage::Log { time, level, name, text } => {
                let time = time.map_or(self.newest, |time| time.offset(offset));
                self.message(ResultTopic::Log, time, &log_entry(time, *level, name, text))
            }
        }
    }

    /// Writes a message in JSON. A time before the clock's zero, which MCAP does not have, counts as zero.
    ///
    /// # Errors
    /// The error of the output.
    fn message(&mut self, topic: ResultTopic, time: Time, json: &[u8]) -> io::Result<()> {
        if !self.topics.contains_key(&topic) {
            let schema = serde_json::to_vec(&topic.schema(&self.channels, &self.labels))?;
            let schema = self.writer.add_schema(topic.schema_name(), "jsonschema", &schema).map_err(to_io)?;
            let id =
                self.writer.add_channel(schema, topic.name(), "json", &BTreeMap::new()).map_err(to_io)?;
            self.topics.insert(topic, (id, 0));
        }
        let Some((id, count)) = self.topics.get_mut(&topic) else { return Ok(()) };
        let time = u64::try_from(time.nanos()).unwrap_or(0);
        let header = MessageHeader { channel_id: *id, sequence: *count, log_time: time, publish_time: time };
        *count = count.wrapping_add(1);
        self.writer.write_to_known_channel(&header, json).map_err(to_io)
    }

    /// Adds a topic of another file, whose messages [`McapFile::copy`] writes. Returns its number.
    ///
    /// # Errors
    /// The error of the output, or that there are too many topics.
    pub(crate) fn add_topic(&mut self, name: &str, form: &TopicForm) -> io::Result<u16> {
        let schema = match form.schema.name.as_str() {
            "" => 0,
            name => self.writer.add_schema(name, &form.schema.encoding, &form.schema.text).map_err(to_io)?,
        };
        self.writer.add_channel(schema, name, &form.encoding, &BTreeMap::new()).map_err(to_io)
    }

    /// Writes a message of another file as it is. Its times are in nanoseconds.
    ///
    /// # Errors
    /// The error of the output.
    pub(crate) fn copy(&mut self, topic: u16, logged: u64, published: u64, bytes: &[u8]) -> io::Result<()> {
        let header =
            MessageHeader { channel_id: topic, sequence: 0, log_time: logged, publish_time: published };
        self.writer.write_to_known_channel(&header, bytes).map_err(to_io)
    }

    /// Ends the current chunk and writes it. What is before can be read whatever happens later.
    ///
    /// # Errors
    /// The error of the output.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.flushes = self.flushes.saturating_add(1);
        self.writer.flush().map_err(to_io)
    }

    /// How often it was flushed. What the file has to remember until its end grows with it.
    pub(crate) fn flushes(&self) -> u32 {
        self.flushes
    }

    /// Writes the end of the file: its index. Returns the output.
    ///
    /// # Errors
    /// The error of the output.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.writer.finish().map_err(to_io)?;
        let mut out = self.abandon();
        out.flush()?;
        Ok(out)
    }

    /// Gives up the file as it is, and returns the output.
    pub(crate) fn abandon(self) -> W {
        self.writer.into_inner().into_inner()
    }
}

fn to_io(error: McapError) -> io::Error {
    match error {
        McapError::Io(error) => error,
        error => io::Error::other(error),
    }
}
