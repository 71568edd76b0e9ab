//! Streams, times and samples: what every stage passes on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One robot's name, as it stands in topics and in every message.
///
/// A name from a topic or a file is untrusted; [`StreamId::new`] is the only way in. Cloning is a reference count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct StreamId(Arc<str>);

/// Why a text is no [`StreamId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream name {name:?} {why}; use 1 to {max} bytes without \"/\", \"+\", \"#\" and control characters", max = StreamId::MAX_BYTES)]
pub struct BadStreamName {
    name: String,
    why: &'static str,
}

impl StreamId {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name: it becomes one level of an MQTT topic.
    ///
    /// # Errors
    /// Empty, longer than [`StreamId::MAX_BYTES`], with `/`, `+`, `#` or a control character, or starting with `$`.
    pub fn new(name: &str) -> Result<Self, BadStreamName> {
        let why = if name.is_empty() {
            "is empty"
        } else if name.len() > Self::MAX_BYTES {
            "is too long"
        } else if name.starts_with('$') {
            "starts with \"$\""
        } else if name.chars().any(|c| matches!(c, '/' | '+' | '#') || c.is_control()) {
            "has a character that no topic level may have"
        } else {
            return Ok(Self(name.into()));
        };
        // A hostile name may be megabytes long; the message quotes its start.
        let name = name.chars().take(Self::MAX_BYTES).collect();
        Err(BadStreamName { name, why })
    }

    /// A name made from any text, such as a path: each character that no name may have becomes `-`.
    pub fn from_text(text: &str) -> Self {
        let mut name = String::new();
        for c in text.trim_start_matches('$').chars() {
            let c = if matches!(c, '/' | '\\' | '+' | '#') || c.is_control() { '-' } else { c };
            if name.len() + c.len_utf8() > Self::MAX_BYTES {
                break;
            }
            name.push(c);
        }
        if name.is_empty() { Self("stream".into()) } else { Self(name.into()) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for StreamId {
    type Err = BadStreamName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).map_err(serde::de::Error::custom)
    }
}

/// A moment in a stream's own time: whole nanoseconds since its clock's zero (a board's start, or 1970).
///
/// Integers, so that times decoded from text, JSON and binary frames are equal to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// Stands in a decoded sample that carries no device time, until its source stamps it with its arrival.
    pub const ARRIVAL: Time = Time(i64::MIN);

    /// The largest magnitude that is taken for a time: about 146 years.
    const MAX_GIVEN: i64 = i64::MAX / 2;
    /// The largest magnitude that a time may come to, by what is added to it.
    const MAX_NANOS: i64 = i64::MAX / 4 * 3;

    /// A time from nanoseconds; `None` beyond 146 years either way.
    pub fn from_nanos(nanos: i64) -> Option<Self> {
        (-Self::MAX_GIVEN..=Self::MAX_GIVEN).contains(&nanos).then_some(Self(nanos))
    }

    /// A time from `value` units of `unit_nanos` nanoseconds, rounded; `None` if it is not finite or too large.
    pub fn from_units(value: f64, unit_nanos: f64) -> Option<Self> {
        let nanos = (value * unit_nanos).round();
        // The comparison is false for NaN, too.
        if nanos.abs() <= Self::MAX_GIVEN as f64 { Some(Self(nanos as i64)) } else { None }
    }

    /// A time from seconds; `None` if it is not finite or too large.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        Self::from_units(seconds, 1e9)
    }

    /// Whole nanoseconds.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Seconds, as they are printed.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This time moved by `nanos`, staying within what a time can hold.
    pub fn offset(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos).clamp(-Self::MAX_NANOS, Self::MAX_NANOS))
    }

    /// Nanoseconds from `earlier` to this time.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

/// Samples of one stream in the order they were decoded: `len` times and `len` rows of `channels` values.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    channels: usize,
    times: Vec<Time>,
    values: Vec<f32>,
    limits: Option<Arc<[Limits]>>,
}

/// Where a channel's sensor ends: values at these or beyond say no more than that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lowest value.
    pub min: f32,
    /// The highest value.
    pub max: f32,
}

impl Default for Limits {
    /// Not known.
    fn default() -> Self {
        Self { min: f32::NEG_INFINITY, max: f32::INFINITY }
    }
}

impl Limits {
    /// Whether either of them is known.
    pub fn are_known(&self) -> bool {
        *self != Self::default()
    }
}

impl Samples {
    /// No samples yet, of `channels` channels (at least one).
    pub fn new(channels: usize) -> Self {
        Self { channels: channels.max(1), times: Vec::new(), values: Vec::new(), limits: None }
    }

    /// The same of sensors with these limits, one a channel.
    pub fn within(self, limits: Option<Arc<[Limits]>>) -> Self {
        Self { limits, ..self }
    }

    /// The sensors' limits, as far as they are known.
    pub fn limits(&self) -> Option<&Arc<[Limits]>> {
        self.limits.as_ref()
    }

    /// How many channels each sample has.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds a sample; values past the channel count are left out, missing ones are NaN.
    pub fn push(&mut self, time: Time, values: impl IntoIterator<Item = f32>) {
        self.times.push(time);
        self.values.extend(values);
        self.values.resize(self.times.len() * self.channels, f32::NAN);
    }

    /// The times, one a sample.
    pub fn times(&self) -> &[Time] {
        &self.times
    }

    /// The times, to be stamped.
    pub fn times_mut(&mut self) -> &mut [Time] {
        &mut self.times
    }

    /// The values, row after row, `channels` a row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Each sample's time and row.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &[f32])> {
        self.times.iter().copied().zip(self.values.chunks_exact(self.channels))
    }

    /// Removes the samples and keeps the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_name_is_one_topic_level() {
        for bad in ["", "a/b", "+", "a#", "$SYS", "tab\t", &"x".repeat(65)] {
            let error = StreamId::new(bad).unwrap_err().to_string();
            assert!(error.contains("use 1 to 64 bytes"), "{error}");
        }
        assert_eq!(StreamId::new("rover-1 å").unwrap().as_str(), "rover-1 å");
    }

    #[test]
    fn any_text_becomes_a_stream_name_that_passes_the_check() {
        for text in ["green/d195", "", "$SYS/#", &"ä".repeat(100)] {
            let id = StreamId::from_text(text);
            assert_eq!(StreamId::new(id.as_str()).unwrap(), id);
        }
        assert_eq!(StreamId::from_text("green/d195").as_str(), "green-d195");
    }

    #[test]
    fn equal_times_in_different_units_are_equal_to_the_bit() {
        assert_eq!(Time::from_seconds(12.3), Time::from_units(12300.0, 1e6));
        assert_eq!(Time::from_units(12_300_000.0, 1e3), Time::from_seconds(12.3));
    }

    #[test]
    fn a_time_that_is_no_number_or_too_large_is_none() {
        for bad in [f64::NAN, f64::INFINITY, 1e300, -1e300, 1e11] {
            assert_eq!(Time::from_seconds(bad), None);
        }
    }

    #[test]
    fn a_short_row_is_filled_with_nan_and_a_long_one_is_cut() {
        let mut samples = Samples::new(2);
        samples.push(Time(0), [1.0]);
        samples.push(Time(1), [1.0, 2.0, 3.0]);
        let rows: Vec<_> = samples.iter().map(|(_, row)| row.to_vec()).collect();
        assert!(rows[0][1].is_nan());
        assert_eq!(rows[1], [1.0, 2.0]);
    }
}
