//! `dataset.toml`: how to read the recordings of a folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RecordingError;
use crate::signal::{ChannelInput, TimeInput, TimeUnit};

/// The name of the file that says how to read the recordings beside and below it.
pub const FILE_NAME: &str = "dataset.toml";

/// How to read recordings; the default is the form that the recorder writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// How the files are cut into fields.
    pub csv: CsvLayout,
    /// Where the time stands.
    pub time: TimeInput,
    /// The channels; every numeric column where none is listed.
    #[serde(rename = "channel")]
    pub channels: Vec<ChannelInput>,
    /// Where the surface's name comes from.
    pub label: LabelLayout,
    /// Which recordings belong together when data are split.
    pub split: SplitLayout,
    /// What may be done to the data without changing the surface.
    pub augment: AugmentLayout,
}

/// How a file is cut into fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvLayout {
    /// What stands between two fields: one ASCII character.
    pub delimiter: char,
    /// The row with the columns' names, counted from 1; those above it are skipped.
    pub header_row: usize,
}

impl Default for CsvLayout {
    fn default() -> Self {
        Self { delimiter: ',', header_row: 1 }
    }
}

/// Where the surface's name comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelLayout {
    /// The kind of place.
    pub from: LabelFrom,
    /// The column, for [`LabelFrom::Column`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// Kinds of places where the surface's name comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelFrom {
    /// The folder that the recording is in.
    #[default]
    Folder,
    /// A column of the recording.
    Column,
    /// A file `NAME.labels.csv` of `start,end,label` beside `NAME.csv`, in the recording's time.
    Intervals,
}

/// Which recordings belong together when data are split into training and validation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitLayout {
    /// What windows that belong together have in common.
    pub group_by: GroupBy,
    /// The column, for [`GroupBy::Column`]: the text in a recording's first row names its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// What windows that belong together have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// The file.
    #[default]
    File,
    /// The folder.
    Folder,
    /// The text in a column.
    Column,
}

/// What may be done to the data without changing the surface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentLayout {
    /// Orders of the channels under which the surface stays what it is.
    pub permutations: Vec<Vec<String>>,
}

impl Layout {
    /// Reads a `dataset.toml`.
    ///
    /// # Errors
    /// [`RecordingError::Read`] and [`RecordingError::Layout`], with the file and what is wrong.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| RecordingError::Read { path: path.into(), why: why.to_string() })?;
        let bad = |why: String| RecordingError::Layout { path: path.into(), why };
        let layout: Layout = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            bad(format!("line {line}: {}", error.message()))
        })?;
        if !layout.csv.delimiter.is_ascii() {
            return Err(bad(format!(
                "csv.delimiter is {:?}; it takes one ASCII character",
                layout.csv.delimiter
            )));
        }
        if layout.csv.header_row == 0 {
            return Err(bad("csv.header_row is 0; rows are counted from 1".into()));
        }
        if layout.label.from == LabelFrom::Column && layout.label.column.is_none() {
            return Err(bad("label.from is \"column\" without label.column; name the column".into()));
        }
        if layout.split.group_by == GroupBy::Column && layout.split.column.is_none() {
            return Err(bad("split.group_by is \"column\" without split.column; name the column".into()));
        }
        if layout.time.unit == TimeUnit::None && layout.time.rate.is_none() {
            return Err(bad("time.unit is \"none\" without time.rate; give the samples a second".into()));
        }
        if layout.time.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(bad("time.rate takes a number of samples a second above 0".into()));
        }
        Ok(layout)
    }

    /// Looks for a `dataset.toml` in a folder and in those above it.
    pub fn find(folder: &Path) -> Option<PathBuf> {
        folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file())
    }

    /// The channels to read: those listed or, where none is, every column of `recording` whose first value is a number
    /// and that is not the time, a label or a group.
    ///
    /// # Errors
    /// [`RecordingError::Read`], or [`RecordingError::NoChannels`] where no column is numeric.
    pub fn channels_of(&self, recording: &Path) -> Result<Vec<ChannelInput>, RecordingError> {
        if !self.channels.is_empty() {
            return Ok(self.channels.clone());
        }
        let failed =
            |why: std::io::Error| RecordingError::Read { path: recording.into(), why: why.to_string() };
        let file = std::fs::File::open(recording).map_err(failed)?;
        let mut lines = BufReader::new(file).lines().skip(self.csv.header_row - 1);
        let mut next = || lines.next().transpose().map_err(failed).map(Option::unwrap_or_default);
        let (header, first) = (next()?, next()?);
        let fields = |line: &str| {
            line.split(self.csv.delimiter).map(|f| f.trim().trim_matches('"').to_owned()).collect::<Vec<_>>()
        };
        let (names, values) = (fields(&header), fields(&first));
        let other = [Some(self.time.column()), self.label.column.as_deref(), self.split.column.as_deref()];
        let numeric = names.iter().zip(&values).filter(|(name, value)| {
            !name.is_empty() && !other.contains(&Some(name.as_str())) && value.parse::<f64>().is_ok()
        });
        let channels: Vec<_> = numeric
            .map(|(name, _)| ChannelInput { column: Some(name.clone()), ..ChannelInput::default() })
            .collect();
        if channels.is_empty() {
            let has = names.join(", ");
            return Err(RecordingError::NoChannels { path: recording.into(), row: self.csv.header_row, has });
        }
        Ok(channels)
    }
}
