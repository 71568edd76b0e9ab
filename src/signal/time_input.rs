//! Which column or key of an input holds the time of a sample, and in which unit.

use serde::{Deserialize, Serialize};

use super::time::Time;

/// Which column or key of an input holds the time of a sample, and in which unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeInput {
    /// The name of the column or key; `None` means `t`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The unit of the times; `None` if it is not configured, so that it is worked out from the samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// The sample rate in Hz from which samples without a time get one; `None` if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

impl TimeInput {
    /// The name of the column or key that holds the time.
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or("t")
    }

    /// The unit of the times; seconds if it is not configured.
    pub fn unit(&self) -> TimeUnit {
        self.unit.unwrap_or_default()
    }
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
        let unit = units.into_iter().find(|unit| format!("{unit:?}").eq_ignore_ascii_case(name));
        unit.ok_or("it must be s, ms, us, ns, rfc3339 or none")
    }
}

impl TimeUnit {
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

    /// Parses a time; `None` if the text is not a time in this unit, or the unit is [`TimeUnit::None`].
    pub fn parse(self, text: &[u8]) -> Option<Time> {
        match self {
            TimeUnit::Rfc3339 => {
                let moment = humantime::parse_rfc3339_weak(std::str::from_utf8(text).ok()?).ok()?;
                let since_epoch = moment.duration_since(std::time::UNIX_EPOCH).ok()?;
                Time::from_nanos(i64::try_from(since_epoch.as_nanos()).ok()?)
            }
            _ => self.time(fast_float2::parse(text).ok()?),
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
}
