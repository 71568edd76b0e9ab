//! The layout of recordings: what a `dataset.toml` says about those in its folder and the folders below.
//!
//! Each struct here is a table of the file. Without a file, the defaults apply, which fit what `underfoot record` writes.

mod label;
mod split;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::label::{LabelFolder, LabelFrom, LabelLayout};
pub use self::split::{GroupBy, SessionBy, SplitLayout};
use super::error::RecordingError;
use super::first_lines;
use crate::decode::csv::{ColumnKind, CsvFormat, CsvFormatError, Header, Preview};
use crate::signal::{ChannelInput, TimeInput, TimeUnit};

/// The name of the file that describes the recordings in its folder and the folders below.
pub const FILE_NAME: &str = "dataset.toml";

/// How to read recordings. The default is the format that the recorder writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// How the files are split into rows and fields.
    pub csv: CsvLayout,
    /// Which topic of an MCAP file has the samples.
    pub mcap: McapLayout,
    /// Which column holds the time.
    pub time: TimeInput,
    /// The channels; if none is listed, every numeric column is a channel. See [`Layout::channels_of`].
    #[serde(rename = "channel")]
    pub channels: Vec<ChannelInput>,
    /// Where the labels come from.
    pub label: LabelLayout,
    /// Which recordings stay together when the data are split into training and validation.
    pub split: SplitLayout,
    /// Which changes to the data do not change the surface.
    pub augment: AugmentLayout,
}

/// How a file is split into rows and fields. What is `None` is worked out from the first rows of each file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvLayout {
    /// The character between two fields, which must be ASCII; a space for any number of blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// The decimal separator, a point or a comma; if `None`, it may also be a comma where the comma does not
    /// separate fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The number of the line with the names of the columns, counted from 1; the lines above it are skipped.
    /// With 0 there is no such line, and the names of the columns are their numbers, from `1`. If `None`, it
    /// is the first line that is not empty, unless that consists of numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u64>,
}

impl CsvLayout {
    /// What is known about the rows.
    ///
    /// # Errors
    /// [`CsvFormatError`]: a character cannot be used.
    pub fn format(&self) -> Result<CsvFormat, CsvFormatError> {
        CsvFormat::new(self.delimiter, self.decimal)
    }
}

/// Which topic of an MCAP file has the samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McapLayout {
    /// The name of the topic; if it is `None`, the file must have only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// Which changes to the data do not change the surface, so that training may use them for augmentation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentLayout {
    /// Orders of all channels, by name, in which the channels may be read without changing the surface.
    pub permutations: Vec<Vec<String>>,
}

impl Layout {
    /// Reads a `dataset.toml`.
    ///
    /// # Errors
    /// [`RecordingError::Read`] if the file cannot be read, or [`RecordingError::Layout`] if it is not valid.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let text = std::fs::read_to_string(path).map_err(RecordingError::reading(path))?;
        let bad = |why: String| RecordingError::Layout { path: path.into(), why };
        let line_of = |error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            bad(format!("line {line}: {}", error.message()))
        };
        let mut unknown = None;
        let document = toml::Deserializer::parse(&text).map_err(line_of)?;
        let layout: Layout = serde_ignored::deserialize(document, |path| {
            unknown.get_or_insert_with(|| path.to_string());
        })
        .map_err(line_of)?;
        if let Some(key) = unknown {
            return Err(bad(format!("unknown key `{key}`; check its spelling against the documentation")));
        }
        layout.csv.format().map_err(|error| bad(format!("csv.{error}")))?;
        layout.time.validate().map_err(|error| bad(format!("time.{error}")))?;
        layout.label.validate().map_err(bad)?;
        if layout.split.group_by == GroupBy::Column && layout.split.column.is_none() {
            return Err(bad(
                "split.group_by is \"column\", but split.column is not set; name the column".into()
            ));
        }
        if layout.time.unit() == TimeUnit::None && layout.time.rate.is_none() {
            return Err(bad(
                "time.unit is \"none\", but time.rate is not set; give the sample rate in Hz".into()
            ));
        }
        Ok(layout)
    }

    /// Finds the `dataset.toml` that applies to a folder: in the folder itself, or in the nearest folder
    /// above it.
    ///
    /// `None` if there is none.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file())
    }

    /// The channels of a recording.
    ///
    /// These are the channels that the layout lists. If it lists none, they are the columns of the recording
    /// whose first values are numbers, apart from those with the time, the label, the group, and the number of
    /// the row.
    ///
    /// # Errors
    /// [`RecordingError`] if the recording cannot be read, it has no header where the layout says, or no channel is listed and
    /// no column is numeric.
    pub fn channels_of(&self, recording: &Path) -> Result<Vec<ChannelInput>, RecordingError> {
        if !self.channels.is_empty() {
            return Ok(self.channels.clone());
        }
        let preview = self.preview(recording)?;
        self.channels_in(&preview, recording)
    }

    /// The columns of the labels and of the group, if they are in columns.
    pub(super) fn text_columns(&self) -> [Option<&str>; 2] {
        let label = self.label.column.as_deref().filter(|_| self.label.from == LabelFrom::Column);
        let group = self.split.column.as_deref().filter(|_| self.split.group_by == GroupBy::Column);
        [label, group]
    }

    /// The end of a conclusion: the columns that are not channels because of what they hold. Empty if there
    /// are none, or the layout lists the channels.
    pub(super) fn describe_unused(&self, preview: &Preview, channels: &[String]) -> String {
        if !self.channels.is_empty() {
            return String::new();
        }
        let reason = |(name, kind): (&String, ColumnKind)| {
            let why = match kind {
                ColumnKind::RowNumber => "counts the rows",
                ColumnKind::OtherTime => "is another time",
                ColumnKind::Text => "is not of numbers",
                ColumnKind::Empty if !name.is_empty() => "is empty",
                ColumnKind::Empty | ColumnKind::Time | ColumnKind::Numbers => return None,
            };
            let is_used = channels.contains(name) || self.text_columns().contains(&Some(name.as_str()));
            (!is_used).then(|| format!("{name:?} {why}"))
        };
        let unused: Vec<_> = preview.names.iter().zip(preview.kinds(&self.time)).filter_map(reason).collect();
        if unused.is_empty() { String::new() } else { format!("; not channels: {}", unused.join(", ")) }
    }

    /// The first lines of a recording.
    ///
    /// # Errors
    /// [`RecordingError::Read`] or [`RecordingError::Form`] if they cannot be read.
    pub(super) fn preview(&self, recording: &Path) -> Result<Preview, RecordingError> {
        // The characters were checked when the layout was read.
        first_lines::read(recording, self.csv.format().unwrap_or_default(), self.csv.header_row)
    }

    /// The channels of a recording that begins so.
    pub(super) fn channels_in(
        &self,
        preview: &Preview,
        recording: &Path,
    ) -> Result<Vec<ChannelInput>, RecordingError> {
        if !self.channels.is_empty() {
            return Ok(self.channels.clone());
        }
        let used = [self.label.column.as_deref(), self.split.column.as_deref()];
        let kinds = preview.kinds(&self.time);
        let numeric = preview.names.iter().zip(kinds).filter(|(name, kind)| {
            *kind == ColumnKind::Numbers && !name.is_empty() && !used.contains(&Some(name.as_str()))
        });
        let channels: Vec<_> = numeric
            .map(|(name, _)| ChannelInput { column: Some(name.clone()), ..ChannelInput::default() })
            .collect();
        if channels.is_empty() {
            let has = preview.names.join(", ");
            let row = match preview.header {
                Header::Line(line) => line as usize,
                Header::Missing => 0,
            };
            return Err(RecordingError::NoChannels { path: recording.into(), row, has });
        }
        Ok(channels)
    }
}
