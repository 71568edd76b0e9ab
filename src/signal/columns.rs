//! Channels from the raw columns of an input.

use std::sync::Arc;

use super::channel::{Channel, ChannelError, ChannelInput, channel_names};
use super::samples::{Samples, SensorLimits};
use super::time::Time;

/// Channels made from the raw columns of an input, in the order the channels were listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    names: Vec<String>,
    channels: Vec<Channel>,
    recipes: Vec<Recipe>,
    /// Every channel is its own column, unscaled: the usual case, and the fast one.
    plain: bool,
    /// The sensors' limits, where any is known.
    limits: Option<Arc<[SensorLimits]>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Recipe {
    columns: Vec<usize>,
    scale: f64,
    offset: f64,
    limits: SensorLimits,
}

impl Columns {
    /// Resolves the channels of an input.
    ///
    /// # Errors
    /// [`ChannelError`] for no channel at all, or one that is not named, named twice, or not a number away from its column.
    pub fn new(inputs: &[ChannelInput]) -> Result<Self, ChannelError> {
        let mut names: Vec<String> = Vec::new();
        let mut channels: Vec<Channel> = Vec::new();
        let mut recipes = Vec::new();
        for input in inputs {
            let channel = input.channel()?;
            if channels.iter().any(|other| other.name == channel.name) {
                return Err(ChannelError::Twice { name: channel.name });
            }
            let (scale, offset) = (input.scale.unwrap_or(1.0), input.offset.unwrap_or(0.0));
            if !scale.is_finite() || !offset.is_finite() || scale == 0.0 {
                return Err(ChannelError::Scale { name: channel.name, scale, offset });
            }
            let (min, max) = (input.min.unwrap_or(f64::NEG_INFINITY), input.max.unwrap_or(f64::INFINITY));
            let given = |limit: Option<f64>| limit.is_none_or(f64::is_finite);
            if !(min < max && given(input.min) && given(input.max)) {
                return Err(ChannelError::Limits { name: channel.name, min, max });
            }
            let limits = SensorLimits { min: min as f32, max: max as f32 };
            let columns = input.columns().into_iter().map(|column| {
                names.iter().position(|name| name == column).unwrap_or_else(|| {
                    names.push(column.to_owned());
                    names.len() - 1
                })
            });
            recipes.push(Recipe { columns: columns.collect(), scale, offset, limits });
            channels.push(channel);
        }
        if channels.is_empty() {
            return Err(ChannelError::None);
        }
        let plain = is_plain(&recipes);
        let limits = limits(&recipes);
        Ok(Self { names, channels, recipes, plain, limits })
    }

    /// Channels that each stand in a column of their own name.
    ///
    /// # Errors
    /// [`ChannelError`] for no channel at all, or one named twice.
    pub fn of(channels: &[Channel]) -> Result<Self, ChannelError> {
        Self::new(&channels.iter().map(ChannelInput::of).collect::<Vec<_>>())
    }

    /// The same columns, making only the channels that a model takes, in its order.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] and [`ChannelError::Unit`] name the channel, the source and the mend.
    pub fn select(&self, wanted: &[Channel], source: &str) -> Result<Self, ChannelError> {
        let mut selected = Self { channels: wanted.to_vec(), recipes: Vec::new(), ..self.clone() };
        for channel in wanted {
            let Some(index) = self.channels.iter().position(|own| own.name == channel.name) else {
                let has = channel_names(&self.channels);
                return Err(ChannelError::Missing {
                    name: channel.name.clone(),
                    source_name: source.into(),
                    has,
                });
            };
            let unit = &self.channels[index].unit;
            if *unit != channel.unit {
                return Err(ChannelError::Unit {
                    name: channel.name.clone(),
                    source_name: source.into(),
                    unit: unit.clone(),
                    wanted: channel.unit.clone(),
                });
            }
            selected.recipes.push(self.recipes[index].clone());
        }
        selected.limits = limits(&selected.recipes);
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
        Samples::new(self.channels.len()).within(self.limits.clone())
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

fn limits(recipes: &[Recipe]) -> Option<Arc<[SensorLimits]>> {
    let known = recipes.iter().any(|recipe| recipe.limits.are_known());
    known.then(|| recipes.iter().map(|recipe| recipe.limits).collect())
}

fn is_plain(recipes: &[Recipe]) -> bool {
    let unscaled = |recipe: &Recipe| recipe.scale == 1.0 && recipe.offset == 0.0;
    recipes.iter().enumerate().all(|(index, recipe)| recipe.columns == [index] && unscaled(recipe))
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
    fn samples_carry_the_limits_of_their_sensors() {
        let inputs = [input("name = 'm1'"), input("name = 'm2'\nmin = -5\nmax = 5.5")];
        let columns = Columns::new(&inputs).unwrap();
        let limits = columns.samples().limits().unwrap().to_vec();
        assert_eq!(limits, [SensorLimits::default(), SensorLimits { min: -5.0, max: 5.5 }]);
        let first = columns.select(&[Channel::in_ampere("m1")], "x").unwrap();
        assert_eq!(first.samples().limits(), None);
        let bad = Columns::new(&[input("name = 'm1'\nmin = 2\nmax = 1")]).unwrap_err().to_string();
        assert!(bad.starts_with("channel \"m1\" has min 2 and max 1; they take"), "{bad}");
    }

    #[test]
    fn a_channel_without_a_name_or_named_twice_is_refused() {
        assert_eq!(Columns::new(&[input("unit = 'A'")]), Err(ChannelError::NoName));
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
}
