//! Computes the channels of a sample from the raw columns of an input.

use std::sync::Arc;
use std::time::Duration;

use super::channel::{Channel, ChannelError, ChannelInput, channel_names};
use super::samples::{Samples, SensorLimits};
use super::time::Time;

/// The longest time for which a missing value may be replaced.
const MAX_HOLD: Duration = Duration::from_secs(3600);

/// The raw columns that a decoder reads from an input, and how each channel is computed from them.
///
/// A decoder looks up [`Columns::names`] in its input and passes the numbers of one row to [`Columns::push`],
/// which adds a sample with one value for each of [`Columns::channels`]. A column that several channels use
/// is read once.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    names: Vec<String>,
    channels: Vec<Channel>,
    /// One for each channel, in the order of `channels`.
    formulas: Vec<ChannelFormula>,
    /// Whether channel i is column i without scaling. This is the usual case and has a fast path.
    is_plain: bool,
    /// One for each channel; `None` if no limit of any channel is known.
    limits: Option<Arc<[SensorLimits]>>,
}

/// How one channel is computed: the sum of `columns` (indices into [`Columns::names`]) times `scale` plus
/// `offset`.
#[derive(Clone, Debug, PartialEq)]
struct ChannelFormula {
    columns: Vec<usize>,
    scale: f64,
    offset: f64,
    limits: SensorLimits,
    /// How long a missing value is replaced by the last one, in nanoseconds; 0 means never.
    hold: i64,
}

impl Columns {
    /// Collects the raw columns of all channels of an input, in the order in which the channels list them.
    ///
    /// # Errors
    /// [`ChannelError`] if there is no channel, a channel has no name or the name of another one, or its
    /// scale, offset or limits cannot be used.
    pub fn new(inputs: &[ChannelInput]) -> Result<Self, ChannelError> {
        let mut names: Vec<String> = Vec::new();
        let mut channels: Vec<Channel> = Vec::new();
        let mut formulas = Vec::new();
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
            let is_valid = |limit: Option<f64>| limit.is_none_or(f64::is_finite);
            if !(min < max && is_valid(input.min) && is_valid(input.max)) {
                return Err(ChannelError::Limits { name: channel.name, min, max });
            }
            let limits = SensorLimits { min: min as f32, max: max as f32 };
            let hold = match input.hold {
                Some(hold) if hold.is_zero() || hold > MAX_HOLD => {
                    let hold = humantime::format_duration(hold).to_string();
                    return Err(ChannelError::Hold { name: channel.name, hold });
                }
                hold => hold.map_or(0, |hold| hold.as_nanos() as i64),
            };
            let columns = input.columns().into_iter().map(|column| {
                names.iter().position(|name| name == column).unwrap_or_else(|| {
                    names.push(column.to_owned());
                    names.len() - 1
                })
            });
            formulas.push(ChannelFormula { columns: columns.collect(), scale, offset, limits, hold });
            channels.push(channel);
        }
        if channels.is_empty() {
            return Err(ChannelError::None);
        }
        let is_plain = are_plain(&formulas);
        let limits = limits(&formulas);
        Ok(Self { names, channels, formulas, is_plain, limits })
    }

    /// Channels that are each held, without scaling, by a column with the channel's name.
    ///
    /// # Errors
    /// [`ChannelError`] if there is no channel, or two have the same name or none.
    pub fn of(channels: &[Channel]) -> Result<Self, ChannelError> {
        Self::new(&channels.iter().map(ChannelInput::of).collect::<Vec<_>>())
    }

    /// The same raw columns, from which only the channels that a model needs are computed, in the model's
    /// order.
    ///
    /// `source` is the name of the source in error messages.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if a channel is not there; [`ChannelError::Unit`] if it has a different
    /// unit.
    pub fn select(&self, wanted: &[Channel], source: &str) -> Result<Self, ChannelError> {
        let mut selected = Self { channels: wanted.to_vec(), formulas: Vec::new(), ..self.clone() };
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
            selected.formulas.push(self.formulas[index].clone());
        }
        selected.limits = limits(&selected.formulas);
        selected.is_plain = are_plain(&selected.formulas) && selected.formulas.len() == self.names.len();
        Ok(selected)
    }

    /// The names of the raw columns, in the order of the values in formats without a header.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The channels of a sample, in order.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The unit of the numbers in a raw column, by its index in [`Columns::names`]: that of the channel which
    /// is this column without scaling.
    ///
    /// `None` if there is no such channel, so that the unit of the column is not known.
    pub(crate) fn raw_unit(&self, column: usize) -> Option<&str> {
        let is_column = |formula: &ChannelFormula| {
            formula.columns == [column] && formula.scale == 1.0 && formula.offset == 0.0
        };
        let index = self.formulas.iter().position(is_column)?;
        self.channels.get(index).map(|channel| channel.unit.as_str())
    }

    /// How long a missing value of each channel is replaced by the last one, in nanoseconds; 0 means never.
    pub(crate) fn holds(&self) -> impl Iterator<Item = i64> {
        self.formulas.iter().map(|formula| formula.hold)
    }

    /// Empty [`Samples`] with these channels and their sensor limits.
    pub fn samples(&self) -> Samples {
        Samples::new(self.channels.len()).with_limits(self.limits.clone())
    }

    /// Computes the channels from one row of raw values, and adds them to `samples`.
    ///
    /// `raw` has one value for each of [`Columns::names`], in that order.
    pub fn push(&self, time: Time, raw: &[f64], samples: &mut Samples) {
        if self.is_plain {
            samples.push(time, raw.iter().map(|&value| value as f32));
        } else {
            let value = |index: &usize| raw.get(*index).copied().unwrap_or(f64::NAN);
            let channel = |formula: &ChannelFormula| {
                (formula.columns.iter().map(value).sum::<f64>() * formula.scale + formula.offset) as f32
            };
            samples.push(time, self.formulas.iter().map(channel));
        }
    }
}

/// The sensor limits of all channels; `None` if none is known.
fn limits(formulas: &[ChannelFormula]) -> Option<Arc<[SensorLimits]>> {
    let known = formulas.iter().any(|formula| formula.limits.are_known());
    known.then(|| formulas.iter().map(|formula| formula.limits).collect())
}

/// Whether each channel is the column of the same index without scaling.
fn are_plain(formulas: &[ChannelFormula]) -> bool {
    let is_unscaled = |formula: &ChannelFormula| formula.scale == 1.0 && formula.offset == 0.0;
    formulas.iter().enumerate().all(|(index, formula)| formula.columns == [index] && is_unscaled(formula))
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
        assert!(bad.starts_with("channel \"m1\" has min 2 and max 1; give numbers"), "{bad}");
    }

    #[test]
    fn channels_without_a_name_or_with_the_same_name_are_errors() {
        assert_eq!(Columns::new(&[input("unit = 'A'")]), Err(ChannelError::NoName));
        let torn = Columns::new(&[input("name = \"a\\nb\"")]).unwrap_err().to_string();
        assert_eq!(torn, "channel \"a\\nb\" has a control character in its name; remove it");
        let twice = Columns::new(&[input("name = 'a'"), input("column = 'a'")]).unwrap_err();
        assert!(twice.to_string().starts_with("channel \"a\" is listed twice"));
    }

    #[test]
    fn a_model_selects_its_channels_in_its_own_order() {
        let columns =
            Columns::new(&[input("name = 'm1'"), input("name = 'm2'"), input("name = 'm3'")]).unwrap();
        let selected =
            columns.select(&[Channel::in_ampere("m3"), Channel::in_ampere("m1")], "serial0").unwrap();
        let mut samples = selected.samples();
        selected.push(Time::from_seconds(0.0).unwrap(), &[1.0, 2.0, 3.0], &mut samples);
        assert_eq!(samples.values(), [3.0, 1.0]);
    }

    #[test]
    fn the_error_for_a_missing_channel_or_a_wrong_unit_names_the_channel_and_the_fix() {
        let columns = Columns::new(&[input("name = 'm1'"), input("name = 'm3'\nunit = 'mA'")]).unwrap();
        let missing = columns.select(&[Channel::in_ampere("m2")], "serial0").unwrap_err().to_string();
        assert!(missing.starts_with(
            "channel \"m2\" is in the model's card but not in the source \"serial0\"; it has m1, m3. \
             Add it under [[source.channel]]"
        ));
        let unit = columns.select(&[Channel::in_ampere("m3")], "serial0").unwrap_err().to_string();
        assert!(unit.contains("is in \"mA\", but the model's card has it in \"A\""), "{unit}");
    }
}
