//! Reads one recording in bounded memory.

use std::fs::File;
use std::io::Read;

use super::error::RecordingError;
use super::labels::Labels;
use super::layout::{GroupBy, LabelFrom};
use super::recording::Recording;
use crate::decode::csv::{CsvRows, Header, TextColumn};
use crate::signal::{Channel, Columns, Drops, Samples, Time, TimeUnit};

/// The number of bytes that are read and decoded at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// Reads the samples of one recording, in the order of its rows.
///
/// A recording is read by the same decoder as live samples, but strictly: a row that cannot be decoded is an
/// error, because something is wrong with the file or its layout. Only an incomplete last row, which a crash
/// during recording leaves, is dropped and counted.
pub struct RecordingReader<'a> {
    recording: &'a Recording,
    file: File,
    buffer: Vec<u8>,
    rows: CsvRows,
    /// Empty samples with the channels and sensor limits of the recording.
    empty: Samples,
    drops: Drops,
    /// The number of samples so far, from which samples without a time get one by the sample rate.
    count: u64,
    /// The last byte that was read. If a crash ended the recording in the middle of a row, it is not a line
    /// end.
    last_byte: u8,
    ended: bool,
}

impl<'a> RecordingReader<'a> {
    /// Opens a recording to read the channels in `wanted`, or all that it has if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if the file cannot be read or is empty, its layout has invalid channels, or it
    /// lacks a wanted channel.
    pub fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let path = &recording.path;
        let failed = RecordingError::reading(path);
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Err(RecordingError::Empty { path: path.clone() });
        }
        let layout = &recording.layout;
        let columns = match wanted {
            // If the layout lists no channels, each wanted channel is in the column with its name.
            Some(wanted) if layout.channels.is_empty() => Columns::of(wanted),
            _ => Columns::new(&layout.channels_of(path)?),
        };
        let invalid = |why| RecordingError::Channels { path: path.clone(), why };
        let columns = columns.map_err(invalid)?;
        let columns = match wanted {
            Some(wanted) => columns.select(wanted, &path.display().to_string()).map_err(invalid)?,
            None => columns,
        };
        let label = Some(&layout.label).filter(|label| label.from == LabelFrom::Column);
        let group = Some(&layout.split).filter(|split| split.group_by == GroupBy::Column);
        let texts = [label.and_then(|l| l.column.as_deref()), group.and_then(|s| s.column.as_deref())];
        let texts = texts.into_iter().flatten().map(TextColumn::new).collect();
        let empty = columns.samples();
        let delimiter = u8::try_from(layout.csv.delimiter).unwrap_or(b',');
        let rows = CsvRows::recorded(
            columns,
            layout.time.clone(),
            delimiter,
            Header::Row(layout.csv.header_row),
            texts,
        );
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Self {
            recording,
            file,
            buffer,
            rows,
            empty,
            drops: Drops::default(),
            count: 0,
            last_byte: b'\n',
            ended: false,
        })
    }

    /// Empty [`Samples`] with the channels and sensor limits of the recording.
    pub fn samples(&self) -> Samples {
        self.empty.clone()
    }

    /// Reads the next bytes and adds their samples. Returns whether more samples may follow.
    ///
    /// # Errors
    /// - [`RecordingError::Read`] if the file cannot be read.
    /// - [`RecordingError::Row`] if a row cannot be decoded, unless it is an incomplete last row.
    /// - [`RecordingError::NoTime`] if a sample has no time and the layout has no sample rate.
    /// - [`RecordingError::NoSamples`] if the recording has ended without a sample.
    pub fn next_batch(&mut self, samples: &mut Samples) -> Result<bool, RecordingError> {
        if self.ended {
            return Ok(false);
        }
        let start = samples.len();
        let path = || self.recording.path.clone();
        let read = self.file.read(&mut self.buffer);
        let read = read.map_err(RecordingError::reading(&self.recording.path))?;
        let mut drops = Drops::default();
        if read == 0 {
            self.ended = true;
            self.rows.finish(samples, &mut drops);
            if self.last_byte != b'\n' && drops.total() > 0 {
                self.drops.merge(&drops.take());
            }
        } else if let Some(bytes) = self.buffer.get(..read) {
            self.rows.feed_until_fault(bytes, samples, &mut drops);
            self.last_byte = bytes.last().copied().unwrap_or(self.last_byte);
        }
        if let Some((_, why)) = drops.first() {
            return Err(RecordingError::Row { path: path(), why: why.into() });
        }
        self.set_missing_times(start, samples)?;
        if self.ended && self.count == 0 {
            return Err(RecordingError::NoSamples { path: path() });
        }
        Ok(!self.ended)
    }

    /// Sets the times of samples that carry none, from index `start` on, by the sample rate.
    fn set_missing_times(&mut self, start: usize, samples: &mut Samples) -> Result<(), RecordingError> {
        let rate = self.recording.layout.time.rate;
        for time in samples.times_mut().iter_mut().skip(start) {
            if *time == Time::ARRIVAL {
                let by_rate = rate.and_then(|rate| Time::from_seconds(self.count as f64 / rate));
                *time = by_rate.ok_or_else(|| RecordingError::NoTime {
                    path: self.recording.path.clone(),
                    column: self.recording.layout.time.column().into(),
                })?;
            }
            self.count += 1;
        }
        Ok(())
    }

    /// What was dropped: at most an incomplete last row.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// The labels of the recording. Those in a column are known only as far as the recording has been read.
    ///
    /// # Errors
    /// [`RecordingError`] if the file with the intervals cannot be read or is not valid.
    pub fn labels(&self) -> Result<Labels, RecordingError> {
        let recording = self.recording;
        match recording.layout.label.from {
            LabelFrom::Folder => {
                Ok(recording.folder().map(|folder| Labels::constant(&folder)).unwrap_or_default())
            }
            LabelFrom::Column => {
                let column = self.rows.texts().first();
                Ok(column.map(|column| Labels::from_changes(column.changes())).unwrap_or_default())
            }
            LabelFrom::Intervals => {
                let unit = match recording.layout.time.unit() {
                    TimeUnit::None => TimeUnit::S,
                    unit => unit,
                };
                Labels::read_intervals(&recording.path.with_extension("labels.csv"), unit)
            }
        }
    }

    /// The name of the recording's group. All recordings of a group go to either training or validation.
    pub fn group(&self) -> String {
        let recording = self.recording;
        match recording.layout.split.group_by {
            GroupBy::File => recording.name.clone(),
            GroupBy::Folder => recording.folder().unwrap_or_default(),
            GroupBy::Column => {
                let first = self.rows.texts().last().and_then(|column| column.changes().first());
                first.map_or_else(|| recording.name.clone(), |(_, text)| text.clone())
            }
        }
    }
}
