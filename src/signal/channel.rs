//! Channels: what is measured, in which unit, and which columns of an input hold it.

use serde::{Deserialize, Serialize};

/// One measured quantity of a stream, with its unit, as a model knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The name in messages and in the model card.
    pub name: String,
    /// The unit of its values, after scaling.
    #[serde(default = "ampere")]
    pub unit: String,
}

impl Channel {
    /// A channel of this name, in amperes.
    pub fn in_ampere(name: &str) -> Self {
        Self { name: name.into(), unit: ampere() }
    }
}

/// The channels' names, as messages list them.
pub fn channel_names(channels: &[Channel]) -> String {
    channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// One channel of an input: where its values stand and how they become its unit (`value * scale + offset`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelInput {
    /// The channel's name; the column's, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The column that holds it; the channel's name, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Columns whose sum it is, in place of one column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sum: Vec<String>,
    /// The unit after scaling; A, where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Factor on the raw value, 1 where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Added after scaling, 0 where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// The lowest value that the sensor can tell, in the channel's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The highest value that the sensor can tell, in the channel's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl ChannelInput {
    /// The input of a channel that stands in a column of its own name.
    pub fn of(channel: &Channel) -> Self {
        Self { name: Some(channel.name.clone()), unit: Some(channel.unit.clone()), ..Self::default() }
    }

    /// The channel that it makes.
    ///
    /// # Errors
    /// [`ChannelError`] for a channel without a name, or with both `column` and `sum`.
    pub fn channel(&self) -> Result<Channel, ChannelError> {
        if self.column.is_some() && !self.sum.is_empty() {
            return Err(ChannelError::ColumnAndSum { name: self.name.clone().unwrap_or_default() });
        }
        let name = self.name.clone().or_else(|| self.column.clone()).ok_or(ChannelError::NoName)?;
        if name.is_empty() {
            return Err(ChannelError::NoName);
        }
        Ok(Channel { name, unit: self.unit.clone().unwrap_or_else(ampere) })
    }

    /// The raw columns that it is made from.
    pub(crate) fn columns(&self) -> Vec<&str> {
        if self.sum.is_empty() {
            vec![self.column.as_deref().or(self.name.as_deref()).unwrap_or_default()]
        } else {
            self.sum.iter().map(String::as_str).collect()
        }
    }
}

/// Why channels cannot be read from an input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChannelError {
    /// No channel at all.
    #[error("there is no channel; add [[channel]] with a name or a column")]
    None,
    /// A channel with neither name nor column.
    #[error("a [[channel]] has neither name nor column; give it one")]
    NoName,
    /// Two channels of one name.
    #[error("channel {name:?} is listed twice; give each channel a name of its own")]
    Twice {
        /// The name.
        name: String,
    },
    /// A channel with both a column and a sum of columns.
    #[error("channel {name:?} has both column and sum; keep the one that holds it")]
    ColumnAndSum {
        /// The name.
        name: String,
    },
    /// A channel that a model takes and an input lacks.
    #[error(
        "channel {name:?} is in the model's card but not in the source {source_name:?}; it has {has}. Add it under \
         [[source.channel]], or [[channel]] in a dataset.toml"
    )]
    Missing {
        /// The channel.
        name: String,
        /// The source or recording.
        source_name: String,
        /// The channels that are there.
        has: String,
    },
    /// A channel in another unit than the model takes.
    #[error(
        "channel {name:?} of the source {source_name:?} is in {unit:?}, the model's card takes {wanted:?}; set unit, and \
         scale and offset to convert"
    )]
    Unit {
        /// The channel.
        name: String,
        /// The source or recording.
        source_name: String,
        /// The input's unit.
        unit: String,
        /// The model's unit.
        wanted: String,
    },
    /// Limits between which there is nothing.
    #[error("channel {name:?} has min {min} and max {max}; they take numbers in its unit, min below max")]
    Limits {
        /// The name.
        name: String,
        /// Its lowest value.
        min: f64,
        /// Its highest value.
        max: f64,
    },
    /// A scale or offset that loses the value.
    #[error(
        "channel {name:?} has scale {scale} and offset {offset}; they take finite numbers, and scale not 0"
    )]
    Scale {
        /// The name.
        name: String,
        /// Its scale.
        scale: f64,
        /// Its offset.
        offset: f64,
    },
}

/// The unit where none is named.
fn ampere() -> String {
    "A".into()
}
