//! Channels: what is measured, in which unit, and which columns of an input hold it.

use serde::{Deserialize, Serialize};

use crate::sample::{Samples, Time};

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
}

impl ChannelInput {
    /// The input of a channel that stands in a column of its own name.
    pub fn of(channel: &Channel) -> Self {
        Self { name: Some(channel.name.clone()), unit: Some(channel.unit.clone()), ..Self::default() }
    }

    /// The channel that it makes.
    ///
    /// # Errors
    /// [`BadInput`] for a channel without a name, or with both `column` and `sum`.
    pub fn channel(&self) -> Result<Channel, BadInput> {
        if self.column.is_some() && !self.sum.is_empty() {
            return Err(BadInput::ColumnAndSum { name: self.name.clone().unwrap_or_default() });
        }
        let name = self.name.clone().or_else(|| self.column.clone()).ok_or(BadInput::NoName)?;
        if name.is_empty() {
            return Err(BadInput::NoName);
        }
        Ok(Channel { name, unit: self.unit.clone().unwrap_or_else(ampere) })
    }

    fn columns(&self) -> Vec<&str> {
        if self.sum.is_empty() {
            vec![self.column.as_deref().or(self.name.as_deref()).unwrap_or_default()]
        } else {
            self.sum.iter().map(String::as_str).collect()
        }
    }
}

/// Where the time of a sample stands, and in which unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeInput {
    /// The column or key; `t`, where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The unit of its numbers.
    pub unit: TimeUnit,
    /// Samples a second, for samples that carry no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

impl TimeInput {
    /// The column or key that holds the time.
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or("t")
    }
}

/// The unit of a time column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    #[default]
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
    /// Text such as `2026-01-31T12:00:00.25Z`.
    Rfc3339,
    /// There is no time; samples come at `rate`, or are stamped as they arrive.
    None,
}

impl TimeUnit {
    /// The time that a field's text stands for.
    pub fn parse(self, text: &[u8]) -> Option<Time> {
        match self {
            TimeUnit::Rfc3339 => {
                let moment = humantime::parse_rfc3339_weak(std::str::from_utf8(text).ok()?).ok()?;
                let since = moment.duration_since(std::time::UNIX_EPOCH).ok()?;
                Time::from_nanos(i64::try_from(since.as_nanos()).ok()?)
            }
            _ => self.time(fast_float2::parse(text).ok()?),
        }
    }

    /// The time that a number stands for; `None` if it is not finite, too large, or the unit is a text.
    pub fn time(self, value: f64) -> Option<Time> {
        let nanos = match self {
            TimeUnit::S => 1e9,
            TimeUnit::Ms => 1e6,
            TimeUnit::Us => 1e3,
            TimeUnit::Ns => 1.0,
            TimeUnit::Rfc3339 | TimeUnit::None => return None,
        };
        Time::from_units(value, nanos)
    }
}

/// Channels made from the raw columns of an input, in the order the channels were listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    names: Vec<String>,
    channels: Vec<Channel>,
    recipes: Vec<Recipe>,
    /// Every channel is its own column, unscaled: the usual case, and the fast one.
    plain: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Recipe {
    columns: Vec<usize>,
    scale: f64,
    offset: f64,
}

impl Columns {
    /// Resolves the channels of an input.
    ///
    /// # Errors
    /// [`BadInput`] for no channel at all, or one that is not named, named twice, or not a number away from its column.
    pub fn new(inputs: &[ChannelInput]) -> Result<Self, BadInput> {
        let mut names: Vec<String> = Vec::new();
        let mut channels: Vec<Channel> = Vec::new();
        let mut recipes = Vec::new();
        for input in inputs {
            let channel = input.channel()?;
            if channels.iter().any(|other| other.name == channel.name) {
                return Err(BadInput::Twice { name: channel.name });
            }
            let (scale, offset) = (input.scale.unwrap_or(1.0), input.offset.unwrap_or(0.0));
            if !scale.is_finite() || !offset.is_finite() || scale == 0.0 {
                return Err(BadInput::Scale { name: channel.name, scale, offset });
            }
            let columns = input.columns().into_iter().map(|column| {
                names.iter().position(|name| name == column).unwrap_or_else(|| {
                    names.push(column.to_owned());
                    names.len() - 1
                })
            });
            recipes.push(Recipe { columns: columns.collect(), scale, offset });
            channels.push(channel);
        }
        if channels.is_empty() {
            return Err(BadInput::None);
        }
        let plain = is_plain(&recipes);
        Ok(Self { names, channels, recipes, plain })
    }

    /// Channels that each stand in a column of their own name.
    ///
    /// # Errors
    /// [`BadInput`] for no channel at all, or one named twice.
    pub fn of(channels: &[Channel]) -> Result<Self, BadInput> {
        Self::new(&channels.iter().map(ChannelInput::of).collect::<Vec<_>>())
    }

    /// The same columns, making only the channels that a model takes, in its order.
    ///
    /// # Errors
    /// [`BadInput::Missing`] and [`BadInput::Unit`] name the channel, the source and the mend.
    pub fn select(&self, wanted: &[Channel], source: &str) -> Result<Self, BadInput> {
        let mut selected = Self { channels: wanted.to_vec(), recipes: Vec::new(), ..self.clone() };
        for channel in wanted {
            let Some(index) = self.channels.iter().position(|own| own.name == channel.name) else {
                let has = self.channels.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(BadInput::Missing {
                    name: channel.name.clone(),
                    source_name: source.into(),
                    has,
                });
            };
            let unit = &self.channels[index].unit;
            if *unit != channel.unit {
                return Err(BadInput::Unit {
                    name: channel.name.clone(),
                    source_name: source.into(),
                    unit: unit.clone(),
                    wanted: channel.unit.clone(),
                });
            }
            selected.recipes.push(self.recipes[index].clone());
        }
        selected.plain = is_plain(&selected.recipes) && selected.recipes.len() == self.names.len();
        Ok(selected)
    }

    /// The raw columns, in the order positional formats carry them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The channels that they make.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// No samples yet, with as many channels as these columns make.
    pub fn samples(&self) -> Samples {
        Samples::new(self.channels.len())
    }

    /// Adds the sample that a raw row makes: one value a column, in the order of [`Columns::names`].
    pub fn push(&self, time: Time, raw: &[f64], samples: &mut Samples) {
        if self.plain {
            samples.push(time, raw.iter().map(|&value| value as f32));
        } else {
            let value = |index: &usize| raw.get(*index).copied().unwrap_or(f64::NAN);
            let channel = |recipe: &Recipe| {
                (recipe.columns.iter().map(value).sum::<f64>() * recipe.scale + recipe.offset) as f32
            };
            samples.push(time, self.recipes.iter().map(channel));
        }
    }
}

fn is_plain(recipes: &[Recipe]) -> bool {
    let unscaled = |recipe: &Recipe| recipe.scale == 1.0 && recipe.offset == 0.0;
    recipes.iter().enumerate().all(|(index, recipe)| recipe.columns == [index] && unscaled(recipe))
}

/// Why channels cannot be read from an input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadInput {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn input(toml: &str) -> ChannelInput {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn a_channel_may_be_a_scaled_sum_of_columns() {
        let inputs =
            [input("column = 'm1'\nscale = 2.0\noffset = 1.0"), input("name = 'all'\nsum = ['m1', 'm2']")];
        let columns = Columns::new(&inputs).unwrap();
        assert_eq!(columns.names(), ["m1", "m2"]);
        let mut samples = columns.samples();
        columns.push(Time::from_seconds(0.0).unwrap(), &[1.5, 10.0], &mut samples);
        assert_eq!(samples.values(), [4.0, 11.5]);
    }

    #[test]
    fn a_channel_without_a_name_or_named_twice_is_refused() {
        assert_eq!(Columns::new(&[input("unit = 'A'")]), Err(BadInput::NoName));
        let twice = Columns::new(&[input("name = 'a'"), input("column = 'a'")]).unwrap_err();
        assert!(twice.to_string().starts_with("channel \"a\" is listed twice"));
    }

    #[test]
    fn a_model_picks_its_channels_in_its_own_order() {
        let columns =
            Columns::new(&[input("name = 'm1'"), input("name = 'm2'"), input("name = 'm3'")]).unwrap();
        let picked =
            columns.select(&[Channel::in_ampere("m3"), Channel::in_ampere("m1")], "serial0").unwrap();
        let mut samples = picked.samples();
        picked.push(Time::from_seconds(0.0).unwrap(), &[1.0, 2.0, 3.0], &mut samples);
        assert_eq!(samples.values(), [3.0, 1.0]);
    }

    #[test]
    fn a_channel_that_is_missing_or_in_another_unit_is_named_with_the_mend() {
        let columns = Columns::new(&[input("name = 'm1'"), input("name = 'm3'\nunit = 'mA'")]).unwrap();
        let missing = columns.select(&[Channel::in_ampere("m2")], "serial0").unwrap_err().to_string();
        assert!(missing.starts_with(
            "channel \"m2\" is in the model's card but not in the source \"serial0\"; it has m1, m3. Add it under [[source.channel]]"
        ));
        let unit = columns.select(&[Channel::in_ampere("m3")], "serial0").unwrap_err().to_string();
        assert!(unit.contains("is in \"mA\", the model's card takes \"A\""), "{unit}");
    }

    #[test]
    fn every_unit_gives_the_same_time() {
        let expected = TimeUnit::S.parse(b"1700000000.5").unwrap();
        assert_eq!(TimeUnit::Ms.parse(b"1700000000500"), Some(expected));
        assert_eq!(TimeUnit::Us.parse(b"1700000000500000"), Some(expected));
        assert_eq!(TimeUnit::Rfc3339.parse(b"2023-11-14T22:13:20.5Z"), Some(expected));
        assert_eq!(TimeUnit::S.parse(b"soon"), None);
    }
}
