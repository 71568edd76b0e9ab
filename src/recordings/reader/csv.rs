//! CSV recordings.

use std::io::Read;

use crate::decode::csv::{CsvRows, Preview, TextColumn};
use crate::recordings::bytes::RecordingBytes;
use crate::recordings::error::RecordingError;
use crate::recordings::labels::Labels;
use crate::recordings::layout::LabelFrom;
use crate::recordings::recording::Recording;
use crate::recordings::row_counts::RowCounts;
use crate::recordings::unit::assumed_unit;
use crate::signal::{Channel, Columns, Drops, Hold, Samples, Time, TimeInput, TimeUnit};

/// The number of bytes that are read and decoded at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The share of rows that may be damaged: one of this number.
const DAMAGED: u64 = 100;

/// With more damaged rows than this, reading ends as soon as they are too many.
const MANY_DAMAGED: u64 = 10;

/// Reads the samples of one CSV recording, in the order of its rows.
///
/// A recording is read by the same decoder as live samples. Up to one row in a hundred may be damaged, as by
/// a crash in the middle of writing; such rows are dropped and counted. More of them are an error, because
/// then something is wrong with the file or its layout. A last line without a line end is always dropped if
/// the other lines have one.
pub(super) struct CsvRecording<'a> {
    recording: &'a Recording,
    file: RecordingBytes,
    buffer: Vec<u8>,
    rows: CsvRows,
    preview: Preview,
    /// Empty samples with the channels and sensor limits of the recording.
    empty: Samples,
    channels: Vec<Channel>,
    hold: Option<Hold>,
    drops: Drops,
    counts: RowCounts,
    /// The end of the conclusion: which columns are not used, although no channels are listed.
    unused: String,
    /// The unit of the times unless the layout or the name of their column says one.
    assumed: TimeUnit,
    ended: bool,
}

impl<'a> CsvRecording<'a> {
    /// Opens a recording to read the channels in `wanted`, or all that it has if that is `None`.
    ///
    /// # Errors
    /// [`RecordingError`] if the file cannot be read or is empty, its layout has invalid channels, or it
    /// lacks a wanted channel.
    pub(super) fn open(recording: &'a Recording, wanted: Option<&[Channel]>) -> Result<Self, RecordingError> {
        let path = &recording.path;
        let failed = RecordingError::reading(path);
        let file = RecordingBytes::open(path).map_err(failed)?;
        if std::fs::metadata(path).map_err(failed)?.len() == 0 {
            return Err(RecordingError::Empty { path: path.clone() });
        }
        let layout = &recording.layout;
        let preview = layout.preview(path)?;
        let columns = match wanted {
            // If the layout lists no channels, each wanted channel is in the column with its name.
            Some(wanted) if layout.channels.is_empty() => Columns::of(wanted),
            _ => Columns::new(&layout.channels_in(&preview, path)?),
        };
        let invalid = |why| RecordingError::Channels { path: path.clone(), why };
        let columns = columns.map_err(invalid)?;
        let columns = match wanted {
            Some(wanted) => columns.select(wanted, &path.display().to_string()).map_err(invalid)?,
            None => columns,
        };
        let time = preview.time_input(&layout.time);
        let assumed = assumed_unit(path, &time, &preview, &columns)?;
        let time = TimeInput { assumed, ..time };
        let texts = layout.text_columns();
        let texts = texts.into_iter().flatten().map(TextColumn::new).collect();
        Ok(Self {
            recording,
            file,
            buffer: vec![0; BUFFER_BYTES],
            empty: columns.samples(),
            channels: columns.channels().to_vec(),
            hold: Hold::new(&columns, None),
            counts: RowCounts::new(columns.channels().len()),
            unused: layout.describe_unused(&preview, columns.names()),
            rows: CsvRows::recorded(columns, time, preview.format, preview.header, texts),
            preview,
            assumed,
            drops: Drops::default(),
            ended: false,
        })
    }

    /// Empty [`Samples`] with the channels and sensor limits of the recording.
    pub(super) fn samples(&self) -> Samples {
        self.empty.clone()
    }

    /// Reads the next bytes and adds their samples. Returns whether more samples may follow.
    ///
    /// # Errors
    /// - [`RecordingError::Read`] if the file cannot be read, [`RecordingError::Gzip`] if its gzip data are damaged.
    /// - [`RecordingError::Row`] if the header lacks a column, or too many rows are damaged.
    /// - [`RecordingError::NoTime`] if a sample has no time and the layout has no sample rate.
    /// - [`RecordingError::NoSamples`] if the recording has ended without a sample.
    /// - [`RecordingError::NeverTogether`] if it has ended without a row that has every channel.
    /// - [`RecordingError::Form`] if rows of `1,21` can only be numbers with a decimal comma.
    pub(super) fn next_batch(&mut self, samples: &mut Samples) -> Result<bool, RecordingError> {
        if self.ended {
            return Ok(false);
        }
        let start = samples.len();
        let read = self.file.read(&mut self.buffer);
        let read = read.map_err(RecordingError::reading(&self.recording.path))?;
        let mut last = Drops::default();
        match self.buffer.get(..read).filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => self.rows.feed(bytes, samples, &mut self.drops),
            None => {
                self.ended = true;
                self.rows.finish(samples, &mut last);
            }
        }
        self.set_missing_times(start, samples)?;
        if let Some(hold) = &mut self.hold {
            hold.fill(samples, start);
        }
        self.counts.add(samples, start);
        self.check_drops(&last)?;
        self.drops.merge(&last);
        if self.ended {
            self.check_end()?;
        }
        Ok(!self.ended)
    }

    /// Sets the times of samples that carry none, from index `start` on, by the sample rate.
    fn set_missing_times(&mut self, start: usize, samples: &mut Samples) -> Result<(), RecordingError> {
        let rate = self.recording.layout.time.rate;
        for (count, time) in (self.counts.rows()..).zip(samples.times_mut().iter_mut().skip(start)) {
            if *time == Time::ARRIVAL {
                let by_rate = rate.and_then(|rate| Time::from_seconds(count as f64 / rate));
                *time = by_rate.ok_or_else(|| RecordingError::NoTime {
                    path: self.recording.path.clone(),
                    column: self.recording.layout.time.column().into(),
                })?;
            }
        }
        Ok(())
    }

    /// Checks that not too many rows were dropped. `last` is what was dropped at the end of the file.
    fn check_drops(&self, last: &Drops) -> Result<(), RecordingError> {
        let row = |why: &str| Err(RecordingError::Row { path: self.recording.path.clone(), why: why.into() });
        if let Some(why) = self.rows.header_error() {
            return row(why);
        }
        let (damaged, rows) = (self.drops.total(), self.counts.rows());
        let is_time = self.ended || damaged > MANY_DAMAGED;
        let why = self.drops.first().map(|(_, why)| why).unwrap_or_default();
        match damaged {
            0 if self.ended && rows == 0 => last.first().map_or(Ok(()), |(_, why)| row(why)),
            1 if is_time && DAMAGED > rows => row(why),
            2.. if is_time && damaged * DAMAGED > rows => {
                row(&format!("{why} ({damaged} of {} rows cannot be read)", damaged + rows))
            }
            _ => Ok(()),
        }
    }

    /// Checks the rows of the whole recording.
    fn check_end(&self) -> Result<(), RecordingError> {
        let path = || self.recording.path.clone();
        if self.counts.rows() == 0 {
            return Err(RecordingError::NoSamples { path: path() });
        }
        if self.counts.times_do_not_advance()
            && let Some(why) = self.preview.decimal_comma_problem()
        {
            return Err(RecordingError::Form {
                path: path(),
                why: format!("{why}, under [csv] in a dataset.toml"),
            });
        }
        match self.counts.never_together(&self.channels) {
            Some(why) => Err(RecordingError::NeverTogether { path: path(), why }),
            None => Ok(()),
        }
    }

    /// What was dropped: damaged rows, and an incomplete last row.
    pub(super) fn drops(&self) -> &Drops {
        &self.drops
    }

    /// What was concluded about the form of the recording where its layout says nothing, in one sentence: once
    /// as soon as it is known, and again when it changes.
    pub(super) fn take_conclusion(&mut self) -> Option<String> {
        Some(self.rows.take_conclusion()? + &self.unused)
    }

    /// That the times are not in seconds, if that was worked out because nothing says their unit.
    pub(super) fn unit_conclusion(&self) -> Option<String> {
        self.assumed.conclusion().filter(|_| !self.rows.unit_is_known())
    }

    /// Whether the layout or the recording itself says the unit of the times.
    pub(super) fn unit_is_known(&self) -> bool {
        self.rows.unit_is_known()
    }

    /// What seems to be wrong with the recording although its rows can be read, with the fix; known when it
    /// has been read to its end.
    pub(super) fn warning(&self) -> Option<String> {
        if !self.ended {
            return None;
        }
        if self.file.is_cut() {
            return Some("the file ends in the middle of its gzip data; what is before that was read".into());
        }
        // Rows that repeat a time are counted as duplicates by whoever uses them.
        let parts = self.preview.split_time().filter(|_| self.recording.layout.time.sum.is_empty());
        if let (Some(repeated), Some([(whole, unit), (part, part_unit)])) =
            (self.counts.mostly_repeated_times(), parts)
        {
            let rows = self.counts.rows();
            return Some(format!(
                "{repeated} of {rows} rows repeat the time of the row before; its columns {whole:?} and {part:?} \
                 look like one time: set [time] sum = [{{column = {whole:?}, unit = \"{}\"}}, {{column = \
                 {part:?}, unit = \"{}\"}}] in a dataset.toml",
                unit.name(),
                part_unit.name()
            ));
        }
        self.counts.rarely_together(&self.channels)
    }

    /// The labels of the recording. Those in a column are known only as far as the recording has been read,
    /// and so is the unit of those in intervals if the name of the time column says it.
    ///
    /// # Errors
    /// [`RecordingError`] if the file with the intervals cannot be read or is not valid.
    pub(super) fn labels(&self) -> Result<Labels, RecordingError> {
        let recording = self.recording;
        match recording.layout.label.from {
            LabelFrom::Folder => Ok(recording.folder_labels()),
            LabelFrom::Topic | LabelFrom::Metadata => Err(RecordingError::form(
                &recording.path,
                "its label is looked for in an MCAP file, and this is none; set [label] from = \"folder\", \"column\" or \
                 \"intervals\" in a dataset.toml",
            )),
            LabelFrom::Column => {
                let column = self.rows.texts().first();
                Ok(column.map(|column| Labels::from_changes(column.changes())).unwrap_or_default())
            }
            LabelFrom::Intervals => {
                let unit = match self.rows.unit() {
                    TimeUnit::None => TimeUnit::S,
                    unit => unit,
                };
                Labels::read_intervals(&recording.labels_path(), unit)
            }
        }
    }

    /// The text in the column of the group, in the first row; `None` if there is none.
    pub(super) fn group_text(&self) -> Option<String> {
        self.rows.texts().last().and_then(|column| column.changes().first()).map(|(_, text)| text.clone())
    }
}
