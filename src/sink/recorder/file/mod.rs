//! One recording that is being written.

mod writer;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use self::writer::RecordingWriter;
use super::budget::Budget;
use super::finished::FinishedRecording;
use super::folder;
use super::options::RecorderOptions;
use super::recording_file::{RecordingFile, named};
use crate::recordings::RecordingFormat;
use crate::signal::{DropReason, Drops, Label, StreamId, Time};
#[cfg(feature = "mcap")]
use crate::sink::mcap::ResultMessage;
use crate::stream::{LeapFilter, TimeUnwrapper, Timestamper};

/// The gap limit of the time unwrapper, in nanoseconds. A gap does not end the recording.
pub(super) const MAX_GAP: i64 = 1_000_000_000;

/// How many recordings of a stream may begin because its clock started again, before there is a minute between
/// two.
const RESTARTS: u32 = 5;
/// The time after which one more recording may begin.
const RESTART_INTERVAL: Duration = Duration::from_secs(60);

/// A recording that is open for writing.
#[derive(Debug)]
pub(super) struct OpenRecording {
    file: Arc<RecordingFile>,
    out: RecordingWriter,
    pub(super) unwrapper: TimeUnwrapper,
    pub(super) timestamper: Timestamper,
    pub(super) leaps: LeapFilter,
    /// How often the clock may still start again in this recording or its successors.
    pub(super) restarts: Budget,
    /// The label that the stream has over MQTT; `None` if it has none.
    pub(super) label: Option<Label>,
    /// Number of samples written.
    pub(super) samples: u64,
    /// The times of the first and the last of them; `None` before the first.
    times: Option<(Time, Time)>,
    /// Whether anything was written since the last flush.
    dirty: bool,
    /// When a batch of this stream last arrived.
    pub(super) used: Instant,
}

impl OpenRecording {
    /// Creates a file for a stream, in the folder of its label over MQTT or else in `folder`.
    ///
    /// # Errors
    /// An error that names the file or the folder.
    pub(super) fn labelled(
        options: &RecorderOptions,
        folder: &Path,
        stream: &StreamId,
        label: Option<&Label>,
    ) -> io::Result<Self> {
        let folder = label.map_or_else(|| folder.to_owned(), |label| options.folder.join(label.as_str()));
        // Whoever labels recordings may rename the folder that they are in.
        folder::create(&folder)?;
        Self::create(&folder, stream, label, options)
    }

    /// Creates a file named after the stream and the current time, and writes what comes before the samples.
    ///
    /// # Errors
    /// An error that names the file, or the folder if every candidate name is taken.
    fn create(
        folder: &Path,
        stream: &StreamId,
        label: Option<&Label>,
        options: &RecorderOptions,
    ) -> io::Result<Self> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        // A file whose name begins with a dot is hidden, and nobody would find the recording.
        let hidden = if stream.as_str().starts_with('.') { "_" } else { "" };
        let extension = options.format.extension();
        let names = (1u32..10_000).map(|number| match number {
            1 => format!("{hidden}{stream}-{now}.{extension}"),
            _ => format!("{hidden}{stream}-{now}-{number}.{extension}"),
        });
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for path in names.map(|name| folder.join(name)) {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let file = Arc::new(RecordingFile::new(file, path));
                    let out = match options.format {
                        RecordingFormat::Csv => RecordingWriter::csv(file.clone(), &options.channels),
                        #[cfg(feature = "mcap")]
                        RecordingFormat::Mcap => {
                            let label = label.map_or(options.label.as_str(), Label::as_str);
                            RecordingWriter::mcap(file.clone(), stream, label, &options.channels)
                        }
                    };
                    let out = out.map_err(|error| named(&file.path, &error))?;
                    let now = Instant::now();
                    return Ok(Self {
                        file,
                        out,
                        unwrapper: TimeUnwrapper::new(MAX_GAP),
                        timestamper: Timestamper::default(),
                        leaps: LeapFilter::default(),
                        restarts: Budget::new(RESTARTS, RESTART_INTERVAL, now),
                        label: label.cloned(),
                        samples: 0,
                        times: None,
                        dirty: true,
                        used: now,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Err(named(folder, &last))
    }

    /// Appends a sample. Returns its size in bytes, before it is compressed if it is. A sample whose time the form of the file
    /// cannot hold is dropped and counted.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn write(&mut self, time: Time, row: &[f32], drops: &mut Drops) -> io::Result<usize> {
        if !self.out.holds(time) {
            drops.add(DropReason::NotRecorded, || {
                format!(
                    "the time {} s is before the zero of its clock, and an MCAP file has no such times",
                    time.seconds()
                )
            });
            return Ok(0);
        }
        self.samples += 1;
        self.times = Some((self.times.map_or(time, |(first, _)| first), time));
        self.dirty = true;
        self.out.sample(time, row).map_err(|error| named(&self.file.path, &error))
    }

    /// Writes something that was found out about the stream, if the form of the file has such messages.
    ///
    /// # Errors
    /// An error that names the file.
    #[cfg(feature = "mcap")]
    pub(super) fn result(&mut self, message: &ResultMessage) -> io::Result<()> {
        self.dirty = true;
        self.out.result(message).map_err(|error| named(&self.file.path, &error))
    }

    /// Gives everything so far to the system, where the end of this process cannot lose it.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) {
            self.out.flush().map_err(|error| named(&self.file.path, &error))?;
            self.file.flushed.store(self.samples, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Ends the recording, and gives all of it to the system.
    ///
    /// # Errors
    /// An error that names the file.
    pub(super) fn end(mut self) -> io::Result<(Arc<RecordingFile>, FinishedRecording)> {
        self.flush()?;
        let finished = self.finished();
        self.out.end().map_err(|error| named(&self.file.path, &error))?;
        Ok((self.file, finished))
    }

    /// Whether it has to end because what it has to remember until its end has reached the limit.
    pub(super) fn is_full(&self) -> bool {
        self.out.is_full()
    }

    /// What the recording has, if it is closed now.
    pub(super) fn finished(&self) -> FinishedRecording {
        let nanos = self.times.map_or(0, |(first, last)| last.since(first));
        let span = Duration::from_nanos(u64::try_from(nanos).unwrap_or_default());
        FinishedRecording { path: self.file.path.clone(), samples: self.samples, span }
    }

    /// The file.
    pub(super) fn file(&self) -> &Arc<RecordingFile> {
        &self.file
    }

    /// Gives up the recording after a fault, and returns its file.
    pub(super) fn abandon(self) -> Arc<RecordingFile> {
        self.out.abandon();
        self.file
    }
}
