//! Why recordings make no data set.

use crate::model::card::UNKNOWN;
use crate::recordings::RecordingError;

/// Why recordings make no data set. Each names the thing and the mend.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A recording cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Two recordings have other channels.
    #[error(
        "{other} has the channels {theirs} and {first} has {ours}; name those that all recordings have with --channels, \
         or train on one kind"
    )]
    Channels {
        /// The first recording.
        first: String,
        /// Its channels.
        ours: String,
        /// The one that differs.
        other: String,
        /// Its channels.
        theirs: String,
    },
    /// A channel was asked for that a recording lacks.
    #[error("channel {name:?} is not in {recording}, which has {has}; set --channels to some of these")]
    NoChannel {
        /// The channel.
        name: String,
        /// The recording.
        recording: String,
        /// The channels that it has.
        has: String,
    },
    /// A permutation that is not one of the channels.
    #[error("augment.permutations has {order:?} in dataset.toml; each entry names every channel once: {has}")]
    Permutation {
        /// The order.
        order: Vec<String>,
        /// The channels.
        has: String,
    },
    /// No rate can be told.
    #[error("no recording has two samples at different times, so none has a rate; give other recordings")]
    NoRate,
    /// No window at all.
    #[error(
        "no recording is long enough for a window: the longest unbroken stretch is {longest:.1} s and a window of {window} \
         steps at {rate} Hz takes {needed:.1} s; lower --window, or raise --rate"
    )]
    TooShort {
        /// The longest stretch without a gap, in seconds.
        longest: f64,
        /// Steps.
        window: usize,
        /// Hz.
        rate: f64,
        /// A window's length in seconds.
        needed: f64,
    },
    /// Windows, but none with one label throughout.
    #[error(
        "none of the {windows} windows has one label throughout; check [label] in dataset.toml, or lower --window"
    )]
    NoLabels {
        /// How many windows there were.
        windows: usize,
    },
    /// Only one surface.
    #[error(
        "all {windows} windows are labelled {label:?}; a model tells at least two surfaces apart, add recordings of another"
    )]
    OneLabel {
        /// The label.
        label: String,
        /// How many windows there were.
        windows: usize,
    },
    /// A label that stands for no decision.
    #[error(
        "{recording} is labelled {UNKNOWN:?}, which stands for no decision; name its surface, or leave it out"
    )]
    Unknown {
        /// The recording.
        recording: String,
    },
    /// Two labels that are probably one.
    #[error(
        "the labels {one:?} and {other:?} differ in nothing but case or blanks; give both the same name, in the folders or the labels"
    )]
    Alike {
        /// A label.
        one: String,
        /// The other.
        other: String,
    },
    /// A channel that was never measured.
    #[error(
        "channel {name:?} has no value in any recording; mend its column in dataset.toml, or leave it out with --channels"
    )]
    NoValue {
        /// The channel.
        name: String,
    },
    /// A channel that tells nothing.
    #[error(
        "channel {name:?} is {value} in every window, so it tells nothing, as a sensor that is not connected does; mend it, or leave \
         it out with --channels {others}"
    )]
    Constant {
        /// The channel.
        name: String,
        /// Its value.
        value: f32,
        /// The channels that do change.
        others: String,
    },
    /// Labels that a model does not know.
    #[error(
        "the recordings are labelled {labels}, which the model's card lacks; it has {has}. Leave them out, or train on them"
    )]
    NotInCard {
        /// The labels.
        labels: String,
        /// The card's.
        has: String,
    },
    /// More than fits in memory.
    #[error("the steps take {gib:.1} GiB, more than 2; lower --rate, or name fewer recordings")]
    TooMany {
        /// Their size.
        gib: f64,
    },
    /// A card that makes no sense, from options that make none.
    #[error("{0}; set --rate, --window and --hop to numbers in these bounds")]
    Card(#[from] crate::model::card::CardError),
}
