//! Channels: the measured quantities of a stream with their units, and the columns of an input that hold
//! them.
//!
//! [`Channel`] is what a model and its card know. [`ChannelInput`] is what a configuration or a
//! `dataset.toml` says about a channel: its columns, unit, scale and offset. [`Columns`](super::Columns)
//! turns the second into the first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One measured quantity of a stream with its unit, as it appears in a model card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The name in messages and in the model card.
    pub name: String,
    /// The unit of the values after scaling, such as `A`; amperes if the model card names none.
    #[serde(default = "ampere")]
    pub unit: String,
}

impl Channel {
    /// Creates a channel with this name, in amperes.
    pub fn in_ampere(name: &str) -> Self {
        Self { name: name.into(), unit: ampere() }
    }
}

/// The names of the channels, separated by commas, as messages list them.
pub fn channel_names(channels: &[Channel]) -> String {
    channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// How a channel is read from an input: which columns hold it, and how their numbers are converted to its
/// unit.
///
/// A channel's value is `raw * scale + offset`, where `raw` is the number in `column` or the sum of the
/// numbers in the columns of `sum`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelInput {
    /// The channel's name; `None` means the name of `column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The column that holds the channel; `None` means the column called `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The field of a message that holds the channel in an MCAP file, such as `effort[left_wheel]`; `None` means the one called
    /// like the column. In a CSV file, `column` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The topic of an MCAP file that has the field, if its channels are on several topics; `None` means the one of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The columns whose sum is the channel; if it is not empty, `column` must be `None`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sum: Vec<String>,
    /// The unit after scaling; `None` means A.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The factor by which the raw value is multiplied; `None` means 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// What is added after scaling, in the channel's unit; `None` means 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The lowest value that the sensor can measure, in the channel's unit; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The highest value that the sensor can measure, in the channel's unit; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How long a missing value is replaced by the last one, for a channel that is measured less often than
    /// the others; `None` means never.
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

impl ChannelInput {
    /// Describes a channel that is held, without scaling, by a column with the channel's name.
    pub fn of(channel: &Channel) -> Self {
        Self { name: Some(channel.name.clone()), unit: Some(channel.unit.clone()), ..Self::default() }
    }

    /// The name and unit of the channel that this input is converted to.
    ///
    /// # Errors
    /// [`ChannelError::ColumnAndSum`] if both `column` and `sum` are given; [`ChannelError::NoName`] if
    /// neither `name` nor `column` is; [`ChannelError::ControlCharacter`] if the name cannot be in a line.
    pub fn channel(&self) -> Result<Channel, ChannelError> {
        if self.column.is_some() && !self.sum.is_empty() {
            return Err(ChannelError::ColumnAndSum { name: self.name.clone().unwrap_or_default() });
        }
        let given = [&self.name, &self.column, &self.field].into_iter().flatten().next();
        let name = given.cloned().ok_or(ChannelError::NoName)?;
        if name.is_empty() {
            return Err(ChannelError::NoName);
        }
        // A line of a recording could not hold it.
        if name.contains(char::is_control) {
            return Err(ChannelError::ControlCharacter { name });
        }
        Ok(Channel { name, unit: self.unit.clone().unwrap_or_else(ampere) })
    }

    /// The names of the raw columns that the channel is computed from.
    pub(crate) fn columns(&self) -> Vec<&str> {
        if self.sum.is_empty() {
            vec![self.column.as_deref().or(self.name.as_deref()).unwrap_or_default()]
        } else {
            self.sum.iter().map(String::as_str).collect()
        }
    }
}

/// Why the channels of an input cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChannelError {
    /// The list of channels is empty.
    #[error("there is no channel; add a [[channel]] with a name or a column")]
    None,
    /// A channel has neither a name nor a column.
    #[error("a [[channel]] has neither name nor column; give it one of them")]
    NoName,
    /// The name of a channel has a line end or another control character.
    #[error("channel {name:?} has a control character in its name; remove it")]
    ControlCharacter {
        /// The channel's name.
        name: String,
    },
    /// Two channels have the same name.
    #[error("channel {name:?} is listed twice; give each channel a different name")]
    Twice {
        /// The name that both channels have.
        name: String,
    },
    /// A channel has both a column and a sum of columns.
    #[error("channel {name:?} has both column and sum; remove one of them")]
    ColumnAndSum {
        /// The channel's name; empty if it has none.
        name: String,
    },
    /// The input lacks a channel that the model needs.
    #[error(
        "channel {name:?} is in the model's card but not in the source {source_name:?}; it has {has}. \
         Add it under [[source.channel]], or [[channel]] in a dataset.toml"
    )]
    Missing {
        /// The name of the missing channel.
        name: String,
        /// The name of the source, or the path of the recording.
        source_name: String,
        /// The names of the channels that the input has, separated by commas.
        has: String,
    },
    /// A channel of the input has a different unit from the model's.
    #[error(
        "channel {name:?} of the source {source_name:?} is in {unit:?}, but the model's card has it in \
         {wanted:?}; set the channel's unit to that, and scale and offset to convert its values"
    )]
    Unit {
        /// The channel's name.
        name: String,
        /// The name of the source, or the path of the recording.
        source_name: String,
        /// The unit in the input.
        unit: String,
        /// The unit in the model's card.
        wanted: String,
    },
    /// The sensor limits of a channel are not numbers, or `min` is not below `max`.
    #[error(
        "channel {name:?} has min {min} and max {max}; give numbers in the channel's unit, with min below max"
    )]
    Limits {
        /// The channel's name.
        name: String,
        /// The lower limit; negative infinity if none is given.
        min: f64,
        /// The upper limit; infinity if none is given.
        max: f64,
    },
    /// The time for which a channel is held is 0 or longer than an hour.
    #[error("channel {name:?} has hold \"{hold}\"; give a time above 0 of at most \"1h\"")]
    Hold {
        /// The channel's name.
        name: String,
        /// The time, as text.
        hold: String,
    },
    /// The scale or offset of a channel is not finite, or the scale is 0.
    #[error(
        "channel {name:?} has scale {scale} and offset {offset}; give finite numbers, and a scale other \
         than 0"
    )]
    Scale {
        /// The channel's name.
        name: String,
        /// The scale, 1 if none is given.
        scale: f64,
        /// The offset, 0 if none is given.
        offset: f64,
    },
}

/// The unit of a channel for which none is given.
fn ampere() -> String {
    "A".into()
}
