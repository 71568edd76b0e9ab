//! One recording that is being written.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::csv::RowWriter;
use crate::signal::{Channel, StreamId, Time};
use crate::stream::{TimeUnwrapper, Timestamper};

/// The gap limit of the time unwrapper, in nanoseconds. A gap does not end the recording.
const MAX_GAP: i64 = 1_000_000_000;

/// A recording that is open for writing: a header, then one row for each sample.
#[derive(Debug)]
pub(super) struct OpenRecording {
    pub(super) out: BufWriter<File>,
    row: RowWriter,
    pub(super) path: PathBuf,
    pub(super) unwrapper: TimeUnwrapper,
    pub(super) timestamper: Timestamper,
    /// Number of samples written.
    pub(super) samples: u64,
    /// Number of samples that are known to be on the disk.
    pub(super) kept: u64,
    /// Whether anything was written since the last sync.
    dirty: bool,
    /// When a batch of this stream last arrived.
    pub(super) used: Instant,
}

impl OpenRecording {
    /// Creates a file named after the stream and the current time, and writes the header.
    ///
    /// # Errors
    /// An error that names the file, or the folder if every candidate name is taken.
    pub(super) fn create(
        folder: &Path,
        stream: &StreamId,
        channels: &[Channel],
        timestamper: Timestamper,
    ) -> io::Result<Self> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let names = (1u32..10_000).map(|number| match number {
            1 => format!("{stream}-{now}.csv"),
            _ => format!("{stream}-{now}-{number}.csv"),
        });
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for path in names.map(|name| folder.join(name)) {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut out = BufWriter::new(file);
                    let mut row = RowWriter::default();
                    row.field("t");
                    for channel in channels {
                        row.field(&channel.name);
                    }
                    out.write_all(row.end()).map_err(|error| named(&path, &error))?;
                    let unwrapper = TimeUnwrapper::new(MAX_GAP);
                    return Ok(Self {
                        out,
                        row,
                        path,
                        unwrapper,
                        timestamper,
                        samples: 0,
                        kept: 0,
                        dirty: true,
                        used: Instant::now(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Err(named(folder, &last))
    }

    /// Appends a row: the time in seconds, then the value of each channel.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn write(&mut self, time: Time, row: &[f32]) -> io::Result<()> {
        let nanos = time.nanos();
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        self.row.field(format_args!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
        for value in row {
            // An empty field stands for a missing value.
            let value: &dyn Display = if value.is_finite() { value } else { &"" };
            self.row.field(value);
        }
        self.samples += 1;
        self.dirty = true;
        self.out.write_all(self.row.end()).map_err(|error| named(&self.path, &error))
    }

    /// Writes everything so far through to the disk.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        let done = self.out.flush().and_then(|()| self.out.get_ref().sync_data());
        done.map_err(|error| named(&self.path, &error))?;
        if self.kept == 0 && self.samples > 0 {
            tracing::info!(recording = %self.path.display(), "recording");
        }
        self.kept = self.samples;
        Ok(())
    }
}

/// Adds the file's name to an error.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the recording \"{}\" cannot be written: {error}", path.display()))
}
