//! The layout of recordings: what a `dataset.toml` says about the recordings in its folder and the folders
//! below.
//!
//! Each struct here is a table of the file. Without a file, the defaults apply, which fit the files that
//! `underfoot record` writes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RecordingError;
use crate::signal::{ChannelInput, TimeInput, TimeUnit};

/// The name of the file that describes the recordings in its folder and the folders below.
pub const FILE_NAME: &str = "dataset.toml";

/// How to read recordings. The default is the format that the recorder writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// How the files are split into rows and fields.
    pub csv: CsvLayout,
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

/// How a file is split into rows and fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvLayout {
    /// The character between two fields, which must be ASCII.
    pub delimiter: char,
    /// The number of the row with the names of the columns, counted from 1. The rows above it are skipped.
    pub header_row: usize,
}

impl Default for CsvLayout {
    fn default() -> Self {
        Self { delimiter: ',', header_row: 1 }
    }
}

/// Where the labels come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelLayout {
    /// The kind of label.
    pub from: LabelFrom,
    /// The name of the column for [`LabelFrom::Column`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// The kinds of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelFrom {
    /// The label is the name of the folder that contains the recording.
    #[default]
    Folder,
    /// The label is the text in a column of the recording.
    Column,
    /// The labels are in a file `NAME.labels.csv` in the folder of `NAME.csv`: rows of `start,end,label`,
    /// with times on the recording's clock.
    Intervals,
}

/// Which recordings stay together when the data are split into training and validation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitLayout {
    /// What the recordings of a group have in common.
    pub group_by: GroupBy,
    /// The name of the column for [`GroupBy::Column`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// What the recordings of a group have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Each recording is a group by itself.
    #[default]
    File,
    /// The recordings in a folder are a group.
    Folder,
    /// The recordings with the same text in a column are a group. The text of a recording is that in its
    /// first row.
    Column,
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
        let layout: Layout = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            bad(format!("line {line}: {}", error.message()))
        })?;
        if !layout.csv.delimiter.is_ascii() {
            return Err(bad(format!(
                "csv.delimiter is \"{}\"; it must be one ASCII character",
                layout.csv.delimiter
            )));
        }
        if layout.csv.header_row == 0 {
            return Err(bad("csv.header_row is 0, but rows are counted from 1; the first row is 1".into()));
        }
        if layout.label.from == LabelFrom::Column && layout.label.column.is_none() {
            return Err(bad("label.from is \"column\", but label.column is not set; name the column".into()));
        }
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
        if let Some(rate) = layout.time.rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return Err(bad(format!("time.rate is {rate}; it must be a sample rate in Hz, more than 0")));
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
    /// whose first value is a number, apart from those with the time, the label and the group.
    ///
    /// # Errors
    /// [`RecordingError::Read`] if the recording cannot be read, or [`RecordingError::NoChannels`] if no
    /// channel is listed and no column is numeric.
    pub fn channels_of(&self, recording: &Path) -> Result<Vec<ChannelInput>, RecordingError> {
        if !self.channels.is_empty() {
            return Ok(self.channels.clone());
        }
        let failed = RecordingError::reading(recording);
        let file = std::fs::File::open(recording).map_err(failed)?;
        let mut lines = BufReader::new(file).lines().skip(self.csv.header_row - 1);
        let mut next = || lines.next().transpose().map_err(failed).map(Option::unwrap_or_default);
        let (header, first) = (next()?, next()?);
        let delimiter = u8::try_from(self.csv.delimiter).unwrap_or(b',');
        let (names, values) = (fields(header, delimiter), fields(first, delimiter));
        let used = [Some(self.time.column()), self.label.column.as_deref(), self.split.column.as_deref()];
        let numeric = names.iter().zip(&values).filter(|(name, value)| {
            !name.is_empty() && !used.contains(&Some(name.as_str())) && value.parse::<f64>().is_ok()
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

/// The fields of one line of CSV, without the spaces and quotes around them. A quoted field may contain the
/// delimiter.
fn fields(mut line: String, delimiter: u8) -> Vec<String> {
    line.push('\n');
    let (mut text, mut ends) = (vec![0; line.len()], vec![0; line.len()]);
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
    let (_, _, _, count) = reader.read_record(line.as_bytes(), &mut text, &mut ends);
    let mut start = 0;
    let field = |end: &usize| {
        let field = text.get(start..*end).unwrap_or_default();
        start = *end;
        String::from_utf8_lossy(field).trim().trim_matches('"').to_owned()
    };
    ends.iter().take(count).map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_field_of_the_header_may_contain_the_delimiter() {
        let line = "t, \"left, front\",\"left, front\",'x'".to_owned();
        assert_eq!(fields(line, b','), ["t", "left", "front", "left, front", "'x'"]);
        assert_eq!(fields("a;\"b\"\"c\";".to_owned(), b';'), ["a", "b\"c", ""]);
        assert_eq!(fields(String::new(), b','), Vec::<String>::new());
    }
}
