//! What to record and where, and what to do when the disk fails.

use std::path::PathBuf;
use std::time::Duration;

use crate::recordings::RecordingFormat;
use crate::signal::Channel;

/// What a recorder does when it cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFault {
    /// Stop with an error. For `underfoot record`, which has nothing else to do.
    End,
    /// Drop samples for a while, then try again. For the daemon, whose predictions continue.
    Pause,
}

/// What becomes of the samples of robots that have no label of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlabelled {
    /// They are recorded.
    Recorded,
    /// They are recorded around stays on surfaces that the model does not know.
    WhileNovel,
    /// They are not recorded.
    NotRecorded,
}

/// What a recorder writes, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderOptions {
    /// The folder of recordings.
    pub folder: PathBuf,
    /// The surface that robots without a label of their own drive on. Their recordings go into the folder with this name below `folder`.
    pub label: String,
    /// What becomes of the samples of robots without a label of their own.
    pub unlabelled: Unlabelled,
    /// The form of the files.
    pub format: RecordingFormat,
    /// The recorded channels, each of which is a column.
    pub channels: Vec<Channel>,
    /// Maximum number of streams recorded at once. Samples of further streams are dropped and counted.
    pub max_streams: usize,
    /// The file of a stream is closed after this time without samples.
    pub idle: Duration,
}
