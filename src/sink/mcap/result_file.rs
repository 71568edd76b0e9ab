//! The MCAP file with the results of one recording.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::file::McapFile;
use super::message::ResultMessage;
use super::topic::ResultTopic;
use crate::recordings::Recording;
use crate::recordings::reader::{McapFiles, McapItem, RecordingMetadata};
use crate::signal::Time;

/// The file of one recording.
pub(super) struct ResultFile {
    path: PathBuf,
    file: McapFile<BufWriter<File>>,
    /// What is added to the times of the recording, in nanoseconds.
    offset: i64,
    /// The label of the recording that was written last; `None` if it had none, and at the start.
    label: Option<String>,
}

impl ResultFile {
    /// Creates the file. `labels` are those of the model, and `offset` is added to all times, in nanoseconds.
    ///
    /// # Errors
    /// The error of the file.
    pub(super) fn create(
        path: PathBuf,
        about: &RecordingMetadata,
        labels: &[String],
        offset: i64,
    ) -> io::Result<Self> {
        let out = BufWriter::new(File::create(&path)?);
        let file = McapFile::create(out, about, labels)?;
        Ok(Self { path, file, offset, label: None })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a sample.
    pub(super) fn sample(&mut self, time: Time, row: &[f32]) -> io::Result<()> {
        self.file.sample(time.offset(self.offset), row).map(drop)
    }

    /// Writes something that was found out.
    pub(super) fn result(&mut self, message: &ResultMessage) -> io::Result<()> {
        self.file.result(message, self.offset)
    }

    /// Writes the label of the recording if it is another one than before.
    pub(super) fn label(&mut self, label: Option<String>, time: Time) -> io::Result<()> {
        if self.label == label {
            return Ok(());
        }
        self.label = label;
        self.result(&ResultMessage::label(self.label.as_deref(), time))
    }

    /// Ends the file. Before that, the topics of `copied` are added, apart from those that this program writes.
    ///
    /// # Errors
    /// Why the file cannot be written, or the recording cannot be read.
    pub(super) fn end(self, copied: Option<&Recording>) -> Result<(), String> {
        let Self { path, mut file, .. } = self;
        let failed = |error: io::Error| unwritable(&path, &error);
        if let Some(recording) = copied {
            let mut records = McapFiles::of(recording).map_err(|error| error.to_string())?;
            let (mut topics, mut done) = (HashMap::new(), Ok(()));
            let mut take = |item: McapItem<'_>| done = copy(item, &mut topics, &mut file);
            while records.next(&mut take).map_err(|error| error.to_string())? {}
            done.map_err(failed)?;
        }
        file.finish().map(drop).map_err(failed)
    }
}

/// Adds a topic or message of another file. `topics` has the numbers of the topics here, by those that they have there.
fn copy(
    item: McapItem<'_>,
    topics: &mut HashMap<u16, u16>,
    file: &mut McapFile<BufWriter<File>>,
) -> io::Result<()> {
    match item {
        McapItem::File => topics.clear(),
        McapItem::Topic { id, name, form } if !name.starts_with(ResultTopic::PREFIX) => {
            topics.insert(id, file.add_topic(&name, &form)?);
        }
        McapItem::Message { topic, logged, published, bytes } => {
            if let Some(topic) = topics.get(&topic) {
                file.copy(*topic, logged, published, bytes)?;
            }
        }
        McapItem::Topic { .. } | McapItem::Metadata(_) => {}
    }
    Ok(())
}

/// Why a file or folder cannot be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("\"{}\" cannot be written: {error}; check the folder and the space on the disk", path.display())
}
