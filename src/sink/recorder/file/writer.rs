//! The forms of recordings that are written.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use super::super::recording_file::RecordingFile;
use crate::csv::RowWriter;
#[cfg(feature = "mcap")]
use crate::recordings::reader::RecordingMetadata;
use crate::signal::{Channel, Time};
#[cfg(feature = "mcap")]
use crate::signal::{StreamId, UNLABELLED};
#[cfg(feature = "mcap")]
use crate::sink::mcap::{McapFile, ResultMessage};

/// The number of flushes after which another MCAP file begins, because the index of one grows with each: an hour.
#[cfg(feature = "mcap")]
const MAX_FLUSHES: u32 = 3600;

/// Writes the samples of a recording.
pub(super) enum RecordingWriter {
    /// A header, then one row for each sample.
    Csv { out: BufWriter<FileWriter>, row: Box<RowWriter> },
    /// What the recording says about itself, then one message for each sample.
    #[cfg(feature = "mcap")]
    Mcap(Box<McapFile<BufWriter<FileWriter>>>),
}

/// Writes to a file that the syncing thread holds, too.
#[derive(Debug)]
pub(super) struct FileWriter(Arc<RecordingFile>);

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for RecordingWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingWriter").finish_non_exhaustive()
    }
}

impl RecordingWriter {
    /// Begins a CSV file of these channels.
    ///
    /// # Errors
    /// The error of the file.
    pub(super) fn csv(file: Arc<RecordingFile>, channels: &[Channel]) -> io::Result<Self> {
        let (mut out, mut row) = (BufWriter::new(FileWriter(file)), Box::<RowWriter>::default());
        row.field("t");
        for channel in channels {
            row.field(&channel.name);
        }
        out.write_all(row.end())?;
        Ok(Self::Csv { out, row })
    }

    /// Begins an MCAP file of these channels of a stream on the surface `label`.
    ///
    /// # Errors
    /// The error of the file.
    #[cfg(feature = "mcap")]
    pub(super) fn mcap(
        file: Arc<RecordingFile>,
        stream: &StreamId,
        label: &str,
        channels: &[Channel],
    ) -> io::Result<Self> {
        let about = RecordingMetadata {
            stream: stream.to_string(),
            channels: channels.to_vec(),
            label: Some(label).filter(|label| *label != UNLABELLED).map(str::to_owned),
        };
        let out = BufWriter::new(FileWriter(file));
        Ok(Self::Mcap(Box::new(McapFile::create(out, &about, &[])?)))
    }

    /// Appends a sample. Returns its size in bytes, before it is compressed if it is.
    ///
    /// # Errors
    /// The error of the file.
    pub(super) fn sample(&mut self, time: Time, values: &[f32]) -> io::Result<usize> {
        match self {
            Self::Csv { out, row } => {
                let nanos = time.nanos();
                let sign = if nanos < 0 { "-" } else { "" };
                let nanos = nanos.unsigned_abs();
                row.field(format_args!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
                for value in values {
                    // An empty field stands for a missing value.
                    let value: &dyn Display = if value.is_finite() { value } else { &"" };
                    row.field(value);
                }
                let row = row.end();
                out.write_all(row)?;
                Ok(row.len())
            }
            #[cfg(feature = "mcap")]
            Self::Mcap(file) => file.sample(time, values),
        }
    }

    /// Writes something that was found out about the stream.
    ///
    /// # Errors
    /// The error of the file.
    #[cfg(feature = "mcap")]
    pub(super) fn result(&mut self, message: &ResultMessage) -> io::Result<()> {
        match self {
            Self::Csv { .. } => Ok(()),
            Self::Mcap(file) => file.result(message, 0),
        }
    }

    /// Gives everything so far to the system.
    ///
    /// # Errors
    /// The error of the file.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv { out, .. } => out.flush(),
            #[cfg(feature = "mcap")]
            Self::Mcap(file) => file.flush(),
        }
    }

    /// Whether a sample may have this time.
    pub(super) fn holds(&self, time: Time) -> bool {
        matches!(self, Self::Csv { .. }) || time.nanos() >= 0
    }

    /// Whether the file has to end.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Csv { .. } => false,
            #[cfg(feature = "mcap")]
            Self::Mcap(file) => file.flushes() >= MAX_FLUSHES,
        }
    }

    /// Writes what comes after the samples.
    ///
    /// # Errors
    /// The error of the file.
    pub(super) fn end(self) -> io::Result<()> {
        match self {
            Self::Csv { mut out, .. } => out.flush(),
            #[cfg(feature = "mcap")]
            Self::Mcap(file) => file.finish().map(drop),
        }
    }

    /// Gives up the file after a fault.
    pub(super) fn abandon(self) {
        let out = match self {
            Self::Csv { out, .. } => out,
            #[cfg(feature = "mcap")]
            Self::Mcap(file) => file.abandon(),
        };
        // Dropping the writer would try again to write its buffer, which the disk has no room for.
        drop(out.into_parts());
    }
}
