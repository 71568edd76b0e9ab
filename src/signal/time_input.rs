//! Which column or key of an input holds the time of a sample, and in which unit.

use serde::{Deserialize, Serialize};

use super::rfc3339;
use super::time::Time;

/// The maximum number of columns of which a time may be the sum.
const MAX_PARTS: usize = 4;

/// Which column or key of an input holds the time of a sample, and in which unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeInput {
    /// The name of the column or key; `None` means `t`, or in CSV the column whose name
    /// [is that of a time](super::time_name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The columns whose sum is the time, each with its unit, such as whole seconds and nanoseconds; if it is
    /// not empty, `column` and `unit` must be `None`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sum: Vec<TimePart>,
    /// The unit of the times; `None` if it is not configured, so that it is worked out from the samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// The unit if neither the configuration nor the name of the column gives one. Whoever reads live samples works
    /// it out.
    #[serde(skip)]
    pub assumed: TimeUnit,
    /// Which time of a message in an MCAP file is that of its samples; if it is `None`, the stamp in its header, or without one the
    /// time at which it was logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<TimeSource>,
    /// The sample rate in Hz from which samples without a time get one; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// The times of a message in an MCAP file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The stamp in its header, `header.stamp`.
    Header,
    /// When it was logged.
    Log,
    /// When it was published.
    Publish,
}

/// A column that holds a part of the time, in its own unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimePart {
    /// The name of the column.
    pub column: String,
    /// The unit of the column: one of seconds, milliseconds, microseconds and nanoseconds.
    pub unit: TimeUnit,
}

impl TimeInput {
    /// The name of the column or key that holds the time.
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or("t")
    }

    /// The unit of the times; the assumed one if it is not configured.
    pub fn unit(&self) -> TimeUnit {
        self.unit.unwrap_or(self.assumed)
    }

    /// Checks that the keys belong together.
    ///
    /// # Errors
    /// The key that is wrong, its value, and what to do.
    pub fn validate(&self) -> Result<(), TimeInputError> {
        let error = |key, value: String, fix| Err(TimeInputError { key, value, fix });
        if let Some(column) = self.column.as_ref().filter(|_| self.unit == Some(TimeUnit::None)) {
            let fix = "with unit = \"none\" samples have no time; remove column, or set its unit";
            return error("column", format!("{column:?}"), fix);
        }
        if let Some(rate) = self.rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return error("rate", format!("{rate:?}"), "it must be more than 0, in samples per second (Hz)");
        }
        let Some(first) = self.sum.first() else { return Ok(()) };
        let value = format!("a list that begins with the column {:?}", first.column);
        if self.column.is_some() || self.unit.is_some() {
            return error(
                "sum",
                value,
                "the columns and units of the time are in sum; remove column and unit",
            );
        }
        if self.sum.len() > MAX_PARTS {
            return error("sum", value, "it may list at most 4 columns");
        }
        let has_a_number = |part: &TimePart| !matches!(part.unit, TimeUnit::Rfc3339 | TimeUnit::None);
        if !self.sum.iter().all(has_a_number) {
            return error("sum", value, "the unit of each of its columns must be s, ms, us or ns");
        }
        Ok(())
    }
}

/// Why a [`TimeInput`] cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}; {fix}")]
pub struct TimeInputError {
    /// The key, without its section.
    pub key: &'static str,
    /// The value, as it could be written in TOML.
    pub value: String,
    /// What to do.
    pub fix: &'static str,
}

/// The unit or format of the times in an input.
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
    /// Text in the format of RFC 3339, such as `2026-01-31T12:00:00.25Z`.
    Rfc3339,
    /// Samples carry no time; they get one from [`TimeInput::rate`] or from their arrival.
    None,
}

impl std::str::FromStr for TimeUnit {
    type Err = &'static str;

    /// Parses the name that a unit has in a configuration. The error lists the names.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let units =
            [TimeUnit::S, TimeUnit::Ms, TimeUnit::Us, TimeUnit::Ns, TimeUnit::Rfc3339, TimeUnit::None];
        let unit = units.into_iter().find(|unit| unit.name() == name);
        unit.ok_or("it must be s, ms, us, ns, rfc3339 or none")
    }
}

impl TimeUnit {
    /// The name of the unit in configurations and messages.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::S => "s",
            TimeUnit::Ms => "ms",
            TimeUnit::Us => "us",
            TimeUnit::Ns => "ns",
            TimeUnit::Rfc3339 => "rfc3339",
            TimeUnit::None => "none",
        }
    }

    /// That times which nothing names the unit of are in this one; `None` for seconds, the default.
    pub(crate) fn conclusion(self) -> Option<String> {
        (self != TimeUnit::S).then(|| format!("the times are in {}", self.words()))
    }

    /// The unit in a word, for messages.
    pub(crate) fn words(self) -> &'static str {
        match self {
            TimeUnit::S => "seconds",
            TimeUnit::Ms => "milliseconds",
            TimeUnit::Us => "microseconds",
            TimeUnit::Ns => "nanoseconds",
            TimeUnit::Rfc3339 => "the format of RFC 3339",
            TimeUnit::None => "no unit, because there are none",
        }
    }

    /// The nanoseconds in one unit; `None` if times in this unit are not numbers.
    fn nanos(self) -> Option<i64> {
        match self {
            TimeUnit::S => Some(1_000_000_000),
            TimeUnit::Ms => Some(1_000_000),
            TimeUnit::Us => Some(1_000),
            TimeUnit::Ns => Some(1),
            TimeUnit::Rfc3339 | TimeUnit::None => None,
        }
    }

    /// Parses a time; `None` if the text is not a time in this unit, or the unit is [`TimeUnit::None`].
    pub fn parse(self, text: &[u8]) -> Option<Time> {
        match self {
            TimeUnit::Rfc3339 => rfc3339::parse(text),
            _ => self.time(fast_float2::parse(text).ok()?),
        }
    }

    /// Parses a part of a time in nanoseconds. A whole number is converted exactly.
    pub(crate) fn parse_nanos(self, text: &[u8]) -> Option<i64> {
        let unit = self.nanos()?;
        match str::from_utf8(text).ok()?.parse::<i64>() {
            Ok(whole) => whole.checked_mul(unit),
            Err(_) => self.time(fast_float2::parse(text).ok()?).map(Time::nanos),
        }
    }

    /// Converts a number in this unit.
    ///
    /// `None` if the number is not finite or too large, or if times in this unit are not numbers
    /// ([`TimeUnit::Rfc3339`] and [`TimeUnit::None`]).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_gives_the_same_time() {
        let expected = TimeUnit::S.parse(b"1700000000.5").unwrap();
        assert_eq!(TimeUnit::Ms.parse(b"1700000000500"), Some(expected));
        assert_eq!(TimeUnit::Us.parse(b"1700000000500000"), Some(expected));
        assert_eq!(TimeUnit::Rfc3339.parse(b"2023-11-14T22:13:20.5Z"), Some(expected));
        assert_eq!(TimeUnit::S.parse(b"soon"), None);
    }

    #[test]
    fn a_part_of_a_time_is_exact_to_the_nanosecond() {
        assert_eq!(TimeUnit::S.parse_nanos(b"1700000000"), Some(1_700_000_000_000_000_000));
        assert_eq!(TimeUnit::Ns.parse_nanos(b"123456789"), Some(123_456_789));
        assert_eq!(TimeUnit::S.parse_nanos(b"0.5"), Some(500_000_000));
        assert_eq!(TimeUnit::S.parse_nanos(b"9223372036854775807"), None);
        assert_eq!(TimeUnit::Rfc3339.parse_nanos(b"1"), None);
    }

    #[test]
    fn keys_that_do_not_belong_together_are_named() {
        let says =
            |toml: &str| toml::from_str::<TimeInput>(toml).unwrap().validate().unwrap_err().to_string();
        let sum = "sum = [{column = 'secs', unit = 's'}, {column = 'nsecs', unit = 'ns'}]\n";
        assert!(toml::from_str::<TimeInput>(sum).unwrap().validate().is_ok());
        assert!(says(&format!("{sum}column = 't'")).ends_with("remove column and unit"));
        assert!(says(&sum.replace("'ns'", "'rfc3339'")).ends_with("must be s, ms, us or ns"));
        assert!(says("rate = 0").starts_with("rate is 0.0; it must be more than 0"));
        assert!(says("column = 't'\nunit = 'none'").starts_with("column is \"t\"; with unit"));
    }
}
