//! The position of a window in the dataset, and the recording it is from.

use crate::signal::Time;

/// The position of a window in the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowIndex {
    /// The index of the window's first step in [`Dataset::steps`](super::dataset::Dataset::steps).
    pub start: usize,
    /// The time of the window's last step, on the recording's clock.
    pub time: Time,
    /// How many steps earlier the window could start without crossing a gap or a change of label; at most
    /// half a hop.
    pub earlier: usize,
    /// How many steps later the window could start without crossing a gap or a change of label; at most half
    /// a hop.
    pub later: usize,
}

/// The name, the group and the session of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingInfo {
    /// The recording's name, as `label/name` if the label comes from the folder.
    pub name: String,
    /// The recording's group. Recordings of one group are all trained on or all held out.
    pub group: String,
    /// The first and the last moment of the recording on the calendar; `None` if they are not known.
    pub span: Option<[Time; 2]>,
    /// The name of the session that the recording is of; `None` if it is not known.
    pub session: Option<String>,
}
