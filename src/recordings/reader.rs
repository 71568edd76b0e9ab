//! Reading one recording, block by block, in bounded memory.

use std::fs::File;
use std::io::Read;

use super::labels::Labels;
use super::layout::{GroupBy, LabelFrom};
use super::{Recording, RecordingError};
use crate::decode::csv::{CsvRows, Header, TextColumn};
use crate::signal::{Channel, Columns, Drops, Samples, Time, TimeUnit};

/// Bytes read at once.
const BLOCK: usize = 64 * 1024;

/// Reads one recording's samples in order.
pub struct RecordingReader<'a> {
    recording: &'a Recording,
    file: File,
    buffer: Vec<u8>,
    rows: CsvRows,
    /// No samples yet, of the recording's sensors.
    empty: Samples,
    drops: Drops,
    /// Samples given so far, which is the time where there is none but a rate.
    given: u64,
    /// The last byte read: a recording that a crash cut off does not end with a line end.
    last: u8,
    ended: bool,
}

impl<'a> RecordingReader<'a> {
    /// Opens a recording for the channels that a model takes, or for all that it has.
    ///
    /// # Errors
    /// [`RecordingError`]: the file cannot be read, or lacks a channel.
    pub fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let path = &recording.path;
        let failed = |why: std::io::Error| RecordingError::Read { path: path.clone(), why: why.to_string() };
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Err(RecordingError::Empty { path: path.clone() });
        }
        let layout = &recording.layout;
        let columns = match wanted {
            // Without a list of its own, a recording holds each channel in a column of its name.
            Some(wanted) if layout.channels.is_empty() => Columns::of(wanted),
            _ => Columns::new(&layout.channels_of(path)?),
        };
        let bad = |why| RecordingError::Channels { path: path.clone(), why };
        let columns = columns.map_err(bad)?;
        let columns = match wanted {
            Some(wanted) => columns.select(wanted, &path.display().to_string()).map_err(bad)?,
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
        let buffer = vec![0; BLOCK];
        Ok(Self {
            recording,
            file,
            buffer,
            rows,
            empty,
            drops: Drops::default(),
            given: 0,
            last: b'\n',
            ended: false,
        })
    }

    /// No samples yet, with the recording's channels and their limits.
    pub fn samples(&self) -> Samples {
        self.empty.clone()
    }

    /// Adds the next samples; says whether there may be more.
    ///
    /// # Errors
    /// [`RecordingError::Read`], or [`RecordingError::Row`] for a row that is not what the header says. A last row that
    /// a crash cut off is left out and counted instead.
    pub fn next_block(&mut self, samples: &mut Samples) -> Result<bool, RecordingError> {
        if self.ended {
            return Ok(false);
        }
        let start = samples.len();
        let path = || self.recording.path.clone();
        let read = self.file.read(&mut self.buffer);
        let read = read.map_err(|why| RecordingError::Read { path: path(), why: why.to_string() })?;
        let mut drops = Drops::default();
        if read == 0 {
            self.ended = true;
            self.rows.finish(samples, &mut drops);
            if self.last != b'\n' && drops.total() > 0 {
                self.drops.merge(&drops.take());
            }
        } else if let Some(bytes) = self.buffer.get(..read) {
            self.rows.feed_until_fault(bytes, samples, &mut drops);
            self.last = bytes.last().copied().unwrap_or(self.last);
        }
        if let Some((_, why)) = drops.first() {
            return Err(RecordingError::Row { path: path(), why: why.into() });
        }
        self.stamp(start, samples)?;
        if self.ended && self.given == 0 {
            return Err(RecordingError::NoSamples { path: path() });
        }
        Ok(!self.ended)
    }

    /// Gives samples without a time their place at the rate.
    fn stamp(&mut self, start: usize, samples: &mut Samples) -> Result<(), RecordingError> {
        let rate = self.recording.layout.time.rate;
        for time in samples.times_mut().iter_mut().skip(start) {
            if *time == Time::ARRIVAL {
                let moment = rate.and_then(|rate| Time::from_seconds(self.given as f64 / rate));
                *time = moment.ok_or_else(|| RecordingError::NoTime {
                    path: self.recording.path.clone(),
                    column: self.recording.layout.time.column().into(),
                })?;
            }
            self.given += 1;
        }
        Ok(())
    }

    /// What was left out of the end of the file, if anything was.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// What the drive was on. A label column is known as far as the recording has been read.
    ///
    /// # Errors
    /// [`RecordingError`] for a sidecar file that cannot be read.
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
                let unit = match recording.layout.time.unit {
                    TimeUnit::None => TimeUnit::S,
                    unit => unit,
                };
                Labels::read_intervals(&recording.path.with_extension("labels.csv"), unit)
            }
        }
    }

    /// What it is split by: recordings of one group never straddle training and validation.
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
