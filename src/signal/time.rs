//! A moment in a stream's own time.

use serde::Serialize;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
