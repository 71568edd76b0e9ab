//! Why recordings cannot be read.

use std::path::{Path, PathBuf};

use super::bytes::DamagedGzip;
use crate::signal::ChannelError;

/// Why recordings cannot be read. Each message names the file and the fix.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system cannot read a file or folder.
    #[error("\"{path}\" cannot be read: {why}; check the path and its permissions", path = path.display())]
    Read {
        /// The path of the file or folder.
        path: PathBuf,
        /// The message of the system.
        why: String,
    },
    /// The gzip data of a file are damaged.
    #[error(
        "the gzip data of \"{path}\" are damaged ({why}); copy the file again, or read what `zcat` can still unpack of it",
        path = path.display()
    )]
    Gzip {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A folder contains no recording.
    #[error(
        "there is no .csv or .mcap recording in \"{path}\" or its subfolders; record some with `underfoot record`, or \
         give a different folder",
        path = path.display()
    )]
    NoRecordings {
        /// The path of the folder.
        path: PathBuf,
    },
    /// There are more recordings than one command reads.
    #[error(
        "there are more than {limit} recordings in \"{path}\" and the paths before it; give fewer folders",
        path = path.display()
    )]
    TooMany {
        /// The path at which the limit was exceeded.
        path: PathBuf,
        /// The maximum number of recordings.
        limit: usize,
    },
    /// A `dataset.toml` is not valid.
    #[error("\"{path}\", {why}", path = path.display())]
    Layout {
        /// The path of the `dataset.toml`.
        path: PathBuf,
        /// What is wrong, and in which line or key.
        why: String,
    },
    /// A recording has no bytes.
    #[error("the recording \"{path}\" is empty; delete it", path = path.display())]
    Empty {
        /// The path of the recording.
        path: PathBuf,
    },
    /// A recording has a header and nothing else.
    #[error("the recording \"{path}\" has a header and no samples; delete it", path = path.display())]
    NoSamples {
        /// The path of the recording.
        path: PathBuf,
    },
    /// No channels are listed, and no column of the recording is numeric.
    #[error(
        "\"{path}\" has no column of numbers besides the time; the columns in row {row} are {has}. Describe \
         its columns in a dataset.toml in the same folder",
        path = path.display()
    )]
    NoChannels {
        /// The path of the recording.
        path: PathBuf,
        /// The number of the header's line, counted from 1; 0 if there is none.
        row: usize,
        /// The names of the columns in the header, separated by commas.
        has: String,
    },
    /// The channels of a recording do not fit together, or lack one that the model needs.
    #[error("\"{path}\": {why}", path = path.display())]
    Channels {
        /// The path of the recording.
        path: PathBuf,
        /// What is wrong with the channels.
        why: ChannelError,
    },
    /// A row of a recording or of its labels cannot be decoded.
    #[error(
        "\"{path}\", {why}. Fix or remove the row, or describe the format of the file in a dataset.toml; \
         leave the field of a missing value empty",
        path = path.display()
    )]
    Row {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong, and in which line.
        why: String,
    },
    /// A file is not text of the form that its layout says.
    #[error("\"{path}\": {why}", path = path.display())]
    Form {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong, and the fix.
        why: String,
    },
    /// No row of a recording has a value of every channel.
    #[error(
        "\"{path}\": {why}; set hold of the slower channel under its [[channel]] in a dataset.toml, such as \
         hold = \"500ms\", or record the channels together",
        path = path.display()
    )]
    NeverTogether {
        /// The path of the recording.
        path: PathBuf,
        /// How many rows have which channel.
        why: String,
    },
    /// A recording has no time column, and its layout gives no sample rate.
    #[error(
        "\"{path}\" has no time column {column:?}; name it under [time] column in a dataset.toml, or give \
         [time] unit = \"none\" and rate",
        path = path.display()
    )]
    NoTime {
        /// The path of the recording.
        path: PathBuf,
        /// The name of the column that was looked for.
        column: String,
    },
}

impl RecordingError {
    /// That a file does not have the form that its layout says.
    pub(super) fn form(path: &Path, why: &str) -> Self {
        Self::Form { path: path.to_owned(), why: why.to_owned() }
    }

    /// That a topic of a file does not.
    #[cfg(feature = "mcap")]
    pub(super) fn topic(path: &Path, topic: &str, why: &str) -> Self {
        Self::Form { path: path.to_owned(), why: format!("topic {topic:?}: {why}") }
    }

    /// A function that converts an error in reading `path` to [`RecordingError::Read`] or [`RecordingError::Gzip`].
    pub(super) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Self + Copy {
        move |error| {
            let (path, why) = (path.to_owned(), error.to_string());
            if error.get_ref().is_some_and(|inner| inner.is::<DamagedGzip>()) {
                RecordingError::Gzip { path, why }
            } else {
                RecordingError::Read { path, why }
            }
        }
    }
}
