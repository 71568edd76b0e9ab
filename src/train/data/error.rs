//! Why recordings cannot be used as a dataset.

use crate::model::card::UNKNOWN;
use crate::recordings::RecordingError;

/// Why recordings cannot be used as a dataset. Each message names the cause and the fix.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Two recordings have different channels.
    #[error(
        "{other} has the channels {found} and {first} has {expected}; choose channels that all recordings \
         have with --channels, or train on recordings of one kind"
    )]
    Channels {
        /// The name of the first recording.
        first: String,
        /// The channels of the first recording.
        expected: String,
        /// The name of the recording that differs.
        other: String,
        /// The channels of the recording that differs.
        found: String,
    },
    /// A recording lacks a channel that was asked for.
    #[error("channel {name:?} is not in {recording}, which has {has}; set --channels to some of these")]
    NoChannel {
        /// The name of the missing channel.
        name: String,
        /// The name of the recording.
        recording: String,
        /// The channels of the recording.
        has: String,
    },
    /// An entry of `augment.permutations` is not an order of the channels.
    #[error(
        "augment.permutations in dataset.toml has the entry {order}; each entry must name every channel \
         once: {has}"
    )]
    Permutation {
        /// The channels of the entry.
        order: String,
        /// The channels of the recording.
        has: String,
    },
    /// No recording has a rate.
    #[error(
        "no recording has two samples at different times, so there is no sample rate; give other recordings"
    )]
    NoRate,
    /// No recording is as long as a window.
    #[error(
        "no recording is long enough for a window: the longest stretch without a gap is {longest:.1} s and \
         a window of {window} steps at {rate} Hz takes {needed:.1} s; lower --window, or raise --rate{dropped}"
    )]
    TooShort {
        /// The longest stretch without a gap, in seconds.
        longest: f64,
        /// The steps of a window.
        window: usize,
        /// The rate in Hz.
        rate: f64,
        /// The length of a window in seconds.
        needed: f64,
        /// Which rows were dropped, as another sentence after a semicolon; empty if there are few.
        dropped: String,
    },
    /// Every channel has values, but never in the same row.
    #[error(
        "no row of {file} has a number for every channel: of its {rows} rows, {counts}. Write all channels in \
         one row, set hold for the channels under [[channel]] in dataset.toml, or train on one of them with \
         --channels"
    )]
    NoCompleteRow {
        /// The path of the first recording.
        file: String,
        /// The number of its rows.
        rows: usize,
        /// The number of rows in which each channel has a number.
        counts: String,
    },
    /// The rate of the recordings is not that of a current sensor, so the unit of their times is wrong.
    #[error("{0}")]
    Rate(String),
    /// There are windows, but none that has the same label throughout.
    #[error(
        "none of the {windows} windows has the same label from its first to its last step; check [label] in \
         dataset.toml, or lower --window"
    )]
    NoLabels {
        /// The number of windows without such a label.
        windows: usize,
    },
    /// All windows have the same label.
    #[error(
        "all {windows} windows are labelled {label:?}; a model needs at least two surfaces, so add \
         recordings of another"
    )]
    OneLabel {
        /// The label.
        label: String,
        /// The number of windows.
        windows: usize,
    },
    /// A recording has the label `unknown`, which is reserved for a surface that the daemon has not decided.
    #[error(
        "{recording} is labelled {UNKNOWN:?}, which is reserved for an undecided surface; label it with its \
         surface, or remove the recording"
    )]
    Unknown {
        /// The name of the recording.
        recording: String,
    },
    /// Two labels are probably the same one, written differently.
    #[error(
        "the labels {one:?} and {other:?} differ only in case or spaces; give both the same name, in the \
         folder names or in the label files"
    )]
    Alike {
        /// The first label.
        one: String,
        /// The second label.
        other: String,
    },
    /// A channel has no value in any recording.
    #[error(
        "channel {name:?} has no value in any recording; fix its column in dataset.toml, or name the other \
         channels with --channels"
    )]
    NoValue {
        /// The name of the channel.
        name: String,
    },
    /// A channel has the same value in every window.
    #[error(
        "channel {name:?} is {value} in every window, as if its sensor were not connected; fix the sensor \
         and record again, or {alternative}"
    )]
    Constant {
        /// The name of the channel.
        name: String,
        /// Its value.
        value: f32,
        /// What to do instead of recording again.
        alternative: String,
    },
    /// Recordings have labels that the model does not have.
    #[error(
        "the recordings have the labels {labels}, which the model does not have; its labels are {has}. \
         Evaluate on other recordings, or train a model on these"
    )]
    NotInCard {
        /// The labels that the model does not have.
        labels: String,
        /// The model's labels.
        has: String,
    },
    /// The steps take too much memory.
    #[error(
        "the steps of all recordings take {gib:.1} GiB of memory and at most 2 GiB are allowed; lower \
         --rate, or give fewer recordings"
    )]
    TooMany {
        /// The size of the steps in GiB.
        gib: f64,
    },
    /// The options give a model card with invalid values.
    #[error("{0}; change --rate, --window or --hop if it is a number, and the recordings if it is a name")]
    Card(#[from] crate::model::card::CardError),
}
