//! The records of one or more MCAP files, one after the other.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use mcap::McapError;
use mcap::records::{Record, op};
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};

use super::form::{TopicForm, TopicSchema};
use super::metadata::RecordingMetadata;
use crate::recordings::error::RecordingError;
use crate::recordings::recording::Recording;

/// The largest record that is read, and the largest part of a compressed chunk that is held, in bytes.
const MAX_RECORD: usize = 256 << 20;
/// The most bytes that are read at a time, so that no more memory is taken than a file has bytes, whatever it says.
const AT_ONCE: usize = 256 << 10;

/// The records that matter of MCAP files, in the order in which they were written.
pub(crate) struct McapFiles {
    paths: Vec<PathBuf>,
    /// The index of the file that is read, and how far it is.
    index: usize,
    open: Option<(File, LinearReader)>,
    /// The definitions of messages in the file that is read, and its topics so far, by their numbers.
    schemas: HashMap<u16, TopicSchema>,
    topics: HashSet<u16>,
    /// Whether the end of the file that is read has come.
    is_complete: bool,
    /// The path of a file that ends before its end has come.
    cut: Option<PathBuf>,
}

/// A record of an MCAP file.
pub(crate) enum McapItem<'a> {
    /// Another file begins: the numbers of topics are its own.
    File,
    /// A topic with one form of messages. Each is passed once, although a file repeats it in its index.
    Topic { id: u16, name: String, form: TopicForm },
    /// What the file says about itself, if this program wrote it.
    Metadata(RecordingMetadata),
    /// A message of a topic. Its times are in nanoseconds.
    Message { topic: u16, logged: u64, published: u64, bytes: &'a [u8] },
}

impl McapFiles {
    /// The records of a recording.
    ///
    /// # Errors
    /// [`RecordingError`] if its folder cannot be read, or has no MCAP file.
    pub(crate) fn of(recording: &Recording) -> Result<Self, RecordingError> {
        recording.files().map(Self::new)
    }

    /// The records of these files.
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        let (schemas, topics) = (HashMap::new(), HashSet::new());
        Self { paths, index: 0, open: None, schemas, topics, is_complete: false, cut: None }
    }

    /// The file that ends before its index, as after a crash; what is there has been read.
    pub(super) fn cut(&self) -> Option<&Path> {
        self.cut.as_deref()
    }

    /// Passes the next record to `take`. Returns false at the end of the last file.
    ///
    /// # Errors
    /// [`RecordingError`] if a file cannot be read, is no MCAP file, or is damaged.
    pub(crate) fn next(&mut self, mut take: impl FnMut(McapItem<'_>)) -> Result<bool, RecordingError> {
        loop {
            let Some(path) = self.paths.get(self.index) else { return Ok(false) };
            let failed = RecordingError::reading(path);
            let Some((file, reader)) = &mut self.open else {
                let options = LinearReaderOptions::default()
                    .with_validate_chunk_crcs(true)
                    .with_record_length_limit(MAX_RECORD);
                let file = File::open(path).map_err(failed)?;
                self.open = Some((file, LinearReader::new_with_options(options)));
                self.schemas.clear();
                self.topics.clear();
                self.is_complete = false;
                take(McapItem::File);
                return Ok(true);
            };
            match reader.next_event() {
                Some(Ok(LinearReadEvent::ReadRequest(wanted))) => {
                    let read = file.read(reader.insert(wanted.clamp(1, AT_ONCE))).map_err(failed)?;
                    reader.notify_read(read);
                }
                Some(Ok(LinearReadEvent::Record { opcode, data })) => {
                    self.is_complete |= opcode == op::FOOTER;
                    match record(opcode, data).map_err(|why| damaged(path, &why))? {
                        Some(Record::Schema { header, data }) => {
                            let (name, encoding, text) = (header.name, header.encoding, data.into_owned());
                            self.schemas.insert(header.id, TopicSchema { name, encoding, text });
                        }
                        Some(Record::Channel(channel)) if self.topics.insert(channel.id) => {
                            let schema = self.schemas.get(&channel.schema_id).cloned().unwrap_or_default();
                            let form = TopicForm { encoding: channel.message_encoding, schema };
                            take(McapItem::Topic { id: channel.id, name: channel.topic, form });
                            return Ok(true);
                        }
                        Some(Record::Message { header, data }) => {
                            let (logged, published) = (header.log_time, header.publish_time);
                            take(McapItem::Message {
                                topic: header.channel_id,
                                logged,
                                published,
                                bytes: &data,
                            });
                            return Ok(true);
                        }
                        Some(Record::Metadata(metadata)) if metadata.name == RecordingMetadata::NAME => {
                            if let Some(metadata) = RecordingMetadata::read(metadata.metadata) {
                                take(McapItem::Metadata(metadata));
                                return Ok(true);
                            }
                        }
                        _ => {}
                    }
                }
                end @ (None | Some(Err(McapError::UnexpectedEof))) => {
                    if end.is_some() || !self.is_complete {
                        self.cut.get_or_insert_with(|| path.clone());
                    }
                    (self.open, self.index) = (None, self.index + 1);
                }
                Some(Err(why)) => return Err(damaged(path, &why)),
            }
        }
    }
}

/// The record with this opcode; `None` if it does not matter.
fn record(opcode: u8, data: &[u8]) -> Result<Option<Record<'_>>, McapError> {
    let matters = matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE | op::METADATA);
    matters.then(|| mcap::parse_record(opcode, data)).transpose()
}

/// What is wrong with a file that cannot be read to its end.
fn damaged(path: &Path, why: &McapError) -> RecordingError {
    let why = match why {
        McapError::BadMagic => "it is no MCAP file; give one, or a recording as CSV".into(),
        McapError::UnsupportedCompression(name) => format!(
            "its chunks are compressed or encrypted with {name:?}, which cannot be read; `mcap compress` writes them with zstd"
        ),
        McapError::RecordTooLarge { len, .. } | McapError::ChunkTooLarge(len) => format!(
            "it has a record of {len} bytes, and at most {MAX_RECORD} are read; `mcap filter` copies only the topics that matter"
        ),
        other => {
            format!("it is damaged ({other}); copy it again, or read what `mcap recover` can save of it")
        }
    };
    RecordingError::form(path, &why)
}
